variable "name" {
  description = "Name of the role."
  type        = string
}

variable "service" {
  description = "Service that takes the role on, without \".amazonaws.com\"."
  type        = string
}

variable "policy" {
  description = "A policy of infra/policies: each resource is a $${placeholder}, and what follows it."
  type = object({
    Statement = list(object({
      Sid      = optional(string)
      Action   = list(string)
      Resource = list(string)
    }))
  })
}

variable "arns" {
  description = "What each placeholder of the policy stands for."
  type        = map(list(string))
}

variable "managed_policies" {
  description = "ARNs of AWS's own policies that the role has besides."
  type        = list(string)
  default     = []
}
