variable "environment" {
  description = "What the names of the resources end in."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "stream_mode" {
  description = "provisioned, with shards that are counted, or on-demand."
  type        = string
}

variable "stream_shard_count" {
  description = "Shards of the stream of trades, where it is provisioned."
  type        = number
}

variable "stream_arn" {
  description = "An existing stream to consume instead of one of our own, or \"\"."
  type        = string

  validation {
    condition     = var.stream_arn == "" ? true : split(":", var.stream_arn)[3] == var.region
    error_message = "The stream of stream_arn is in another region than the functions would be, and Lambda reads no stream of another region: set region to the stream's."
  }
}

variable "stream_key_arn" {
  description = "The key that encrypts the stream of stream_arn, or \"\" where it is AWS's own."
  type        = string

  validation {
    condition     = var.stream_key_arn == "" || var.stream_arn != ""
    error_message = "stream_key_arn is the key of an existing stream, and there is none: set stream_arn too, or leave stream_key_arn out."
  }

  validation {
    condition     = var.stream_key_arn == "" ? true : split(":", var.stream_key_arn)[3] == var.region
    error_message = "The key of stream_key_arn is in another region than the stream: set region to the key's."
  }
}

variable "enrichment" {
  description = "Whether a stream of events is enriched; adds a shard."
  type        = bool
}

variable "force_destroy" {
  description = "Whether the bucket is destroyed with all that it holds."
  type        = bool
}
