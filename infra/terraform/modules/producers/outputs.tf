output "function_name" {
  description = "Name of the producer, null unless it is a function."
  value       = one(module.producer[*].name)
}

output "queue_name" {
  description = "Name of the queue of the events that did not reach the function, null without one."
  value       = one(aws_sqs_queue.this[*].name)
}
