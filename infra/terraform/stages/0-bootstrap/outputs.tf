output "state_bucket" {
  description = "Name of the bucket of the states: the other stages' variable, and their backend's."
  value       = module.bucket.name
}
