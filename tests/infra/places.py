"""Each number of infra/facts.json, and every place in the templates that it reaches."""

# Stack: fact: "resource property", of all resources that have it.
PLACES: dict[str, dict[str, list[str]]] = {
    "AnalyticsStack": {
        "analytics.buffer_mb": [
            "Delivery ExtendedS3DestinationConfiguration.BufferingHints.SizeInMBs",
        ],
        "analytics.buffer_s": [
            "Delivery ExtendedS3DestinationConfiguration.BufferingHints.IntervalInSeconds",  # noqa: E501
        ],
        "analytics.scan_limit_bytes": [
            "Queries WorkGroupConfiguration.BytesScannedCutoffPerQuery",
        ],
        "functions.log_retention_days": [
            "DeliveryLog RetentionInDays",
        ],
    },
    "DataConsumerStack": {
        "alerts.price_threshold": [
            "consumer Environment.Variables.PRICE_THRESHOLD",
            "enrichment Environment.Variables.PRICE_THRESHOLD",
            "sweeper Environment.Variables.PRICE_THRESHOLD",
        ],
        "consumer.batch_size": [
            "ConsumerSource BatchSize",
        ],
        "consumer.parallelization_factor": [
            "ConsumerSource ParallelizationFactor",
        ],
        "consumer.record_age_s": [
            "ConsumerSource MaximumRecordAgeInSeconds",
        ],
        "consumer.retries": [
            "ConsumerSource MaximumRetryAttempts",
        ],
        "consumer.window_s": [
            "ConsumerSource MaximumBatchingWindowInSeconds",
        ],
        "enrichment.batch_size": [
            "EnrichmentSource BatchSize",
        ],
        "enrichment.parallelization_factor": [
            "EnrichmentSource ParallelizationFactor",
        ],
        "enrichment.record_age_s": [
            "EnrichmentSource MaximumRecordAgeInSeconds",
        ],
        "enrichment.retries": [
            "EnrichmentSource MaximumRetryAttempts",
        ],
        "enrichment.window_s": [
            "EnrichmentSource MaximumBatchingWindowInSeconds",
        ],
        "functions.consumer_timeout_s": [
            "consumer Timeout",
        ],
        "functions.log_retention_days": [
            "consumerlog RetentionInDays",
            "enrichmentlog RetentionInDays",
            "sweeperlog RetentionInDays",
        ],
        "functions.memory_mb": [
            "consumer MemorySize",
            "enrichment MemorySize",
            "sweeper MemorySize",
        ],
        "functions.timeout_s": [
            "enrichment Timeout",
            "sweeper Timeout",
        ],
        "producer.schedule_age_s": [
            "sweeperEventInvokeConfig MaximumEventAgeInSeconds",
        ],
        "stream.shards * consumer.parallelization_factor": [
            "consumer ReservedConcurrentExecutions",
        ],
    },
    "DataProducerStack": {
        "functions.log_retention_days": [
            "ServiceLog RetentionInDays",
            "producerlog RetentionInDays",
        ],
        "functions.memory_mb": [
            "producer MemorySize",
        ],
        "functions.timeout_s": [
            "producer Timeout",
        ],
        "producer.queue_retention_days * 86400": [
            "ScheduleQueue MessageRetentionPeriod",
        ],
        "producer.schedule_age_s": [
            "Schedule Targets.0.RetryPolicy.MaximumEventAgeInSeconds",
            "producerEventInvokeConfig MaximumEventAgeInSeconds",
        ],
        "producer.schedule_retries": [
            "Schedule Targets.0.RetryPolicy.MaximumRetryAttempts",
        ],
        "producer.task_cpu": [
            "Task Cpu",
        ],
        "producer.task_memory_mb": [
            "Task Memory",
        ],
    },
    "FoundationStack": {
        "audit.trail_days": [
            "AuditBucket LifecycleConfiguration.Rules.0.ExpirationInDays",
        ],
        "bucket.noncurrent_days": [
            "AuditBucket LifecycleConfiguration.Rules.0.NoncurrentVersionExpiration.NoncurrentDays",  # noqa: E501
        ],
        "network.flow_log_days": [
            "FlowLogGroup RetentionInDays",
        ],
    },
    "KinesisStreamStack": {
        "events.retention_hours": [
            "EventsStream RetentionPeriodHours",
        ],
        "events.shards": [
            "EventsStream ShardCount",
        ],
        "stream.retention_hours": [
            "Stream RetentionPeriodHours",
        ],
        "stream.shards": [
            "Stream ShardCount",
        ],
    },
    "MonitoringStack": {
        "alarms.bucket_errors": [
            "bucketerrors Threshold",
        ],
        "alarms.function_errors": [
            "consumererrors Threshold",
            "enrichmenterrors Threshold",
            "producererrors Threshold",
            "sweepererrors Threshold",
        ],
        "alarms.function_throttles": [
            "consumerthrottles Threshold",
            "enrichmentthrottles Threshold",
            "producerthrottles Threshold",
            "sweeperthrottles Threshold",
        ],
        "alarms.iterator_age_page_ms": [
            "iteratoragepage Threshold",
        ],
        "alarms.iterator_age_warn_ms": [
            "iteratoragewarn Threshold",
        ],
        "alarms.latency_p99_ms": [
            "consumerslow Threshold",
        ],
        "alarms.period_s": [
            "bucketerrors Period",
            "consumerdeadletters Period",
            "consumererrors Period",
            "consumerslow Period",
            "consumerthrottles Period",
            "enrichmentdeadletters Period",
            "enrichmenterrors Period",
            "enrichmentthrottles Period",
            "historythrottles Metrics.1.MetricStat.Period",
            "historythrottles Metrics.2.MetricStat.Period",
            "iteratoragepage Period",
            "iteratoragewarn Period",
            "lookupusersthrottles Metrics.1.MetricStat.Period",
            "lookupusersthrottles Metrics.2.MetricStat.Period",
            "positionsthrottles Metrics.1.MetricStat.Period",
            "positionsthrottles Metrics.2.MetricStat.Period",
            "producererrors Period",
            "producerthrottles Period",
            "readerage Period",
            "scheduledeadletters Period",
            "statethrottles Metrics.1.MetricStat.Period",
            "statethrottles Metrics.2.MetricStat.Period",
            "sweepererrors Period",
            "sweeperthrottles Period",
            "writethrottles Period",
        ],
        "alarms.quiet_periods": [
            "norecords EvaluationPeriods",
        ],
        "alarms.reader_age_ms": [
            "readerage Threshold",
        ],
        "alarms.table_throttles": [
            "historythrottles Threshold",
            "lookupusersthrottles Threshold",
            "positionsthrottles Threshold",
            "statethrottles Threshold",
        ],
        "alarms.write_throttles": [
            "writethrottles Threshold",
        ],
        "budget.monthly_usd": [
            "Budget Budget.BudgetLimit.Amount",
        ],
        "budget.warn_percent": [
            "Budget NotificationsWithSubscribers.0.Notification.Threshold",
        ],
    },
    "S3BucketStack": {
        "bucket.completed.expire_days": [
            "Bucket LifecycleConfiguration.Rules.2.ExpirationInDays",
        ],
        "bucket.completed.glacier_days": [
            "Bucket LifecycleConfiguration.Rules.2.Transitions.1.TransitionInDays",
        ],
        "bucket.completed.infrequent_days": [
            "Bucket LifecycleConfiguration.Rules.2.Transitions.0.TransitionInDays",
        ],
        "bucket.dead_letter.expire_days": [
            "Bucket LifecycleConfiguration.Rules.3.ExpirationInDays",
        ],
        "bucket.enriched.expire_days": [
            "Bucket LifecycleConfiguration.Rules.1.ExpirationInDays",
        ],
        "bucket.enriched.glacier_days": [
            "Bucket LifecycleConfiguration.Rules.1.Transitions.1.TransitionInDays",
        ],
        "bucket.enriched.infrequent_days": [
            "Bucket LifecycleConfiguration.Rules.1.Transitions.0.TransitionInDays",
        ],
        "bucket.failed_batches.expire_days": [
            "Bucket LifecycleConfiguration.Rules.4.ExpirationInDays",
        ],
        "bucket.failed_deliveries.expire_days": [
            "Bucket LifecycleConfiguration.Rules.5.ExpirationInDays",
        ],
        "bucket.noncurrent_days": [
            "Bucket LifecycleConfiguration.Rules.7.NoncurrentVersionExpiration.NoncurrentDays",  # noqa: E501
        ],
        "bucket.raw.expire_days": [
            "Bucket LifecycleConfiguration.Rules.0.ExpirationInDays",
        ],
        "bucket.raw.glacier_days": [
            "Bucket LifecycleConfiguration.Rules.0.Transitions.1.TransitionInDays",
        ],
        "bucket.raw.infrequent_days": [
            "Bucket LifecycleConfiguration.Rules.0.Transitions.0.TransitionInDays",
        ],
        "bucket.results.expire_days": [
            "Bucket LifecycleConfiguration.Rules.6.ExpirationInDays",
        ],
        "bucket.unfinished_days": [
            "Bucket LifecycleConfiguration.Rules.7.AbortIncompleteMultipartUpload.DaysAfterInitiation",  # noqa: E501
        ],
    },
}
