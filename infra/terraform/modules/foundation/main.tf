# The network, where one is wanted: private subnets behind one NAT gateway.  It costs by
# the hour.

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json"))
  named = { for key, name in local.facts.names : key => "${name}-${var.environment}" }

  has_network  = var.network != "none"
  has_firewall = var.network == "firewalled"
  private      = local.has_network ? local.facts.network.private_subnets : []
}

module "network" {
  source = "../network"
  count  = local.has_network ? 1 : 0

  name           = local.named.vpc
  cidr           = local.facts.network.cidr
  public_subnets = local.facts.network.public_subnets
}

resource "aws_eip" "nat" {
  count = local.has_network ? 1 : 0

  domain = "vpc"
  tags   = { Name = local.named.vpc }
}

resource "aws_nat_gateway" "this" {
  count = local.has_network ? 1 : 0

  allocation_id = aws_eip.nat[0].allocation_id
  subnet_id     = module.network[0].public_subnet_ids[0]
  tags          = { Name = local.named.vpc }
}

resource "aws_subnet" "private" {
  count = length(local.private)

  vpc_id            = module.network[0].vpc_id
  cidr_block        = local.private[count.index]
  availability_zone = module.network[0].zones[count.index]
  tags              = { Name = "${local.named.vpc}-private-${count.index + 1}" }
}

resource "aws_route_table" "private" {
  count = length(local.private)

  vpc_id = module.network[0].vpc_id
  tags   = { Name = "${local.named.vpc}-private-${count.index + 1}" }
}

resource "aws_route_table_association" "private" {
  count = length(local.private)

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[count.index].id
}

resource "aws_route" "private" {
  count = length(local.private)

  route_table_id         = aws_route_table.private[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = local.has_firewall ? null : aws_nat_gateway.this[0].id
  vpc_endpoint_id        = local.has_firewall ? local.firewall_endpoint : null
}

# Gateways cost nothing, and keep S3 and DynamoDB off the NAT gateway's bill.
resource "aws_vpc_endpoint" "this" {
  for_each = local.has_network ? toset(["s3", "dynamodb"]) : toset([])

  vpc_id       = module.network[0].vpc_id
  service_name = "com.amazonaws.${var.region}.${each.key}"
  tags         = { Name = local.named.vpc }

  route_table_ids = concat(
    aws_route_table.private[*].id,
    module.network[0].public_route_table_ids,
  )
}
