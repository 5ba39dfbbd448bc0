# What the network refuses is logged.

resource "aws_cloudwatch_log_group" "flow_log" {
  count = local.has_network ? 1 : 0

  name              = "/aws/vpc/${local.named.vpc}"
  retention_in_days = local.facts.network.flow_log_days
}

module "flow_log_role" {
  source = "../role"
  count  = local.has_network ? 1 : 0

  name    = "${local.named.vpc}-flow-log"
  service = "vpc-flow-logs"
  arns    = { log_group = ["${local.arn_start}:logs:${var.region}:${local.account}:log-group:/aws/vpc/${local.named.vpc}"] }
  policy = {
    Statement = [{
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = ["$${log_group}:*"]
    }]
  }
}

resource "aws_flow_log" "this" {
  count = local.has_network ? 1 : 0

  vpc_id               = module.network[0].vpc_id
  traffic_type         = "REJECT"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow_log[0].arn
  iam_role_arn         = module.flow_log_role[0].arn
  tags                 = { Name = local.named.vpc }
}
