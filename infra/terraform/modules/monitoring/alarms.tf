# The alarms over one metric, in the order in which the dashboard shows them.

locals {
  limits = local.facts.alarms

  # What an alarm is, unless it says otherwise.
  usual = {
    namespace  = "AWS/Lambda"
    dimensions = { FunctionName = var.functions.consumer }
    statistic  = "Sum"
    period_s   = local.limits.period_s
    periods    = 1
    comparison = "GreaterThanThreshold"
    missing    = "notBreaching"
  }
  of_stream = { namespace = "AWS/Kinesis", dimensions = { StreamName = var.stream_name } }

  order   = ["consumer", "sweeper", "enrichment", "producer"]
  watched = [for name in local.order : name if contains(keys(var.functions), name)]

  alarms = [for alarm in concat(
    local.function_alarms, local.consumer_alarms, local.dead_letter_alarms,
    local.stream_alarms, local.queue_alarms, local.bucket_alarms,
  ) : merge(local.usual, alarm)]

  function_alarms = flatten([for name in local.watched : [
    {
      name        = "${name}-errors"
      metric      = "Errors"
      dimensions  = { FunctionName = var.functions[name] }
      threshold   = local.limits.function_errors
      description = "The ${name} fails; its log says why: penstock logs ${name}"
    },
    {
      name        = "${name}-throttles"
      metric      = "Throttles"
      dimensions  = { FunctionName = var.functions[name] }
      threshold   = local.limits.function_throttles
      description = "The ${name} is throttled: raise the quota of concurrency, or reserve"
    },
  ]])

  consumer_alarms = concat([for level in ["warn", "page"] : {
    name        = "iterator-age-${level}"
    metric      = "IteratorAge"
    statistic   = "Maximum"
    threshold   = local.limits["iterator_age_${level}_ms"]
    description = "The consumer falls behind: add shards, or see what it waits for"
    }], [{
    name        = "consumer-slow"
    metric      = "Duration"
    statistic   = "p99"
    threshold   = local.limits.latency_p99_ms
    description = "The consumer comes close to its time-out: see which store is slow"
  }])

  dead_letter_alarms = [
    for name in ["consumer", "enrichment"] : {
      name        = "${name}-dead-letters"
      namespace   = "Penstock"
      metric      = "DeadLetters"
      dimensions  = { FunctionName = var.functions[name] }
      threshold   = 0
      description = "The ${name} put lines aside that it cannot read, under dead-letter/"
    } if contains(keys(var.functions), name)
  ]

  stream_alarms = concat(
    [for producer in [var.producer] : merge(local.of_stream, {
      name        = "no-records"
      metric      = "IncomingRecords"
      period_s    = 60
      periods     = local.limits.quiet_periods
      threshold   = 1
      comparison  = "LessThanThreshold"
      missing     = "breaching"
      description = "Nothing arrives: the producer has stopped, or the venue is down"
    }) if producer != "none"],
    [merge(local.of_stream, {
      name        = "write-throttles"
      metric      = "WriteProvisionedThroughputExceeded"
      threshold   = local.limits.write_throttles
      description = "A shard takes no more: add shards, or look for a hot ticker"
    })],
    [merge(local.of_stream, {
      name        = "reader-age"
      metric      = "GetRecords.IteratorAgeMilliseconds"
      statistic   = "Maximum"
      threshold   = local.limits.reader_age_ms
      description = "Some reader of some shard falls behind: the consumer, or Firehose"
    })],
  )

  queue_alarms = [for queue in compact([var.queue_name]) : {
    name        = "schedule-dead-letters"
    namespace   = "AWS/SQS"
    metric      = "ApproximateNumberOfMessagesVisible"
    dimensions  = { QueueName = queue }
    statistic   = "Maximum"
    threshold   = 0
    description = "EventBridge could not call the producer: the queue holds its events"
  }]

  bucket_alarms = [{
    name        = "bucket-errors"
    namespace   = "AWS/S3"
    metric      = "5xxErrors"
    dimensions  = { BucketName = var.bucket_name, FilterId = "EntireBucket" }
    threshold   = local.limits.bucket_errors
    description = "S3 refuses what is put: see the bucket's metrics"
  }]

  # The tables' own, over two metrics each.
  table_order  = ["history_table", "state_table", "positions_table"]
  table_keys   = concat(local.table_order, sort(setsubtract(keys(var.tables), local.table_order)))
  table_names  = [for key in local.table_keys : "${replace(replace(key, "_table-", "-"), "/_table$/", "")}-throttles"]
  table_alarms = { for n, key in local.table_keys : local.table_names[n] => var.tables[key] }

  # The bucket's comes last.
  alarm_arns = concat(
    [for alarm in local.alarms : aws_cloudwatch_metric_alarm.this[alarm.name].arn if alarm.name != "bucket-errors"],
    [for name in local.table_names : aws_cloudwatch_metric_alarm.throttles[name].arn],
    [aws_cloudwatch_metric_alarm.this["bucket-errors"].arn],
  )
}
