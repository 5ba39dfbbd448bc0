# What all functions run on, from what was chosen and infra/facts.json.

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json")).functions
  # Where the functions are, they know themselves.
  aws = { for key, value in try(var.config.aws, {}) : key => value if !contains(["endpoint", "region"], key) }
}
