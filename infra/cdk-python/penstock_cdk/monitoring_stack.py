"""What wakes somebody, and what that somebody looks at first."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from penstock_cdk.dashboard import make_dashboard
from penstock_cdk.facts import FACTS
from penstock_cdk.settings import Settings
from penstock_cdk.topics import make_topic

__all__ = ["MonitoringStack", "Watched"]

_FACTS = FACTS["alarms"]
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_QUIET = cloudwatch.TreatMissingData.NOT_BREACHING
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What the alarms and the dashboard are about.

    Attributes:
        functions: By their names in infra/facts.json.
        queue: Events that did not reach the producer; None where it needs none.
    """

    stream: kinesis.IStream
    bucket: s3.IBucket
    tables: Sequence[dynamodb.Table]
    functions: dict[str, lambda_.Function]
    queue: sqs.IQueue | None


class MonitoringStack(Stack):
    """Alarms, their topic, the dashboard and the monthly budget."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        watched: Watched,
        key: kms.IKey,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self._settings = settings
        self._topic = self._make_topic(key)
        self._alarms: list[cloudwatch.Alarm] = []
        for name, function in watched.functions.items():
            self._watch_function(name, function)
        self._watch_consumer(watched.functions["consumer"])
        for name in ("consumer", "enrichment"):
            if name in watched.functions:
                self._watch_dead_letters(name, watched.functions[name])
        self._watch_stream(watched.stream)
        if watched.queue is not None:
            self._watch_queue(watched.queue)
        for table in watched.tables:
            self._watch_table(table)
        self._watch_bucket(watched.bucket)
        self._summary()
        make_dashboard(self, settings=settings, watched=watched, alarms=self._alarms)
        self._budget()

    def _make_topic(self, key: kms.IKey) -> sns.Topic:
        topic = make_topic(
            self,
            "AlarmTopic",
            "alarm_topic",
            "Crypto pipeline alarms",
            settings=self._settings,
            key=key,
        )
        # The policy that refuses plain HTTP takes the place of SNS's own, which lets
        # the account's alarms publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        CfnOutput(self, "AlarmTopicArn", value=topic.topic_arn)
        return topic

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        description: str,
        *,
        periods: int = 1,
        comparison: cloudwatch.ComparisonOperator = _ABOVE,
        missing: cloudwatch.TreatMissingData = _QUIET,
    ) -> None:
        is_sum = isinstance(metric, cloudwatch.MathExpression)
        if is_sum and self._settings.profile == "sandbox":
            return  # the emulator has no metric math
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"crypto-{name}-{self._settings.environment}",
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=comparison,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
        self._alarms.append(alarm)

    def _watch_function(self, name: str, function: lambda_.Function) -> None:
        period = Duration.seconds(_FACTS["period_s"])
        self._alarm(
            f"{name}-errors",
            function.metric_errors(period=period, statistic="Sum"),
            _FACTS["function_errors"],
            f"The {name} fails; its log says why: penstock logs {name}",
        )
        self._alarm(
            f"{name}-throttles",
            function.metric_throttles(period=period, statistic="Sum"),
            _FACTS["function_throttles"],
            f"The {name} is throttled: raise the quota of concurrency, or reserve",
        )

    def _watch_consumer(self, consumer: lambda_.Function) -> None:
        age = consumer.metric(
            "IteratorAge",
            period=Duration.seconds(_FACTS["period_s"]),
            statistic="Maximum",
        )
        for level in ("warn", "page"):
            self._alarm(
                f"iterator-age-{level}",
                age,
                _FACTS[f"iterator_age_{level}_ms"],
                "The consumer falls behind: add shards, or see what it waits for",
            )
        self._alarm(
            "consumer-slow",
            consumer.metric_duration(
                period=Duration.seconds(_FACTS["period_s"]), statistic="p99"
            ),
            _FACTS["latency_p99_ms"],
            "The consumer comes close to its time-out: see which store is slow",
        )

    def _watch_dead_letters(self, name: str, function: lambda_.Function) -> None:
        self._alarm(
            f"{name}-dead-letters",
            cloudwatch.Metric(
                namespace="Penstock",
                metric_name="DeadLetters",
                dimensions_map={"FunctionName": function.function_name},
                period=Duration.seconds(_FACTS["period_s"]),
                statistic="Sum",
            ),
            0,
            f"The {name} put lines aside that it cannot read, under dead-letter/",
        )

    def _watch_queue(self, queue: sqs.IQueue) -> None:
        self._alarm(
            "schedule-dead-letters",
            queue.metric_approximate_number_of_messages_visible(
                period=Duration.seconds(_FACTS["period_s"]), statistic="Maximum"
            ),
            0,
            "EventBridge could not call the producer: the queue holds its events",
        )

    def _watch_stream(self, stream: kinesis.IStream) -> None:
        if self._settings.producer != "none":
            self._alarm(
                "no-records",
                stream.metric_incoming_records(
                    period=Duration.minutes(1), statistic="Sum"
                ),
                1,
                "Nothing arrives: the producer has stopped, or the venue is down",
                periods=_FACTS["quiet_periods"],
                comparison=_BELOW,
                missing=cloudwatch.TreatMissingData.BREACHING,
            )
        self._alarm(
            "write-throttles",
            stream.metric_write_provisioned_throughput_exceeded(
                period=Duration.seconds(_FACTS["period_s"]), statistic="Sum"
            ),
            _FACTS["write_throttles"],
            "A shard takes no more: add shards, or look for a hot ticker",
        )
        self._alarm(
            "reader-age",
            stream.metric_get_records_iterator_age_milliseconds(
                period=Duration.seconds(_FACTS["period_s"]), statistic="Maximum"
            ),
            _FACTS["reader_age_ms"],
            "Some reader of some shard falls behind: the consumer, or Firehose",
        )

    def _watch_table(self, table: dynamodb.Table) -> None:
        period = Duration.seconds(_FACTS["period_s"])
        name = table.node.id.removesuffix("_table").replace("_table-", "-")
        events = {
            kind: table.metric(f"{kind}ThrottleEvents", period=period, statistic="Sum")
            for kind in ("Read", "Write")
        }
        self._alarm(
            f"{name}-throttles",
            cloudwatch.MathExpression(
                expression="reads + writes",
                label="Throttled requests",
                using_metrics={"reads": events["Read"], "writes": events["Write"]},
                period=period,
            ),
            _FACTS["table_throttles"],
            "One ticker may write 1,000 units a second: keep the history coarser",
        )

    def _watch_bucket(self, bucket: s3.IBucket) -> None:
        self._alarm(
            "bucket-errors",
            cloudwatch.Metric(
                namespace="AWS/S3",
                metric_name="5xxErrors",
                dimensions_map={
                    "BucketName": bucket.bucket_name,
                    "FilterId": "EntireBucket",
                },
                period=Duration.seconds(_FACTS["period_s"]),
                statistic="Sum",
            ),
            _FACTS["bucket_errors"],
            "S3 refuses what is put: see the bucket's metrics",
        )

    def _summary(self) -> None:
        cloudwatch.CompositeAlarm(
            self,
            "Health",
            composite_alarm_name=f"crypto-pipeline-health-{self._settings.environment}",
            alarm_description="Some alarm of the pipeline rings",
            alarm_rule=cloudwatch.AlarmRule.any_of(
                *(
                    cloudwatch.AlarmRule.from_alarm(a, cloudwatch.AlarmState.ALARM)
                    for a in self._alarms
                )
            ),
        )

    def _budget(self) -> None:
        facts = FACTS["budget"]
        properties = budgets.CfnBudget
        email = self._settings.email
        warn = properties.NotificationWithSubscribersProperty(
            notification=properties.NotificationProperty(
                notification_type="FORECASTED",
                comparison_operator="GREATER_THAN",
                threshold=facts["warn_percent"],
                threshold_type="PERCENTAGE",
            ),
            subscribers=[
                properties.SubscriberProperty(address=email, subscription_type="EMAIL")
            ],
        )
        properties(
            self,
            "Budget",
            budget=properties.BudgetDataProperty(
                budget_name=self._settings.named("budget"),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=properties.SpendProperty(
                    amount=facts["monthly_usd"], unit="USD"
                ),
                cost_filters={
                    "TagKeyValue": [f"user:project${FACTS['tags']['project']}"]
                },
            ),
            notifications_with_subscribers=[warn] if email else None,
        )
