# Where the trades come from: a function each minute, or a container.

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json"))
  named = { for key, name in local.facts.names : key => "${name}-${var.environment}" }

  is_function = var.producer == "lambda"
  is_service  = var.producer == "ecs"
  arns        = { stream = [var.stream.arn], key = var.key_arns }
}

module "producer" {
  source = "../function"
  count  = local.is_function ? 1 : 0

  key          = "producer"
  environment  = var.environment
  runtime      = var.runtime
  timeout_s    = var.runtime.timeout_s
  arns         = local.arns
  vpc          = var.vpc
  is_scheduled = true

  variables = {
    STREAM_NAME = var.stream.name
    SYMBOLS     = join(",", local.facts.producer.symbols)
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  count = local.is_function ? 1 : 0

  name                = local.named.schedule
  description         = "Polls the prices each minute"
  schedule_expression = local.facts.producer.schedule
}

resource "aws_lambda_permission" "schedule" {
  count = local.is_function ? 1 : 0

  statement_id  = local.named.schedule
  action        = "lambda:InvokeFunction"
  function_name = module.producer[0].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[0].arn
}

resource "aws_cloudwatch_event_target" "this" {
  count = local.is_function ? 1 : 0

  rule      = aws_cloudwatch_event_rule.this[0].name
  target_id = "Target0"
  arn       = module.producer[0].arn

  dead_letter_config {
    arn = aws_sqs_queue.this[0].arn
  }

  retry_policy {
    maximum_event_age_in_seconds = local.facts.producer.schedule_age_s
    maximum_retry_attempts       = local.facts.producer.schedule_retries
  }
}

# What EventBridge could not hand over within its retries waits to be looked at.
resource "aws_sqs_queue" "this" {
  count = local.is_function ? 1 : 0

  name                      = local.named.schedule_queue
  message_retention_seconds = local.facts.producer.queue_retention_days * 86400
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "queue" {
  count = local.is_function ? 1 : 0

  statement {
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.this[0].arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.this[0].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.this[0].arn]
    }
  }
}

resource "aws_sqs_queue_policy" "this" {
  count = local.is_function ? 1 : 0

  queue_url = aws_sqs_queue.this[0].id
  policy    = data.aws_iam_policy_document.queue[0].json
}
