output "producer_function_name" {
  description = "Name of the producer, null unless it is a function."
  value       = module.producers.function_name
}

output "producer" {
  description = "Where the trades come from: lambda, ecs or none."
  value       = var.producer
}

output "queue_name" {
  description = "Name of the queue of the events that did not reach the function, null without one."
  value       = module.producers.queue_name
}
