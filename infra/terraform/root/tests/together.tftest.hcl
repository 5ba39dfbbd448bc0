# What is possible by itself, and impossible beside the rest, is refused.

mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment = "dev"
  vpc         = null
  stream      = { name = "crypto-price-stream-dev", arn = "arn:aws:kinesis:us-east-1:123456789012:stream/crypto-price-stream-dev" }
  bucket      = { name = "data", arn = "arn:aws:s3:::data" }
  key_arn     = "arn:aws:kms:us-east-1:123456789012:key/1"
  key_arns    = ["arn:aws:kms:us-east-1:123456789012:key/1"]
  email       = ""

  runtime = {
    region       = "us-east-1"
    memory_mb    = 256
    timeout_s    = 60
    architecture = "arm64"
    python       = "3.13"
    code_dir     = "./tests/code"
    config       = "{}"
  }
  producer                = "lambda"
  producer_image          = ""
  events_stream           = null
  price_threshold         = 85000
  has_threshold           = false
  history_index           = false
  stream_mode             = "provisioned"
  stream_shard_count      = 2
  provisioned_concurrency = 0
  reserve_concurrency     = false
  region                  = "us-east-1"
  stream_arn              = ""
  stream_key_arn          = ""
  enrichment              = false
  force_destroy           = false
}

run "a_stream_elsewhere" {
  command = plan

  module {
    source = "../modules/data-streaming"
  }

  variables {
    stream_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
  }

  expect_failures = [var.stream_arn]
}

run "a_key_of_no_stream" {
  command = plan

  module {
    source = "../modules/data-streaming"
  }

  variables {
    stream_key_arn = "arn:aws:kms:us-east-1:123456789012:key/1"
  }

  expect_failures = [var.stream_key_arn]
}

run "a_container_of_no_image" {
  command = plan

  module {
    source = "../modules/producers"
  }

  variables {
    producer = "ecs"
  }

  expect_failures = [var.producer]
}

run "more_warm_than_can_run" {
  command = plan

  module {
    source = "../modules/consumers"
  }

  variables {
    provisioned_concurrency = 9
  }

  expect_failures = [var.provisioned_concurrency]
}

run "a_reserve_of_unknown_size" {
  command = plan

  module {
    source = "../modules/consumers"
  }

  variables {
    reserve_concurrency = true
    stream_mode         = "on-demand"
  }

  expect_failures = [var.reserve_concurrency]
}
