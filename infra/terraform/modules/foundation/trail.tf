# Who did what, and who read and wrote which object of the data.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account     = data.aws_caller_identity.current.account_id
  arn_start   = "arn:${data.aws_partition.current.partition}"
  owned       = "${local.account}-${var.region}-${var.environment}"
  trail_name  = "${local.facts.names.trail}-${local.owned}"
  data_bucket = "${local.facts.names.bucket}-${local.owned}"
}

data "aws_iam_policy_document" "trail" {
  statement {
    actions   = ["s3:GetBucketAcl"]
    resources = ["${local.arn_start}:s3:::${local.trail_name}"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
  }

  statement {
    actions   = ["s3:PutObject"]
    resources = ["${local.arn_start}:s3:::${local.trail_name}/AWSLogs/${local.account}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-acl"
      values   = ["bucket-owner-full-control"]
    }
  }
}

module "trail_bucket" {
  source = "../bucket"
  count  = var.audit ? 1 : 0

  name          = local.trail_name
  policies      = [data.aws_iam_policy_document.trail.json]
  force_destroy = var.force_destroy
  rules = [{
    id              = "expiry"
    expire_days     = local.facts.audit.trail_days
    noncurrent_days = local.facts.bucket.noncurrent_days
  }]
}

resource "aws_cloudtrail" "this" {
  count = var.audit ? 1 : 0

  name                          = local.named.trail
  s3_bucket_name                = module.trail_bucket[0].name
  is_multi_region_trail         = false
  include_global_service_events = true
  enable_log_file_validation    = true

  event_selector {
    read_write_type           = "All"
    include_management_events = true

    data_resource {
      type   = "AWS::S3::Object"
      values = ["${local.arn_start}:s3:::${local.data_bucket}/"]
    }
  }
}
