# Where the trades come from.

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

data "terraform_remote_state" "foundation" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "1-foundation.tfstate"
    region = var.region
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

module "runtime" {
  source = "../../modules/runtime"

  environment  = local.environment
  region       = var.region
  memory_mb    = var.lambda_memory_size
  timeout_s    = var.lambda_timeout
  architecture = var.lambda_architecture
  python       = var.lambda_python
  code_dir     = var.code_dir
  config       = var.config
}

module "producers" {
  source = "../../modules/producers"

  environment    = local.environment
  runtime        = module.runtime.runtime
  producer       = var.producer
  producer_image = var.producer_image
  stream         = data.terraform_remote_state.streaming.outputs.stream
  key_arns       = data.terraform_remote_state.streaming.outputs.key_arns
  vpc            = try(data.terraform_remote_state.foundation.outputs.vpc, null)
}
