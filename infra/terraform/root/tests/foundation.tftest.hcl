# The network, Network Firewall and the trail, which an emulator cannot hold.

mock_provider "aws" {
  source = "./tests/aws"
}

variables {
  environment   = "dev"
  region        = "us-east-1"
  force_destroy = false
  audit         = false
  network       = "none"
}

run "nothing_without_a_switch" {
  module {
    source = "../modules/foundation"
  }

  assert {
    condition     = output.vpc == null && length(aws_cloudtrail.this) == 0 && length(aws_nat_gateway.this) == 0
    error_message = "Something that costs by the hour was made without being asked for."
  }
}

run "vpc" {
  module {
    source = "../modules/foundation"
  }

  variables {
    network = "vpc"
  }

  assert {
    condition     = aws_subnet.private[*].cidr_block == ["10.42.10.0/24", "10.42.11.0/24"]
    error_message = "The private subnets have not the addresses of infra/facts.json."
  }

  assert {
    condition     = aws_subnet.private[*].availability_zone == ["us-east-1a", "us-east-1b"]
    error_message = "The private subnets are not in two zones."
  }

  assert {
    condition     = alltrue([for route in aws_route.private : route.nat_gateway_id == aws_nat_gateway.this[0].id])
    error_message = "What leaves the private subnets does not go through the NAT gateway."
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "REJECT"
    error_message = "What the network refuses is not logged."
  }

  assert {
    condition     = { for key, made in aws_vpc_endpoint.this : key => length(made.route_table_ids) } == { s3 = 4, dynamodb = 4 }
    error_message = "S3 and DynamoDB are not reached from every subnet without the NAT gateway."
  }

  assert {
    condition     = length(aws_networkfirewall_firewall.this) == 0
    error_message = "A firewall was made without being asked for."
  }
}

run "firewalled" {
  module {
    source = "../modules/foundation"
  }

  variables {
    network = "firewalled"
  }

  assert {
    condition = one(one(aws_networkfirewall_rule_group.domains[0].rule_group).rules_source).rules_source_list[0].targets == toset([
      "api.coinbase.com", "api.exchange.coinbase.com", ".amazonaws.com",
    ])
    error_message = "The firewall lets through other domains than those of infra/facts.json."
  }

  assert {
    condition     = one(aws_networkfirewall_firewall_policy.this[0].firewall_policy).stateful_default_actions == toset(["aws:drop_established", "aws:alert_established"])
    error_message = "What no rule passes is not dropped."
  }

  assert {
    condition     = alltrue([for route in aws_route.private : route.vpc_endpoint_id == "vpce-0123456789abcdef0" && route.nat_gateway_id == null])
    error_message = "What leaves the private subnets goes past the firewall."
  }

  assert {
    condition     = aws_route.answers[*].destination_cidr_block == ["10.42.10.0/24", "10.42.11.0/24"] && alltrue([for route in aws_route.answers : route.vpc_endpoint_id == "vpce-0123456789abcdef0"])
    error_message = "Answers go past the firewall."
  }

  assert {
    condition     = aws_route.firewall[0].nat_gateway_id == aws_nat_gateway.this[0].id
    error_message = "What the firewall lets through does not reach the NAT gateway."
  }

  assert {
    condition     = !aws_networkfirewall_firewall.this[0].delete_protection
    error_message = "The firewall of dev cannot be destroyed."
  }
}

run "firewalled_and_audited_in_prod" {
  module {
    source = "../modules/foundation"
  }

  variables {
    environment = "prod"
    network     = "firewalled"
    audit       = true
  }

  assert {
    condition     = aws_networkfirewall_firewall.this[0].delete_protection
    error_message = "The firewall of prod can be destroyed."
  }

  assert {
    condition     = aws_cloudtrail.this[0].s3_bucket_name == "crypto-pipeline-audit-123456789012-us-east-1-prod"
    error_message = "The trail does not go to its own bucket."
  }

  assert {
    condition     = aws_cloudtrail.this[0].event_selector[0].data_resource[0].values == tolist(["arn:aws:s3:::crypto-trading-data-123456789012-us-east-1-prod/"])
    error_message = "The trail does not say who read and wrote the data."
  }
}
