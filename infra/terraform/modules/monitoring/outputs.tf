output "topic_arn" {
  description = "ARN of the topic that alarms go to."
  value       = module.topic.arn
}

output "dashboard_url" {
  description = "Where the dashboard is."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards:name=${local.named.dashboard}"
}
