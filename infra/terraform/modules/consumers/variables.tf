variable "environment" {
  description = "What the names of the resources end in."
  type        = string
}

variable "runtime" {
  description = "What all functions run on: region, memory, processor, Python, the folder of their zips, and their PENSTOCK_CONFIG."
  type = object({
    region       = string
    memory_mb    = number
    timeout_s    = number
    architecture = string
    python       = string
    code_dir     = string
    config       = string
  })
}

variable "stream" {
  description = "The stream of trades."
  type        = object({ name = string, arn = string })
}

variable "events_stream" {
  description = "The stream of events to be enriched, null unless they are."
  type        = object({ name = string, arn = string })
}

variable "bucket" {
  description = "The bucket of everything that is kept."
  type        = object({ name = string, arn = string })
}

variable "key_arns" {
  description = "Keys that encrypt what is read and written."
  type        = list(string)
}

variable "key_arn" {
  description = "ARN of the key that encrypts the topic."
  type        = string
}

variable "vpc" {
  description = "Where it runs, if in a VPC."
  type = object({
    id         = string
    subnet_ids = list(string)
  })
}

variable "email" {
  description = "Who gets the messages, or \"\"."
  type        = string
}

variable "price_threshold" {
  description = "Price below which an alert fires, in the quote currency."
  type        = number
}

variable "has_threshold" {
  description = "Whether an alert of the functions' settings has a price of its own."
  type        = bool
}

variable "history_index" {
  description = "Whether the history can be queried by venue and time."
  type        = bool
}

variable "stream_mode" {
  description = "provisioned or on-demand: whether the stream's shards are counted."
  type        = string
}

variable "stream_shard_count" {
  description = "Shards of the stream of trades, where it is provisioned."
  type        = number
}

variable "provisioned_concurrency" {
  description = "Consumers that are kept warm."
  type        = number

  validation {
    condition = (
      var.stream_mode == "on-demand" ||
      var.provisioned_concurrency <= var.stream_shard_count * local.facts.consumer.parallelization_factor
    )
    error_message = "provisioned_concurrency is more than can run at once (shards x parallelization factor): at most ${var.stream_shard_count * local.facts.consumer.parallelization_factor}."
  }
}

variable "reserve_concurrency" {
  description = "Whether the consumer gets as many invocations at once as it can need."
  type        = bool

  validation {
    condition     = !var.reserve_concurrency || var.stream_mode == "provisioned"
    error_message = "An on-demand stream has as many shards as AWS gives it, so that nobody knows how many consumers it needs: set reserve_concurrency to false."
  }
}
