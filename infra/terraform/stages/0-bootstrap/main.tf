# The bucket that the other stages keep their states in.  Its own state is a file here.

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

data "aws_caller_identity" "current" {}

module "bucket" {
  source = "../../modules/bucket"

  name          = "${local.facts.tags.project}-terraform-${data.aws_caller_identity.current.account_id}-${var.region}-${local.environment}"
  force_destroy = var.force_destroy
  rules = [{
    id              = "leftovers"
    noncurrent_days = 90
    unfinished_days = local.facts.bucket.unfinished_days
  }]
}
