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

variable "producer" {
  description = "Where the trades come from: lambda, ecs or none."
  type        = string


  validation {
    condition     = var.producer != "ecs" || var.producer_image != ""
    error_message = "producer = \"ecs\" needs the image of the producer's container: set producer_image to ACCOUNT.dkr.ecr.REGION.amazonaws.com/penstock:TAG."
  }
}

variable "producer_image" {
  description = "Image of the producer's container, where producer is ecs."
  type        = string
}

variable "stream" {
  description = "The stream of trades."
  type        = object({ name = string, arn = string })
}

variable "key_arns" {
  description = "Keys that encrypt what is read and written."
  type        = list(string)
}

variable "vpc" {
  description = "Where it runs, if in a VPC."
  type = object({
    id         = string
    subnet_ids = list(string)
  })
}
