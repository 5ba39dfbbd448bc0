variable "environment" {
  description = "What the names of the resources end in."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "memory_mb" {
  description = "Memory of each function; null for what infra/facts.json says, as below."
  type        = number
}

variable "timeout_s" {
  description = "Seconds that an invocation may take."
  type        = number
}

variable "architecture" {
  description = "Processor of the functions."
  type        = string
}

variable "python" {
  description = "Python of the functions."
  type        = string
}

variable "code_dir" {
  description = "Folder of the functions' zips; null for dist/lambda of this repository."
  type        = string
}

variable "config" {
  description = "What penstock.toml says, by table and key."
  type        = any
}
