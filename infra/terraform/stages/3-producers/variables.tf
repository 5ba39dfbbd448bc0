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

variable "state_bucket" {
  description = "The bucket of the states, which stage 0-bootstrap makes."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]{3,63}$", var.state_bucket))
    error_message = "state_bucket must be the name of a bucket, as stage 0-bootstrap prints it."
  }
}

variable "producer" {
  description = "Where the trades come from: lambda, ecs or none."
  type        = string
  default     = "lambda"

  validation {
    condition     = contains(["lambda", "ecs", "none"], var.producer)
    error_message = "producer must be lambda, ecs or none."
  }
}

variable "producer_image" {
  description = "Image of the producer's container, where producer is ecs."
  type        = string
  default     = ""

  validation {
    condition     = var.producer_image == "" || can(regex("^\\S+$", var.producer_image))
    error_message = "producer_image must be an image: ACCOUNT.dkr.ecr.REGION.amazonaws.com/penstock:TAG."
  }
}

variable "lambda_memory_size" {
  description = "Memory of each function in MB: 128 to 10240; by default what infra/facts.json says."
  type        = number
  default     = null

  validation {
    condition     = var.lambda_memory_size == null ? true : var.lambda_memory_size >= 128 && var.lambda_memory_size <= 10240 && floor(var.lambda_memory_size) == var.lambda_memory_size
    error_message = "lambda_memory_size must be a whole number from 128 to 10240."
  }
}

variable "lambda_timeout" {
  description = "Seconds that an invocation may take: 3 to 900; by default what infra/facts.json says, as the consumer's always."
  type        = number
  default     = null

  validation {
    condition     = var.lambda_timeout == null ? true : var.lambda_timeout >= 3 && var.lambda_timeout <= 900 && floor(var.lambda_timeout) == var.lambda_timeout
    error_message = "lambda_timeout must be a whole number from 3 to 900."
  }
}

variable "lambda_architecture" {
  description = "Processor of the functions: arm64 or x86_64; by default what infra/facts.json says."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_architecture == null ? true : contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture must be arm64 or x86_64."
  }
}

variable "lambda_python" {
  description = "Python of the functions: 3.11, 3.12 or 3.13; by default what infra/facts.json says."
  type        = string
  default     = null

  validation {
    condition     = var.lambda_python == null ? true : contains(["3.11", "3.12", "3.13"], var.lambda_python)
    error_message = "lambda_python must be 3.11, 3.12 or 3.13."
  }
}

variable "code_dir" {
  description = "Folder of the functions' zips, which penstock package makes; by default dist/lambda of this repository."
  type        = string
  default     = null

  validation {
    condition     = var.code_dir == null ? true : var.code_dir != ""
    error_message = "code_dir must be a folder."
  }
}

variable "config" {
  description = "What penstock.toml says, by table and key: { alerts = [{ ticker = \"*\", below = 85000 }] }."
  type        = any
  default     = {}

  validation {
    condition     = can(keys(var.config)) && length(jsonencode(var.config)) <= 3000
    error_message = "config must be an object of at most 3000 bytes: Lambda takes 4 kB of variables."
  }
}
