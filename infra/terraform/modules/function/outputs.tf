output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "version" {
  description = "The version last published, if any is."
  value       = aws_lambda_function.this.version
}
