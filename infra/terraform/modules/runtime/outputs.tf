output "runtime" {
  description = "What all functions run on."
  value = {
    region       = var.region
    memory_mb    = coalesce(var.memory_mb, local.facts.memory_mb)
    timeout_s    = coalesce(var.timeout_s, local.facts.timeout_s)
    architecture = coalesce(var.architecture, local.facts.architecture)
    python       = coalesce(var.python, local.facts.python)
    code_dir     = coalesce(var.code_dir, "${path.module}/../../../../dist/lambda")
    # Their settings, and what tables' names end in.
    config = jsonencode(merge(var.config, { aws = merge(local.aws, { environment = var.environment }) }))
  }
}

output "has_threshold" {
  description = "Whether an alert of the settings has a price of its own."
  value       = anytrue([for alert in try(var.config.alerts, []) : can(alert.below)])
}
