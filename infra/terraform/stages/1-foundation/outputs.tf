output "vpc" {
  description = "The VPC's id and its private subnets'; null without a network."
  value       = module.foundation.vpc
}
