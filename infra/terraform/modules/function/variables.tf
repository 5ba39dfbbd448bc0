variable "key" {
  description = "Which function of infra/facts.json: consumer, enrichment, producer or sweeper."
  type        = string
}

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

variable "timeout_s" {
  description = "Seconds that an invocation may take."
  type        = number
}

variable "variables" {
  description = "Its environment variables, besides PENSTOCK_CONFIG."
  type        = map(string)
}

variable "arns" {
  description = "What the placeholders of its policy in infra/policies stand for."
  type        = map(list(string))
}

variable "vpc" {
  description = "Where it runs, if in a VPC."
  type = object({
    id         = string
    subnet_ids = list(string)
  })
  default = null
}

variable "reserved_concurrency" {
  description = "Invocations at once that it alone may use; -1 reserves none."
  type        = number
  default     = -1
}

variable "publish" {
  description = "Whether each change is published as a version."
  type        = bool
  default     = false
}

variable "is_scheduled" {
  description = "Whether a schedule calls it, so that what failed need not be tried again."
  type        = bool
  default     = false
}
