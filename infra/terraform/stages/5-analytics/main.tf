# The lake.

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

data "terraform_remote_state" "streaming" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "2-data-streaming.tfstate"
    region = var.region
  }
}

module "analytics" {
  source = "../../modules/analytics"

  environment = local.environment
  region      = var.region
  stream      = data.terraform_remote_state.streaming.outputs.stream
  bucket      = data.terraform_remote_state.streaming.outputs.bucket
  key_arns    = data.terraform_remote_state.streaming.outputs.key_arns
}
