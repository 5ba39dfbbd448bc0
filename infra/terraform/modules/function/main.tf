# A Lambda function as this pipeline makes them: own log, own role, nothing more.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  facts     = jsondecode(file("${path.module}/../../../facts.json"))
  name      = "${local.facts.names[var.key]}-${var.environment}"
  partition = data.aws_partition.current.partition
  log_group = "/aws/lambda/${local.name}"
  zip       = "${var.runtime.code_dir}/${var.key}.zip"

  log_group_arn = join(":", [
    "arn", local.partition, "logs", var.runtime.region,
    data.aws_caller_identity.current.account_id, "log-group", local.log_group,
  ])
  in_vpc = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = local.facts.functions.log_retention_days
}

module "role" {
  source = "../role"

  name             = local.name
  service          = "lambda"
  policy           = jsondecode(file("${path.module}/../../../policies/${var.key}.json"))
  arns             = merge(var.arns, { log_group = [local.log_group_arn] })
  managed_policies = var.vpc == null ? [] : [local.in_vpc]
}

resource "aws_security_group" "this" {
  count = var.vpc == null ? 0 : 1

  name        = local.name
  description = "The ${var.key} calls out, and nobody calls it"
  vpc_id      = var.vpc.id

  egress {
    description = "Allow all outbound traffic by default"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_lambda_function" "this" {
  function_name                  = local.name
  description                    = "Penstock's ${var.key} (${var.environment})"
  runtime                        = "python${var.runtime.python}"
  architectures                  = [var.runtime.architecture]
  handler                        = "data_${var.key}_lambda.handler"
  filename                       = local.zip
  source_code_hash               = filebase64sha256(local.zip)
  memory_size                    = var.runtime.memory_mb
  timeout                        = var.timeout_s
  role                           = module.role.arn
  reserved_concurrent_executions = var.reserved_concurrency
  publish                        = var.publish

  environment {
    variables = merge({ PENSTOCK_CONFIG = var.runtime.config }, var.variables)
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = aws_security_group.this[*].id
    }
  }

  lifecycle {
    precondition {
      condition     = fileexists(local.zip)
      error_message = "${local.zip}: the code of the ${var.key} is not there. Make it first: penstock package --target lambda --arch ${var.runtime.architecture} --python ${var.runtime.python}"
    }
  }
}

# What it failed at, or came too late for, is left to its next schedule.
resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.is_scheduled ? 1 : 0

  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = local.facts.producer.schedule_age_s
}
