# The lake: Firehose into the bucket, and Athena to ask it.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json"))
  named = { for key, name in local.facts.names : key => "${name}-${var.environment}" }

  arn_start = "arn:${data.aws_partition.current.partition}"
  here      = "${var.region}:${data.aws_caller_identity.current.account_id}"
  logs_arn  = "${local.arn_start}:logs:${local.here}:log-group"
  glue_arn  = "${local.arn_start}:glue:${local.here}"

  delivery_log = "/aws/kinesisfirehose/${local.named.delivery_stream}"
  failed       = local.facts.bucket.failed_deliveries.prefix
}

resource "aws_cloudwatch_log_group" "delivery" {
  name              = local.delivery_log
  retention_in_days = local.facts.functions.log_retention_days
}

resource "aws_cloudwatch_log_stream" "delivery" {
  name           = "S3Delivery"
  log_group_name = aws_cloudwatch_log_group.delivery.name
}

module "delivery_role" {
  source = "../role"

  name    = local.named.delivery_stream
  service = "firehose"
  policy  = jsondecode(file("${path.module}/../../../policies/delivery.json"))
  arns = {
    stream    = [var.stream.arn]
    bucket    = [var.bucket.arn]
    key       = var.key_arns
    log_group = ["${local.logs_arn}:${local.delivery_log}"]
  }
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  name        = local.named.delivery_stream
  destination = "extended_s3"

  kinesis_source_configuration {
    kinesis_stream_arn = var.stream.arn
    role_arn           = module.delivery_role.arn
  }

  extended_s3_configuration {
    bucket_arn          = var.bucket.arn
    role_arn            = module.delivery_role.arn
    prefix              = "${local.facts.bucket.raw.prefix}!{timestamp:yyyy/MM/dd/HH}/"
    error_output_prefix = "${local.failed}!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
    compression_format  = "GZIP"
    buffering_interval  = local.facts.analytics.buffer_s
    buffering_size      = local.facts.analytics.buffer_mb

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.delivery.name
      log_stream_name = aws_cloudwatch_log_stream.delivery.name
    }
  }
}

resource "aws_athena_workgroup" "this" {
  name          = local.named.workgroup
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = local.facts.analytics.scan_limit_bytes

    result_configuration {
      output_location = "s3://${var.bucket.name}/${local.facts.bucket.results.prefix}"

      encryption_configuration {
        encryption_option = "SSE_S3"
      }
    }
  }
}

resource "aws_athena_named_query" "example" {
  name      = "average-price-by-symbol"
  database  = aws_glue_catalog_database.this.name
  workgroup = aws_athena_workgroup.this.name
  query = join("\n", [
    "SELECT symbol, AVG(price) AS avg_price, COUNT(*) AS records",
    "FROM raw_data GROUP BY symbol",
  ])
}
