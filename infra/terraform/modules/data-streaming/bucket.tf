locals {
  parts = [
    "raw", "enriched", "completed", "dead_letter", "failed_batches", "failed_deliveries",
    "results",
  ]
  classes = { STANDARD_IA = "infrequent_days", GLACIER_IR = "glacier_days" }
}

module "bucket" {
  source = "../bucket"

  name          = local.bucket_name
  force_destroy = var.force_destroy

  rules = concat([
    for part in local.parts : {
      id          = replace(part, "_", "-")
      prefix      = local.facts.bucket[part].prefix
      expire_days = local.facts.bucket[part].expire_days
      transitions = {
        for class, key in local.classes : class => local.facts.bucket[part][key]
        if contains(keys(local.facts.bucket[part]), key)
      }
    }
    ], [{
      id              = "leftovers"
      forget_markers  = true
      noncurrent_days = local.facts.bucket.noncurrent_days
      unfinished_days = local.facts.bucket.unfinished_days
  }])
}

# What the alarm on the bucket's errors reads.
resource "aws_s3_bucket_metric" "this" {
  bucket = module.bucket.name
  name   = "EntireBucket"
}
