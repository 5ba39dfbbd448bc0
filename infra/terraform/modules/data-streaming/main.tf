# The streams, the key that encrypts them and the topics, and the bucket of everything
# that is kept.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json"))
  named = { for key, name in local.facts.names : key => "${name}-${var.environment}" }

  account     = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  has_own     = var.stream_arn == ""
  mode        = var.stream_mode == "provisioned" ? "PROVISIONED" : "ON_DEMAND"
  bucket_name = "${local.facts.names.bucket}-${local.account}-${var.region}-${var.environment}"
  streams_arn = "arn:${local.partition}:kinesis:${var.region}:${local.account}:stream"
}

data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  # An alarm publishes to an encrypted topic only with leave of the key itself.
  statement {
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  description         = "Streams and topics of the Penstock pipeline"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.named.key}"
  target_key_id = aws_kms_key.this.arn
}

# The trades, one ticker a partition key.
resource "aws_kinesis_stream" "this" {
  count = local.has_own ? 1 : 0

  name             = local.named.stream
  retention_period = local.facts.stream.retention_hours
  shard_count      = local.mode == "PROVISIONED" ? var.stream_shard_count : null
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn

  stream_mode_details {
    stream_mode = local.mode
  }
}

# Events to be enriched.
resource "aws_kinesis_stream" "events" {
  count = var.enrichment ? 1 : 0

  name             = local.named.events_stream
  retention_period = local.facts.events.retention_hours
  shard_count      = local.mode == "PROVISIONED" ? local.facts.events.shards : null
  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.this.arn

  stream_mode_details {
    stream_mode = local.mode
  }
}
