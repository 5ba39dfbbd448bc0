# What is done with the trades: the functions that decide, their topic and schedules.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json"))
  named = { for key, name in local.facts.names : key => "${name}-${var.environment}" }

  account   = data.aws_caller_identity.current.account_id
  arn_start = "arn:${data.aws_partition.current.partition}"
  # Invocations of the consumer that can run at once.
  consumers = var.stream_shard_count * local.facts.consumer.parallelization_factor

  arns = {
    stream          = [var.stream.arn]
    events_stream   = var.events_stream == null ? [] : [var.events_stream.arn]
    bucket          = [var.bucket.arn]
    key             = var.key_arns
    topic           = ["${local.arn_start}:sns:${var.runtime.region}:${local.account}:${local.named.topic}"]
    history_table   = ["${local.tables_arn}/${local.named.history_table}"]
    state_table     = ["${local.tables_arn}/${local.named.state_table}"]
    positions_table = ["${local.tables_arn}/${local.named.positions_table}"]
    lookup_tables   = [for table in values(local.lookups) : "${local.tables_arn}/${table.name}"]
  }

  variables = merge({
    STREAM_NAME          = var.stream.name
    BUCKET_NAME          = var.bucket.name
    SNS_TOPIC_ARN        = module.topic.arn
    DYNAMO_TABLE_NAME    = aws_dynamodb_table.history.name
    STATE_TABLE_NAME     = aws_dynamodb_table.state.name
    POSITIONS_TABLE_NAME = aws_dynamodb_table.positions.name
    },
    # It is the price of one alert: settings that have one say it themselves.
    var.has_threshold ? {} : { PRICE_THRESHOLD = tostring(var.price_threshold) },
  )
}

module "topic" {
  source = "../topic"

  name         = local.named.topic
  display_name = "Crypto price alerts"
  region       = var.runtime.region
  key_arn      = var.key_arn
  email        = var.email
}

module "consumer" {
  source = "../function"

  key                  = "consumer"
  environment          = var.environment
  runtime              = var.runtime
  timeout_s            = local.facts.functions.consumer_timeout_s
  variables            = local.variables
  arns                 = local.arns
  vpc                  = var.vpc
  reserved_concurrency = var.reserve_concurrency ? local.consumers : -1
  publish              = var.provisioned_concurrency > 0
}

resource "aws_lambda_alias" "warm" {
  count = var.provisioned_concurrency > 0 ? 1 : 0

  name             = "warm"
  function_name    = module.consumer.name
  function_version = module.consumer.version
}

resource "aws_lambda_provisioned_concurrency_config" "warm" {
  count = var.provisioned_concurrency > 0 ? 1 : 0

  function_name                     = module.consumer.name
  qualifier                         = aws_lambda_alias.warm[0].name
  provisioned_concurrent_executions = var.provisioned_concurrency
}

module "sweeper" {
  source = "../function"

  key          = "sweeper"
  environment  = var.environment
  runtime      = var.runtime
  timeout_s    = var.runtime.timeout_s
  variables    = local.variables
  arns         = local.arns
  vpc          = var.vpc
  is_scheduled = true
}

resource "aws_cloudwatch_event_rule" "sweep" {
  name                = local.named.sweep_schedule
  description         = "Delivers what a crash left in an outbox"
  schedule_expression = local.facts.sweeper.schedule
}

resource "aws_lambda_permission" "sweep" {
  statement_id  = local.named.sweep_schedule
  action        = "lambda:InvokeFunction"
  function_name = module.sweeper.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep.arn
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule      = aws_cloudwatch_event_rule.sweep.name
  target_id = "Target0"
  arn       = module.sweeper.arn
}

module "enrichment" {
  source = "../function"
  count  = var.events_stream == null ? 0 : 1

  key         = "enrichment"
  environment = var.environment
  runtime     = var.runtime
  timeout_s   = var.runtime.timeout_s
  variables   = local.variables
  arns        = local.arns
  vpc         = var.vpc
}
