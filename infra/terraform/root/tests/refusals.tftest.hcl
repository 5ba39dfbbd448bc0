# What cannot be is refused before anything is made.

mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  code_dir = "./tests/code"
}

run "each_variable" {
  command = plan

  variables {
    region                  = "Frankfurt"
    environment             = "qa"
    owner                   = "a{b}"
    stream_mode             = "uniform"
    stream_shard_count      = 0
    stream_arn              = "crypto-price-stream"
    stream_key_arn          = "alias/mine"
    lambda_memory_size      = 64
    lambda_timeout          = 901
    lambda_architecture     = "mips"
    lambda_python           = "3.10"
    code_dir                = ""
    config                  = "penstock.toml"
    producer                = "cron"
    producer_image          = "a b"
    network                 = "public"
    provisioned_concurrency = 1001
    price_threshold         = 0
    email                   = "nobody"
  }

  expect_failures = [
    var.region,
    var.environment,
    var.owner,
    var.stream_mode,
    var.stream_shard_count,
    var.stream_arn,
    var.stream_key_arn,
    var.lambda_memory_size,
    var.lambda_timeout,
    var.lambda_architecture,
    var.lambda_python,
    var.code_dir,
    var.config,
    var.producer,
    var.producer_image,
    var.network,
    var.provisioned_concurrency,
    var.price_threshold,
    var.email,
  ]
}
