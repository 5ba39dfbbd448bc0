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

variable "force_destroy" {
  description = "Whether destroying deletes what the buckets hold; without it a bucket that holds anything stays."
  type        = bool
  default     = false
  nullable    = false
}
