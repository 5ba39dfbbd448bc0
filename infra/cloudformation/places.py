"""Where each fact of infra/facts.json stands in the templates."""

from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["Place", "places"]

_FUNCTIONS = {
    "consumer": ("Consumer", "Consumer"),
    "sweeper": ("Sweeper", "Sweeper"),
    "enrichment": ("Enrichment", "EnrichmentFunction"),
    "producer": ("Producer", "ProducerFunction"),
}
_END = "-${Environment}"
_RULES = ("raw", "enriched", "completed", "dead_letter", "failed_batches")
_RULES += ("failed_deliveries", "results")


class Place(NamedTuple):
    """Where a fact stands.

    Attributes:
        template: The file.
        path: Keys and positions down to it, with slashes between them; `Id=raw` is the
            member of a list that says so.
        value: What must be there: text, or a list of texts.
    """

    template: str
    path: str
    value: str | list[str]


def places(facts: dict[str, Any]) -> Iterator[Place]:
    """Yield every place of a fact in the templates."""
    for part in (_parameters, _streams, _bucket, _tables, _functions, _producer):
        for path, value in part(facts):
            yield Place("cloudformation.yaml", path, value)
    for path, value in _lake(facts):
        yield Place("cloudformation.yaml", path, value)
    for path, value in _foundation(facts):
        yield Place("foundation.yaml", path, value)
    for path, value in _monitoring(facts):
        yield Place("monitoring.yaml", path, value)


_Found = Iterator[tuple[str, str | list[str]]]


def _parameters(facts: dict[str, Any]) -> _Found:
    functions = facts["functions"]
    yield "Parameters/Environment/Default", facts["environment"]
    yield "Parameters/Environment/AllowedValues", facts["environments"]
    yield "Parameters/Owner/Default", facts["tags"]["owner"]
    yield "Parameters/CodePrefix/Default", f"{facts['tags']['project']}/"
    yield "Parameters/StreamMode/Default", facts["stream"]["mode"]
    yield "Parameters/StreamShardCount/Default", str(facts["stream"]["shards"])
    yield "Parameters/LambdaMemorySize/Default", str(functions["memory_mb"])
    yield "Parameters/LambdaTimeout/Default", str(functions["timeout_s"])
    yield "Parameters/Architecture/Default", functions["architecture"]
    yield "Parameters/Python/Default", functions["python"]
    yield "Parameters/PriceThreshold/Default", str(facts["alerts"]["price_threshold"])


def _streams(facts: dict[str, Any]) -> _Found:
    names = facts["names"]
    yield "Resources/KeyAlias/Properties/AliasName", f"alias/{names['key']}{_END}"
    yield "Resources/Stream/Properties/Name", names["stream"] + _END
    yield (
        "Resources/Stream/Properties/RetentionPeriodHours",
        str(facts["stream"]["retention_hours"]),
    )
    events = facts["events"]
    at = "Resources/EventsStream/Properties"
    yield f"{at}/Name", names["events_stream"] + _END
    yield f"{at}/RetentionPeriodHours", str(events["retention_hours"])
    yield f"{at}/ShardCount/1", str(events["shards"])


def _bucket(facts: dict[str, Any]) -> _Found:
    at, bucket = "Resources/Bucket/Properties", facts["bucket"]
    name = facts["names"]["bucket"]
    yield f"{at}/BucketName", f"{name}-${{AWS::AccountId}}-${{AWS::Region}}{_END}"
    for part in _RULES:
        rule = f"{at}/LifecycleConfiguration/Rules/Id={part.replace('_', '-')}"
        yield f"{rule}/Prefix", bucket[part]["prefix"]
        yield f"{rule}/ExpirationInDays", str(bucket[part]["expire_days"])
        for class_, key in (
            ("STANDARD_IA", "infrequent_days"),
            ("GLACIER_IR", "glacier_days"),
        ):
            if key in bucket[part]:
                move = f"{rule}/Transitions/StorageClass={class_}"
                yield f"{move}/TransitionInDays", str(bucket[part][key])
    rest = f"{at}/LifecycleConfiguration/Rules/Id=leftovers"
    yield (
        f"{rest}/NoncurrentVersionExpiration/NoncurrentDays",
        str(bucket["noncurrent_days"]),
    )
    yield (
        f"{rest}/AbortIncompleteMultipartUpload/DaysAfterInitiation",
        str(bucket["unfinished_days"]),
    )


def _tables(facts: dict[str, Any]) -> _Found:
    names = facts["names"]
    for resource in ("History", "State", "Positions"):
        name = names[f"{resource.lower()}_table"]
        yield f"Resources/{resource}Table/Properties/TableName", name + _END
    ((table, key),) = facts["events"]["lookup_tables"].items()
    at = "Resources/UsersTable/Properties"
    yield f"{at}/TableName", f"{names['lookup_table']}-{table}{_END}"
    yield f"{at}/AttributeDefinitions/0/AttributeName", key
    yield f"{at}/KeySchema/0/AttributeName", key
    yield "Resources/Topic/Properties/TopicName", names["topic"] + _END


def _functions(facts: dict[str, Any]) -> _Found:
    for function, (prefix, resource) in _FUNCTIONS.items():
        name = facts["names"][function] + _END
        yield (
            f"Resources/{prefix}Log/Properties/LogGroupName",
            f"/aws/lambda/{name}",
        )
        yield (
            f"Resources/{prefix}Log/Properties/RetentionInDays",
            str(facts["functions"]["log_retention_days"]),
        )
        yield f"Resources/{prefix}Role/Properties/RoleName", name
        yield f"Resources/{resource}/Properties/FunctionName", name
    yield (
        "Resources/Consumer/Properties/Timeout",
        str(facts["functions"]["consumer_timeout_s"]),
    )
    for source in ("consumer", "enrichment"):
        at = f"Resources/{source.capitalize()}Source/Properties"
        for key, fact in (
            ("BatchSize", "batch_size"),
            ("MaximumBatchingWindowInSeconds", "window_s"),
            ("MaximumRetryAttempts", "retries"),
            ("MaximumRecordAgeInSeconds", "record_age_s"),
            ("ParallelizationFactor", "parallelization_factor"),
        ):
            yield f"{at}/{key}", str(facts[source][fact])
    sweep = "Resources/SweepSchedule/Properties"
    yield f"{sweep}/Name", facts["names"]["sweep_schedule"] + _END
    yield f"{sweep}/ScheduleExpression", facts["sweeper"]["schedule"]


def _producer(facts: dict[str, Any]) -> _Found:
    names, producer = facts["names"], facts["producer"]
    yield (
        "Resources/ProducerFunction/Properties/Environment/Variables/SYMBOLS",
        ",".join(producer["symbols"]),
    )
    queue = "Resources/ScheduleQueue/Properties"
    yield f"{queue}/QueueName", names["schedule_queue"] + _END
    yield (
        f"{queue}/MessageRetentionPeriod",
        str(producer["queue_retention_days"] * 86_400),
    )
    at = "Resources/Schedule/Properties"
    yield f"{at}/Name", names["schedule"] + _END
    yield f"{at}/ScheduleExpression", producer["schedule"]
    retry = f"{at}/Targets/0/RetryPolicy"
    yield f"{retry}/MaximumRetryAttempts", str(producer["schedule_retries"])
    age = str(producer["schedule_age_s"])
    yield f"{retry}/MaximumEventAgeInSeconds", age
    for once in ("SweepOnce", "ScheduleOnce"):
        yield f"Resources/{once}/Properties/MaximumEventAgeInSeconds", age
    service = names["service"] + _END
    for path in (
        "Cluster/Properties/ClusterName",
        "TaskRole/Properties/RoleName",
        "Task/Properties/Family",
        "Service/Properties/ServiceName",
    ):
        yield f"Resources/{path}", service
    yield "Resources/ExecutionRole/Properties/RoleName", f"{service}-start"
    yield "Resources/ServiceLog/Properties/LogGroupName", f"/ecs/{service}"
    yield (
        "Resources/ServiceLog/Properties/RetentionInDays",
        str(facts["functions"]["log_retention_days"]),
    )
    yield "Resources/Task/Properties/Cpu", str(producer["task_cpu"])
    yield "Resources/Task/Properties/Memory", str(producer["task_memory_mb"])
    yield (
        "Resources/Task/Properties/ContainerDefinitions/0/Command",
        producer["mock_command"],
    )


def _lake(facts: dict[str, Any]) -> _Found:
    names, analytics = facts["names"], facts["analytics"]
    delivery = names["delivery_stream"] + _END
    yield (
        "Resources/DeliveryLog/Properties/LogGroupName",
        f"/aws/kinesisfirehose/{delivery}",
    )
    yield (
        "Resources/DeliveryLog/Properties/RetentionInDays",
        str(facts["functions"]["log_retention_days"]),
    )
    yield "Resources/DeliveryRole/Properties/RoleName", delivery
    yield "Resources/Delivery/Properties/DeliveryStreamName", delivery
    at = "Resources/Delivery/Properties/ExtendedS3DestinationConfiguration"
    raw = facts["bucket"]["raw"]["prefix"]
    hour = "!{timestamp:yyyy/MM/dd/HH}/"
    failed = facts["bucket"]["failed_deliveries"]["prefix"]
    yield f"{at}/Prefix", f"{raw}{hour}"
    yield f"{at}/ErrorOutputPrefix", f"{failed}!{{firehose:error-output-type}}/{hour}"
    yield f"{at}/BufferingHints/IntervalInSeconds", str(analytics["buffer_s"])
    yield f"{at}/BufferingHints/SizeInMBs", str(analytics["buffer_mb"])
    yield (
        "Resources/Database/Properties/DatabaseInput/Name",
        f"{names['database']}_${{Environment}}",
    )
    for resource, table in (
        ("RawData", "raw_data"),
        ("CompletedTrades", "completed_trades"),
        ("EnrichedData", "enriched_data"),
        ("DeadLetterLines", "dead_letters"),
    ):
        yield from _table(f"Resources/{resource}/Properties/TableInput", table, facts)
    crawler = names["crawler"] + _END
    yield "Resources/CrawlerRole/Properties/RoleName", crawler
    yield "Resources/Crawler/Properties/Name", crawler
    yield (
        "Resources/Crawler/Properties/Targets/S3Targets/0/Path",
        f"s3://${{Bucket}}/{raw}",
    )
    yield (
        "Resources/Crawler/Properties/Schedule/ScheduleExpression",
        analytics["crawler_schedule"],
    )
    queries = "Resources/Queries/Properties"
    yield f"{queries}/Name", names["workgroup"] + _END
    settings = f"{queries}/WorkGroupConfiguration"
    yield f"{settings}/BytesScannedCutoffPerQuery", str(analytics["scan_limit_bytes"])
    yield (
        f"{settings}/ResultConfiguration/OutputLocation",
        f"s3://${{Bucket}}/{facts['bucket']['results']['prefix']}",
    )


def _table(at: str, name: str, facts: dict[str, Any]) -> _Found:
    table = facts["tables"][name]
    location = f"s3://${{Bucket}}/{facts['bucket'][table['part']]['prefix']}"
    yield f"{at}/Name", name
    yield (
        f"{at}/Parameters/projection.hour.range",
        f"{facts['analytics']['projection_from']},NOW",
    )
    yield f"{at}/Parameters/storage.location.template", f"{location}${{!hour}}/"
    yield f"{at}/StorageDescriptor/Location", location
    for i, (column, type_) in enumerate(table["columns"].items()):
        yield f"{at}/StorageDescriptor/Columns/{i}/Name", column
        yield f"{at}/StorageDescriptor/Columns/{i}/Type", type_


def _foundation(facts: dict[str, Any]) -> _Found:
    names, network = facts["names"], facts["network"]
    vpc, firewall = names["vpc"] + _END, names["firewall"] + _END
    yield "Resources/Vpc/Properties/CidrBlock", network["cidr"]
    yield "Resources/Vpc/Properties/Tags/Key=Name/Value/1", vpc
    yield "Resources/Vpc/Properties/Tags/Key=Name/Value/2", names["service"] + _END
    for kind in ("public", "private"):
        for i, block in enumerate(network[f"{kind}_subnets"], 1):
            subnet = f"Resources/{kind.capitalize()}Subnet{i}/Properties"
            yield f"{subnet}/CidrBlock", block
            name = f"{names['vpc']}-{kind}-{i}{_END}"
            yield f"{subnet}/Tags/Key=Name/Value", name
    for i, block in enumerate(network["private_subnets"], 1):
        route = f"Resources/AnswersToFirewall{i}/Properties"
        yield f"{route}/DestinationCidrBlock", block
    yield (
        "Resources/FirewallSubnet1/Properties/CidrBlock",
        network["firewall_subnet"],
    )
    yield "Resources/FlowLogGroup/Properties/LogGroupName", f"/aws/vpc/{vpc}"
    yield (
        "Resources/FlowLogGroup/Properties/RetentionInDays",
        str(network["flow_log_days"]),
    )
    domains = "Resources/AllowedDomains/Properties"
    yield f"{domains}/RuleGroupName", f"{firewall}-domains"
    yield (
        f"{domains}/RuleGroup/RulesSource/RulesSourceList/Targets",
        network["allowed_domains"],
    )
    yield (
        "Resources/FirewallPolicy/Properties/FirewallPolicyName",
        f"{firewall}-policy",
    )
    yield "Resources/Firewall/Properties/FirewallName", firewall
    audit = "Resources/AuditBucket/Properties"
    trail = names["trail"] + _END
    yield (
        f"{audit}/BucketName",
        f"{names['trail']}-${{AWS::AccountId}}-${{AWS::Region}}{_END}",
    )
    yield (
        f"{audit}/LifecycleConfiguration/Rules/0/ExpirationInDays",
        str(facts["audit"]["trail_days"]),
    )
    yield "Resources/Trail/Properties/TrailName", trail


def _monitoring(facts: dict[str, Any]) -> _Found:
    names, alarms = facts["names"], facts["alarms"]
    yield "Resources/AlarmTopic/Properties/TopicName", names["alarm_topic"] + _END
    thresholds = {
        "IteratorAgeWarn": "iterator_age_warn_ms",
        "IteratorAgePage": "iterator_age_page_ms",
        "WriteThrottles": "write_throttles",
        "ReaderAge": "reader_age_ms",
        "BucketErrors": "bucket_errors",
        "ConsumerSlow": "latency_p99_ms",
    }
    for function in ("Consumer", "Sweeper", "Enrichment", "Producer"):
        thresholds[f"{function}Errors"] = "function_errors"
        thresholds[f"{function}Throttles"] = "function_throttles"
    for alarm, fact in thresholds.items():
        yield f"Resources/{alarm}/Properties/Threshold", str(alarms[fact])
    for alarm in (*thresholds, "ConsumerDeadLetters", "ScheduleDeadLetters"):
        yield f"Resources/{alarm}/Properties/Period", str(alarms["period_s"])
    for table in ("History", "State", "Positions", "Users"):
        at = f"Resources/{table}TableThrottles/Properties"
        yield f"{at}/Threshold", str(alarms["table_throttles"])
        for id_ in ("reads", "writes"):
            period = f"{at}/Metrics/Id={id_}/MetricStat/Period"
            yield period, str(alarms["period_s"])
    yield (
        "Resources/NoRecords/Properties/EvaluationPeriods",
        str(alarms["quiet_periods"]),
    )
    yield "Resources/Dashboard/Properties/DashboardName", names["dashboard"] + _END
    at, budget = "Resources/Budget/Properties", facts["budget"]
    yield f"{at}/Budget/BudgetName", names["budget"] + _END
    yield f"{at}/Budget/BudgetLimit/Amount", str(budget["monthly_usd"])
    yield (
        f"{at}/Budget/CostFilters/TagKeyValue",
        [f"user:project${facts['tags']['project']}"],
    )
    warning = f"{at}/NotificationsWithSubscribers/1/0/Notification"
    yield f"{warning}/Threshold", str(budget["warn_percent"])
