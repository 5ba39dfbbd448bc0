output "stream_name" {
  description = "Name of the stream of trades."
  value       = module.data_streaming.stream.name
}

output "bucket_name" {
  description = "Name of the bucket of everything that is kept."
  value       = module.data_streaming.bucket.name
}

output "stream" {
  description = "The stream of trades, for the stages after this one."
  value       = module.data_streaming.stream
}

output "events_stream" {
  description = "The stream of events to be enriched, null unless they are."
  value       = module.data_streaming.events_stream
}

output "bucket" {
  description = "The bucket of everything that is kept."
  value       = module.data_streaming.bucket
}

output "key_arn" {
  description = "ARN of the key that encrypts streams and topics."
  value       = module.data_streaming.key_arn
}

output "key_arns" {
  description = "Keys that the functions use."
  value       = module.data_streaming.key_arns
}

output "stream_mode" {
  description = "provisioned or on-demand."
  value       = local.mode
}

output "stream_shard_count" {
  description = "Shards of the stream of trades, where it is provisioned."
  value       = local.shards
}
