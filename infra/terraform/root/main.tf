# Everything at once, with one state.  The stages apply the same modules one by one.

locals {
  facts       = jsondecode(file("${path.module}/../../facts.json"))
  environment = coalesce(var.environment, local.facts.environment)
  shards      = coalesce(var.stream_shard_count, local.facts.stream.shards)
  mode        = coalesce(var.stream_mode, local.facts.stream.mode)
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
  source = "../modules/foundation"

  environment   = local.environment
  region        = var.region
  network       = var.network
  audit         = var.audit
  force_destroy = var.force_destroy
}

module "data_streaming" {
  source = "../modules/data-streaming"

  environment        = local.environment
  region             = var.region
  stream_mode        = local.mode
  stream_shard_count = local.shards
  stream_arn         = var.stream_arn
  stream_key_arn     = var.stream_key_arn
  enrichment         = var.enrichment
  force_destroy      = var.force_destroy
}

module "runtime" {
  source = "../modules/runtime"

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
  source = "../modules/producers"

  environment    = local.environment
  runtime        = module.runtime.runtime
  producer       = var.producer
  producer_image = var.producer_image
  stream         = module.data_streaming.stream
  key_arns       = module.data_streaming.key_arns
  vpc            = module.foundation.vpc
}

module "consumers" {
  source = "../modules/consumers"

  environment             = local.environment
  runtime                 = module.runtime.runtime
  has_threshold           = module.runtime.has_threshold
  price_threshold         = coalesce(var.price_threshold, local.facts.alerts.price_threshold)
  history_index           = var.history_index
  provisioned_concurrency = var.provisioned_concurrency
  reserve_concurrency     = var.reserve_concurrency
  email                   = var.email
  stream                  = module.data_streaming.stream
  stream_mode             = local.mode
  stream_shard_count      = local.shards
  events_stream           = module.data_streaming.events_stream
  bucket                  = module.data_streaming.bucket
  key_arn                 = module.data_streaming.key_arn
  key_arns                = module.data_streaming.key_arns
  vpc                     = module.foundation.vpc
}

module "analytics" {
  source = "../modules/analytics"
  count  = var.analytics ? 1 : 0

  environment = local.environment
  region      = var.region
  stream      = module.data_streaming.stream
  bucket      = module.data_streaming.bucket
  key_arns    = module.data_streaming.key_arns
}

module "monitoring" {
  source = "../modules/monitoring"

  environment = local.environment
  region      = var.region
  producer    = var.producer
  queue_name  = module.producers.queue_name
  functions = merge(
    module.consumers.functions,
    var.producer == "lambda" ? { producer = module.producers.function_name } : {},
  )
  tables      = module.consumers.tables
  stream_name = module.data_streaming.stream.name
  bucket_name = module.data_streaming.bucket.name
  key_arn     = module.data_streaming.key_arn
  email       = var.email
}
