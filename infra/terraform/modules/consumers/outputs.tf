output "function_name" {
  description = "Name of the consumer."
  value       = module.consumer.name
}

output "functions" {
  description = "Names of the functions, by their names in infra/facts.json."
  value = merge(
    { consumer = module.consumer.name, sweeper = module.sweeper.name },
    { for made in module.enrichment[*] : "enrichment" => made.name },
  )
}

output "table_name" {
  description = "Name of the table of the history."
  value       = aws_dynamodb_table.history.name
}

output "tables" {
  description = "Names of all tables, by their names in infra/facts.json."
  value = merge(
    {
      history_table   = aws_dynamodb_table.history.name
      state_table     = aws_dynamodb_table.state.name
      positions_table = aws_dynamodb_table.positions.name
    },
    { for key, table in aws_dynamodb_table.lookup : "lookup_table-${key}" => table.name },
  )
}

output "topic_arn" {
  description = "ARN of the topic that alerts go to."
  value       = module.topic.arn
}
