# Network Firewall: the functions reach the venues and AWS, and nothing else.
#
# private subnet -> firewall endpoint -> NAT gateway -> internet, and back the same way:
# a firewall that sees one direction of a connection drops it.  There is one endpoint, as
# there is one NAT gateway: each costs by the hour.

locals {
  firewall_endpoint = local.has_firewall ? one(flatten([
    for state in aws_networkfirewall_firewall.this[0].firewall_status[0].sync_states :
    state.attachment[*].endpoint_id
  ])) : null
}

resource "aws_networkfirewall_rule_group" "domains" {
  count = local.has_firewall ? 1 : 0

  name     = "${local.named.firewall}-domains"
  type     = "STATEFUL"
  capacity = 100

  rule_group {
    stateful_rule_options {
      rule_order = "STRICT_ORDER"
    }

    rules_source {
      rules_source_list {
        generated_rules_type = "ALLOWLIST"
        target_types         = ["TLS_SNI", "HTTP_HOST"]
        targets              = local.facts.network.allowed_domains
      }
    }
  }
}

resource "aws_networkfirewall_firewall_policy" "this" {
  count = local.has_firewall ? 1 : 0

  name = "${local.named.firewall}-policy"

  firewall_policy {
    stateless_default_actions          = ["aws:forward_to_sfe"]
    stateless_fragment_default_actions = ["aws:drop"]
    # In strict order what no rule passes is dropped, whatever its protocol; in the
    # default order the list would stop HTTP and TLS alone.
    stateful_default_actions = ["aws:drop_established", "aws:alert_established"]

    stateful_engine_options {
      rule_order = "STRICT_ORDER"
    }

    stateful_rule_group_reference {
      resource_arn = aws_networkfirewall_rule_group.domains[0].arn
      priority     = 1
    }
  }
}

resource "aws_subnet" "firewall" {
  count = local.has_firewall ? 1 : 0

  vpc_id            = module.network[0].vpc_id
  cidr_block        = local.facts.network.firewall_subnet
  availability_zone = module.network[0].zones[0]
  tags              = { Name = local.named.firewall }
}

resource "aws_networkfirewall_firewall" "this" {
  count = local.has_firewall ? 1 : 0

  name                = local.named.firewall
  firewall_policy_arn = aws_networkfirewall_firewall_policy.this[0].arn
  vpc_id              = module.network[0].vpc_id
  delete_protection   = var.environment == "prod"

  subnet_mapping {
    subnet_id = aws_subnet.firewall[0].id
  }
}

resource "aws_route_table" "firewall" {
  count = local.has_firewall ? 1 : 0

  vpc_id = module.network[0].vpc_id
  tags   = { Name = local.named.firewall }
}

resource "aws_route_table_association" "firewall" {
  count = local.has_firewall ? 1 : 0

  subnet_id      = aws_subnet.firewall[0].id
  route_table_id = aws_route_table.firewall[0].id
}

resource "aws_route" "firewall" {
  count = local.has_firewall ? 1 : 0

  route_table_id         = aws_route_table.firewall[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

resource "aws_route" "answers" {
  count = local.has_firewall ? length(local.private) : 0

  route_table_id         = module.network[0].public_route_table_ids[0]
  destination_cidr_block = local.private[count.index]
  vpc_endpoint_id        = local.firewall_endpoint
}
