variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-\\d$", var.region))
    error_message = "region must be the name of an AWS region, as us-east-1."
  }
}

variable "environment" {
  description = "What the names of the resources end in; by default what infra/facts.json says."
  type        = string
  default     = null

  validation {
    condition     = var.environment == null ? true : contains(local.facts.environments, var.environment)
    error_message = "environment must be one of ${join(", ", local.facts.environments)}."
  }
}

variable "owner" {
  description = "Value of the tag owner; by default what infra/facts.json says."
  type        = string
  default     = null

  validation {
    condition     = var.owner == null ? true : can(regex("^[\\w .:/=+@-]{1,256}$", var.owner))
    error_message = "owner must be 1 to 256 letters, digits, spaces or any of _.:/=+-@."
  }
}

variable "stream_mode" {
  description = "provisioned, with shards that are counted, or on-demand; by default what infra/facts.json says."
  type        = string
  default     = null

  validation {
    condition     = var.stream_mode == null ? true : contains(["provisioned", "on-demand"], var.stream_mode)
    error_message = "stream_mode must be provisioned or on-demand.  (Records that the service spreads ignore their partition keys, so that a ticker's trades would lose their order.)"
  }
}

variable "stream_shard_count" {
  description = "Shards of the stream, where it is provisioned: 1 to 10000; by default what infra/facts.json says."
  type        = number
  default     = null

  validation {
    condition     = var.stream_shard_count == null ? true : var.stream_shard_count >= 1 && var.stream_shard_count <= 10000 && floor(var.stream_shard_count) == var.stream_shard_count
    error_message = "stream_shard_count must be a whole number from 1 to 10000."
  }
}

variable "stream_arn" {
  description = "An existing stream to consume instead of one of our own, or \"\"."
  type        = string
  default     = ""

  validation {
    condition     = var.stream_arn == "" || can(regex("^arn:aws[\\w-]*:kinesis:[\\w-]+:\\d{12}:stream/[\\w.-]{1,128}$", var.stream_arn))
    error_message = "stream_arn must be arn:aws:kinesis:REGION:ACCOUNT:stream/NAME."
  }
}

variable "stream_key_arn" {
  description = "The key that encrypts the stream of stream_arn, or \"\" where it is AWS's own."
  type        = string
  default     = ""

  validation {
    condition     = var.stream_key_arn == "" || can(regex("^arn:aws[\\w-]*:kms:[\\w-]+:\\d{12}:key/[\\w-]+$", var.stream_key_arn))
    error_message = "stream_key_arn must be arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "enrichment" {
  description = "Whether a stream of events is enriched; adds a shard."
  type        = bool
  default     = false
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying deletes what the buckets hold; without it a bucket that holds anything stays."
  type        = bool
  default     = false
  nullable    = false
}
