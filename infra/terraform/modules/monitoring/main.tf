# What wakes somebody: alarms, their topic, and the monthly budget.

locals {
  facts = jsondecode(file("${path.module}/../../../facts.json"))
  named = { for key, name in local.facts.names : key => "${name}-${var.environment}" }

}

module "topic" {
  source = "../topic"

  name         = local.named.alarm_topic
  display_name = "Crypto pipeline alarms"
  region       = var.region
  key_arn      = var.key_arn
  email        = var.email
  publishers   = ["cloudwatch.amazonaws.com"]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for alarm in local.alarms : alarm.name => alarm }

  alarm_name          = "crypto-${each.key}-${var.environment}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.period_s
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = each.value.missing
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each = local.table_alarms

  alarm_name          = "crypto-${each.key}-${var.environment}"
  alarm_description   = "One ticker may write 1,000 units a second: keep the history coarser"
  evaluation_periods  = 1
  threshold           = local.facts.alarms.table_throttles
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [module.topic.arn]
  ok_actions          = [module.topic.arn]

  metric_query {
    id          = "expr_1"
    expression  = "reads + writes"
    label       = "Throttled requests"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { reads = "ReadThrottleEvents", writes = "WriteThrottleEvents" }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = metric_query.value
        dimensions  = { TableName = each.value }
        period      = local.facts.alarms.period_s
        stat        = "Sum"
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "health" {
  alarm_name        = "crypto-pipeline-health-${var.environment}"
  alarm_description = "Some alarm of the pipeline rings"
  alarm_rule        = "(${join(" OR ", [for arn in local.alarm_arns : "ALARM(\"${arn}\")"])})"
}

resource "aws_budgets_budget" "this" {
  name         = local.named.budget
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = local.facts.budget.monthly_usd
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = [join("$", ["user:project", local.facts.tags.project])]
  }

  dynamic "notification" {
    for_each = var.email == "" ? [] : [var.email]

    content {
      notification_type          = "FORECASTED"
      comparison_operator        = "GREATER_THAN"
      threshold                  = local.facts.budget.warn_percent
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = [notification.value]
    }
  }
}
