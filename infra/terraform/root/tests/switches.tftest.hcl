# What each switch makes.

mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  code_dir    = "./tests/code"
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
}

run "everything" {
  variables {
    enrichment              = true
    audit                   = true
    network                 = "firewalled"
    history_index           = true
    provisioned_concurrency = 2
    reserve_concurrency     = true
    email                   = "a@example.com"
  }

  assert {
    condition     = output.function_name == "crypto-data-consumer-dev" && output.workgroup == "trading-analytics-dev"
    error_message = "Names are not those of infra/facts.json."
  }
}

run "as_little_as_there_can_be" {
  variables {
    analytics = false
    producer  = "none"
  }

  assert {
    condition     = output.workgroup == null && output.producer_function_name == null
    error_message = "A lake or a producer was made without being asked for."
  }
}

run "producer_as_a_container" {
  module {
    source = "../modules/producers"
  }

  variables {
    producer       = "ecs"
    producer_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/penstock:1"
  }

  assert {
    condition     = aws_ecs_service.this[0].desired_count == 1 && aws_ecs_service.this[0].deployment_maximum_percent == 100
    error_message = "Two producers of one market would run at once."
  }

  assert {
    condition     = aws_ecs_service.this[0].network_configuration[0].assign_public_ip && length(module.network[0].public_subnet_ids) == 2
    error_message = "The container reaches nothing."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this[0].container_definitions)[0].command == ["produce", "--to", "kinesis", "--source", "simulated", "--rate", "1"]
    error_message = "The container does something else."
  }

  assert {
    condition     = output.function_name == null && length(aws_cloudwatch_event_rule.this) == 0
    error_message = "There is a function besides the container."
  }
}

run "producer_as_a_container_in_the_vpc" {
  module {
    source = "../modules/producers"
  }

  variables {
    producer       = "ecs"
    producer_image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/penstock:1"
    vpc            = { id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"] }
  }

  assert {
    condition     = aws_ecs_service.this[0].network_configuration[0].subnets == toset(["subnet-1", "subnet-2"]) && !aws_ecs_service.this[0].network_configuration[0].assign_public_ip
    error_message = "The container is not in the private subnets."
  }

  assert {
    condition     = length(module.network) == 0 && aws_security_group.service[0].vpc_id == "vpc-1"
    error_message = "The container has a network of its own."
  }
}

run "warm_and_reserved" {
  module {
    source = "../modules/consumers"
  }

  variables {
    provisioned_concurrency = 2
    reserve_concurrency     = true
  }

  assert {
    condition     = aws_lambda_provisioned_concurrency_config.warm[0].provisioned_concurrent_executions == 2
    error_message = "No consumers are kept warm."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this["consumer"].function_name == aws_lambda_alias.warm[0].arn
    error_message = "The stream does not feed those that are warm."
  }
}

run "one_consumer" {
  module {
    source = "../modules/consumers"
  }

  assert {
    condition = alltrue([
      for key, value in { batch_size = 500, maximum_batching_window_in_seconds = 0, maximum_retry_attempts = -1, maximum_record_age_in_seconds = 165600, parallelization_factor = 4 } :
      aws_lambda_event_source_mapping.this["consumer"][key] == value
    ])
    error_message = "The mapping is not as infra/facts.json says."
  }

  assert {
    condition     = keys(aws_lambda_event_source_mapping.this) == ["consumer"] && length(module.enrichment) == 0
    error_message = "Events are enriched without being asked for."
  }

  assert {
    condition     = !aws_dynamodb_table.state.deletion_protection_enabled
    error_message = "The tables of dev cannot be destroyed."
  }

  assert {
    condition     = local.variables.PRICE_THRESHOLD == "85000" && length(aws_dynamodb_table.history.global_secondary_index) == 0
    error_message = "The consumer is not as infra/facts.json says."
  }
}

run "prod_keeps_its_tables" {
  module {
    source = "../modules/consumers"
  }

  variables {
    environment   = "prod"
    history_index = true
    has_threshold = true
  }

  assert {
    condition     = aws_dynamodb_table.history.deletion_protection_enabled && aws_dynamodb_table.positions.deletion_protection_enabled
    error_message = "The tables of prod can be destroyed."
  }

  assert {
    condition     = one(aws_dynamodb_table.history.global_secondary_index).name == "by-venue"
    error_message = "The history cannot be queried by venue."
  }

  assert {
    condition     = !contains(keys(local.variables), "PRICE_THRESHOLD")
    error_message = "Settings that have a price of their own get another."
  }
}
