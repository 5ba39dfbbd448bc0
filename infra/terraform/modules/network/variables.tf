variable "name" {
  description = "Name of the VPC; what is in it has names that begin so."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "public_subnets" {
  description = "Addresses of each public subnet."
  type        = list(string)
}
