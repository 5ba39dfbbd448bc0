variable "environment" {
  description = "What the names of the resources end in."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "stream" {
  description = "The stream of trades."
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
