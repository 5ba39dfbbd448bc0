# The producer as a container: Fargate.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  has_own_vpc = local.is_service && var.vpc == null
  log_group   = "/ecs/${local.named.service}"
  log_group_arn = join(":", [
    "arn", data.aws_partition.current.partition, "logs", var.runtime.region,
    data.aws_caller_identity.current.account_id, "log-group", local.log_group,
  ])
  vpc_id     = try(coalesce(one(module.network[*].vpc_id), try(var.vpc.id, null)), null)
  subnet_ids = local.has_own_vpc ? module.network[0].public_subnet_ids : try(var.vpc.subnet_ids, [])
}

# Fargate runs in a VPC always; without one of the foundation, in public subnets, which
# need no NAT gateway to reach out.
module "network" {
  source = "../network"
  count  = local.has_own_vpc ? 1 : 0

  name           = local.named.service
  cidr           = local.facts.network.cidr
  public_subnets = local.facts.network.public_subnets
}

resource "aws_security_group" "service" {
  count = local.is_service ? 1 : 0

  name        = local.named.service
  description = "The producer calls out, and nobody calls it"
  vpc_id      = local.vpc_id

  egress {
    description = "HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_cloudwatch_log_group" "service" {
  count = local.is_service ? 1 : 0

  name              = local.log_group
  retention_in_days = local.facts.functions.log_retention_days
}

module "task_role" {
  source = "../role"
  count  = local.is_service ? 1 : 0

  name    = local.named.service
  service = "ecs-tasks"
  policy  = jsondecode(file("${path.module}/../../../policies/service.json"))
  arns    = local.arns
}

module "execution_role" {
  source = "../role"
  count  = local.is_service ? 1 : 0

  name    = "${local.named.service}-start"
  service = "ecs-tasks"
  arns    = { log_group = [local.log_group_arn] }
  policy = {
    Statement = [{
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["$${log_group}:*"]
    }]
  }
}

resource "aws_ecs_cluster" "this" {
  count = local.is_service ? 1 : 0

  name = local.named.service

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "this" {
  count = local.is_service ? 1 : 0

  family                   = local.named.service
  cpu                      = local.facts.producer.task_cpu
  memory                   = local.facts.producer.task_memory_mb
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  task_role_arn            = module.task_role[0].arn
  execution_role_arn       = module.execution_role[0].arn

  container_definitions = jsonencode([{
    name                   = "producer"
    image                  = var.producer_image
    command                = local.facts.producer.mock_command
    essential              = true
    environment            = [{ name = "STREAM_NAME", value = var.stream.name }]
    readonlyRootFilesystem = true
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = local.log_group
        awslogs-region        = var.runtime.region
        awslogs-stream-prefix = "producer"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  count = local.is_service ? 1 : 0

  name            = local.named.service
  cluster         = aws_ecs_cluster.this[0].id
  task_definition = aws_ecs_task_definition.this[0].arn
  launch_type     = "FARGATE"
  desired_count   = 1
  # Two producers of one market would only double the records.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = local.subnet_ids
    security_groups  = aws_security_group.service[*].id
    assign_public_ip = local.has_own_vpc
  }
}
