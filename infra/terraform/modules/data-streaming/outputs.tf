# What policies name is written out, not asked for: so a plan shows it.

output "stream" {
  description = "The trades' stream, name and ARN, once it is there."
  value = {
    name = local.has_own ? local.named.stream : split("/", var.stream_arn)[1]
    arn  = local.has_own ? "${local.streams_arn}/${local.named.stream}" : var.stream_arn
  }
  depends_on = [aws_kinesis_stream.this]
}

output "events_stream" {
  description = "The events' stream, name and ARN, once it is there; null unless events are enriched."
  value = var.enrichment ? {
    name = local.named.events_stream
    arn  = "${local.streams_arn}/${local.named.events_stream}"
  } : null
  depends_on = [aws_kinesis_stream.events]
}

output "bucket" {
  description = "The bucket, name and ARN, once its policy holds."
  value = {
    name = local.bucket_name
    arn  = "arn:${local.partition}:s3:::${local.bucket_name}"
  }
  depends_on = [module.bucket]
}

output "key_arn" {
  description = "ARN of the key that encrypts streams and topics."
  value       = aws_kms_key.this.arn
}

output "key_arns" {
  description = "Keys that the functions use: our own, and that of an existing stream where it has one."
  value       = concat([aws_kms_key.this.arn], var.stream_key_arn == "" ? [] : [var.stream_key_arn])
}
