# The network and the audit trail, where they are wanted.

locals {
  facts       = jsondecode(file("${path.module}/../../../facts.json"))
  environment = coalesce(var.environment, local.facts.environment)
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      owner       = coalesce(var.owner, local.facts.tags.owner)
      project     = local.facts.tags.project
      environment = local.environment
    }
  }
}

module "foundation" {
  source = "../../modules/foundation"

  environment   = local.environment
  region        = var.region
  network       = var.network
  audit         = var.audit
  force_destroy = var.force_destroy
}
