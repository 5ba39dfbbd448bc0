# What feeds the functions.  A line that is no trade never fails a batch, so what fails is
# a store that is away: the consumer comes back until it answers, or a decision would be
# lost.

locals {
  sources = merge(
    {
      consumer = {
        stream_arn = var.stream.arn
        target     = var.provisioned_concurrency > 0 ? aws_lambda_alias.warm[0].arn : module.consumer.arn
      }
    },
    var.events_stream == null ? {} : {
      enrichment = {
        stream_arn = var.events_stream.arn
        target     = module.enrichment[0].arn
      }
    },
  )
}

resource "aws_lambda_event_source_mapping" "this" {
  for_each = local.sources

  function_name                      = each.value.target
  event_source_arn                   = each.value.stream_arn
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = local.facts[each.key].batch_size
  maximum_batching_window_in_seconds = local.facts[each.key].window_s
  maximum_retry_attempts             = local.facts[each.key].retries
  maximum_record_age_in_seconds      = local.facts[each.key].record_age_s
  parallelization_factor             = local.facts[each.key].parallelization_factor
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = var.bucket.arn
    }
  }
}
