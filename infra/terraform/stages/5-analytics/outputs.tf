output "workgroup" {
  description = "Name of the Athena workgroup."
  value       = module.analytics.workgroup
}

output "database" {
  description = "Name of the Glue database."
  value       = module.analytics.database
}

output "crawler" {
  description = "Name of the crawler."
  value       = module.analytics.crawler
}
