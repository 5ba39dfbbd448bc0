# The dashboard: is it alive, is it behind, is it right, is it worth it.

locals {
  consumer = var.functions.consumer
  in_sum   = { period = 60, stat = "Sum" }
  at_most  = { period = 60, stat = "Maximum" }

  records_in = [
    ["AWS/Kinesis", "IncomingRecords", "StreamName", var.stream_name, local.in_sum],
    [
      "AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", var.stream_name,
      merge(local.in_sum, { label = "refused" }),
    ],
  ]
  invocations = [
    for metric in ["Invocations", "Errors", "Throttles"] :
    ["AWS/Lambda", metric, "FunctionName", local.consumer, local.in_sum]
  ]
  behind = [
    ["AWS/Lambda", "IteratorAge", "FunctionName", local.consumer, local.at_most],
    [
      "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "StreamName", var.stream_name,
      merge(local.at_most, { label = "any reader" }),
    ],
  ]
  own = {
    for metric in ["Trades", "Gaps", "Late", "Duplicates", "DeadLetters", "Alerts", "Profit"] :
    metric => [
      "Penstock", metric, "FunctionName", local.consumer,
      merge(local.in_sum, { label = metric }),
    ]
  }
  durations = [
    for name in local.watched : [
      "AWS/Lambda", "Duration", "FunctionName", var.functions[name],
      { label = name, period = 60, stat = "p99" },
    ]
  ]
  write_units = [
    for key in local.table_keys : [
      "AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", var.tables[key],
      merge(local.in_sum, { label = key }),
    ]
  ]
  unusual = ["Gaps", "Late", "Duplicates", "DeadLetters"]

  graphs = [
    { title = "Records in", metrics = local.records_in, label = "a minute", at = [0, 3], width = 8 },
    { title = "Consumer", metrics = local.invocations, label = "a minute", at = [8, 3], width = 8 },
    { title = "How far behind", metrics = local.behind, label = "milliseconds", at = [16, 3], width = 8 },
    { title = "Trades", metrics = [local.own.Trades], label = "a minute", at = [0, 9], width = 8 },
    {
      title = "What is not as it should be", metrics = [for name in local.unusual : local.own[name]],
      label = "a minute", at = [8, 9], width = 8,
    },
    { title = "Alerts and profit", metrics = [local.own.Alerts, local.own.Profit], label = "", at = [16, 9], width = 8 },
    { title = "Duration, p99", metrics = local.durations, label = "milliseconds", at = [0, 15], width = 12 },
    { title = "Tables: write units", metrics = local.write_units, label = "a minute", at = [12, 15], width = 12 },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.named.dashboard

  dashboard_body = jsonencode({
    start = "-PT3H"
    widgets = concat(
      [{
        type       = "alarm", width = 24, height = 3, x = 0, y = 0,
        properties = { title = "Alarms", alarms = local.alarm_arns }
      }],
      [for graph in local.graphs : {
        type = "metric", width = graph.width, height = 6, x = graph.at[0], y = graph.at[1],
        properties = {
          view    = "timeSeries"
          title   = graph.title
          region  = var.region
          metrics = graph.metrics
          yAxis   = { left = { label = graph.label, min = 0, showUnits = false } }
        }
      }],
    )
  })
}
