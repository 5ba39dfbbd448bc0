# The streams, their key, and the bucket.

locals {
  facts       = jsondecode(file("${path.module}/../../../facts.json"))
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

module "data_streaming" {
  source = "../../modules/data-streaming"

  environment        = local.environment
  region             = var.region
  stream_mode        = local.mode
  stream_shard_count = local.shards
  stream_arn         = var.stream_arn
  stream_key_arn     = var.stream_key_arn
  enrichment         = var.enrichment
  force_destroy      = var.force_destroy
}
