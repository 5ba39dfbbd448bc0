# What is done with the trades, and what watches over all of it.

locals {
  facts       = jsondecode(file("${path.module}/../../../facts.json"))
  environment = coalesce(var.environment, local.facts.environment)
  streaming   = data.terraform_remote_state.streaming.outputs
  producers   = data.terraform_remote_state.producers.outputs
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

data "terraform_remote_state" "producers" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "3-producers.tfstate"
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

module "consumers" {
  source = "../../modules/consumers"

  environment             = local.environment
  runtime                 = module.runtime.runtime
  has_threshold           = module.runtime.has_threshold
  price_threshold         = coalesce(var.price_threshold, local.facts.alerts.price_threshold)
  history_index           = var.history_index
  provisioned_concurrency = var.provisioned_concurrency
  reserve_concurrency     = var.reserve_concurrency
  email                   = var.email
  stream                  = local.streaming.stream
  stream_mode             = local.streaming.stream_mode
  stream_shard_count      = local.streaming.stream_shard_count
  events_stream           = try(local.streaming.events_stream, null)
  bucket                  = local.streaming.bucket
  key_arn                 = local.streaming.key_arn
  key_arns                = local.streaming.key_arns
  vpc                     = try(data.terraform_remote_state.foundation.outputs.vpc, null)
}

module "monitoring" {
  source = "../../modules/monitoring"

  environment = local.environment
  region      = var.region
  producer    = local.producers.producer
  queue_name  = try(local.producers.queue_name, null)
  functions = merge(
    module.consumers.functions,
    local.producers.producer == "lambda" ? { producer = local.producers.producer_function_name } : {},
  )
  tables      = module.consumers.tables
  stream_name = local.streaming.stream.name
  bucket_name = local.streaming.bucket.name
  key_arn     = local.streaming.key_arn
  email       = var.email
}
