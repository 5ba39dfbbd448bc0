variable "name" {
  description = "Name of the topic."
  type        = string
}

variable "display_name" {
  description = "Who the mails come from."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "key_arn" {
  description = "ARN of the key that encrypts the messages."
  type        = string
}

variable "email" {
  description = "Who gets the messages, or \"\"."
  type        = string
}

variable "publishers" {
  description = "Services that publish of themselves, on behalf of this account."
  type        = list(string)
  default     = []
}
