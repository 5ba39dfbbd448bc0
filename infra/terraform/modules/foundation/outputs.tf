output "vpc" {
  description = "The VPC's id and its private subnets', once they reach out; null without a network."
  value = local.has_network ? {
    id         = module.network[0].vpc_id
    subnet_ids = aws_subnet.private[*].id
  } : null
  depends_on = [aws_route.private, aws_route_table_association.private]
}
