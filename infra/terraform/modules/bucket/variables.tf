variable "name" {
  description = "Name of the bucket, which no other account or region can have."
  type        = string
}

variable "rules" {
  description = "Its lifecycle: after how many days objects change class, or go; transitions by storage class."
  type = list(object({
    id              = string
    prefix          = optional(string, "")
    transitions     = optional(map(number), {})
    expire_days     = optional(number)
    forget_markers  = optional(bool, false)
    noncurrent_days = optional(number)
    unfinished_days = optional(number)
  }))
}

variable "policies" {
  description = "Policy documents (JSON) that the bucket's policy has besides."
  type        = list(string)
  default     = []
}

variable "force_destroy" {
  description = "Whether the bucket is destroyed with all that it holds."
  type        = bool
}
