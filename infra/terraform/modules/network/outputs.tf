output "vpc_id" {
  description = "Id of the VPC."
  value       = aws_vpc.this.id
}

output "zones" {
  description = "Names of the region's zones, in the order in which subnets are put there."
  value       = data.aws_availability_zones.available.names
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, once they reach the internet."
  value       = aws_subnet.public[*].id
  depends_on  = [aws_route.internet, aws_route_table_association.public]
}

output "public_route_table_ids" {
  description = "Ids of the public subnets' route tables."
  value       = aws_route_table.public[*].id
}
