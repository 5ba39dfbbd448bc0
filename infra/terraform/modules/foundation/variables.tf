variable "environment" {
  description = "What the names of the resources end in."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "network" {
  description = "Where the functions run: none, vpc or firewalled."
  type        = string
}

variable "audit" {
  description = "Whether CloudTrail keeps who did what."
  type        = bool
}

variable "force_destroy" {
  description = "Whether the trail's bucket is destroyed with all that it holds."
  type        = bool
}
