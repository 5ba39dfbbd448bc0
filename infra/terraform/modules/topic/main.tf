# An SNS topic as this pipeline makes them: encrypted, by TLS alone, mailed.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  arn = join(":", [
    "arn", data.aws_partition.current.partition, "sns", var.region,
    data.aws_caller_identity.current.account_id, var.name,
  ])
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "AllowPublishThroughSSLOnly"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # The policy takes the place of SNS's own, which lets the account's services publish.
  dynamic "statement" {
    for_each = var.publishers

    content {
      actions   = ["sns:Publish"]
      resources = [local.arn]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.current.account_id]
      }
    }
  }
}

resource "aws_sns_topic" "this" {
  name              = var.name
  display_name      = var.display_name
  kms_master_key_id = var.key_arn
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.this.json
}

resource "aws_sns_topic_subscription" "this" {
  count = var.email == "" ? 0 : 1

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.email
}
