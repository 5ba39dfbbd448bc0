output "stream_name" {
  description = "Name of the stream of trades."
  value       = module.data_streaming.stream.name
}

output "bucket_name" {
  description = "Name of the bucket of everything that is kept."
  value       = module.data_streaming.bucket.name
}

output "function_name" {
  description = "Name of the consumer."
  value       = module.consumers.function_name
}

output "table_name" {
  description = "Name of the table of the history."
  value       = module.consumers.table_name
}

output "topic_arn" {
  description = "ARN of the topic that alerts go to."
  value       = module.consumers.topic_arn
}

output "alarm_topic_arn" {
  description = "ARN of the topic that alarms go to."
  value       = module.monitoring.topic_arn
}

output "dashboard_url" {
  description = "Where the dashboard is."
  value       = module.monitoring.dashboard_url
}

output "producer_function_name" {
  description = "Name of the producer, null unless it is a function."
  value       = module.producers.function_name
}

output "workgroup" {
  description = "Name of the Athena workgroup, null without analytics."
  value       = one(module.analytics[*].workgroup)
}
