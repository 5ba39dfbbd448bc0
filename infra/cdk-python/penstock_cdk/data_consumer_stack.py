"""What is done with the trades: tables, topic, and the functions that decide."""

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from penstock_cdk.facts import FACTS
from penstock_cdk.functions import function, never_again
from penstock_cdk.names import bucket_arn, key_arns
from penstock_cdk.settings import Settings
from penstock_cdk.tables import Tables, make_tables
from penstock_cdk.topics import make_topic

__all__ = ["DataConsumerStack"]


class DataConsumerStack(Stack):
    """The consumer, the sweeper, and what they write; the enrichment where wanted.

    Attributes:
        tables: The DynamoDB tables.
        topic: Where alerts go.
        consumer, sweeper: The functions.
        enrichment: None unless events are enriched.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        stream: kinesis.IStream,
        events_stream: kinesis.IStream | None,
        bucket: s3.IBucket,
        key: kms.IKey,
        vpc: ec2.IVpc | None,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self._settings = settings
        self._vpc = vpc
        self.tables: Tables = make_tables(self, settings)
        self.topic = make_topic(
            self, "Topic", "topic", "Crypto price alerts", settings=settings, key=key
        )
        self._arns = self._resources(stream, events_stream, key)
        self._environment = self._variables(stream, bucket)
        self.consumer = self._consumer(stream, bucket)
        self.sweeper = self._sweeper()
        self.enrichment: lambda_.Function | None = None
        if events_stream is not None:
            self.enrichment = self._enrichment(events_stream, bucket)
        CfnOutput(self, "FunctionName", value=self.consumer.function_name)
        CfnOutput(self, "TableName", value=self.tables.history.table_name)
        CfnOutput(self, "TopicArn", value=self.topic.topic_arn)

    def _resources(
        self,
        stream: kinesis.IStream,
        events_stream: kinesis.IStream | None,
        key: kms.IKey,
    ) -> dict[str, str | list[str]]:
        arns: dict[str, str | list[str]] = {
            "stream": stream.stream_arn,
            "bucket": bucket_arn(self._settings),
            "key": key_arns(self._settings, key),
            "topic": self.topic.topic_arn,
            "history_table": self.tables.history.table_arn,
            "state_table": self.tables.state.table_arn,
            "positions_table": self.tables.positions.table_arn,
            "lookup_tables": [table.table_arn for table in self.tables.lookups],
        }
        if events_stream is not None:
            arns["events_stream"] = events_stream.stream_arn
        return arns

    def _variables(self, stream: kinesis.IStream, bucket: s3.IBucket) -> dict[str, str]:
        variables = {
            "STREAM_NAME": stream.stream_name,
            "BUCKET_NAME": bucket.bucket_name,
            "SNS_TOPIC_ARN": self.topic.topic_arn,
            "DYNAMO_TABLE_NAME": self.tables.history.table_name,
            "STATE_TABLE_NAME": self.tables.state.table_name,
            "POSITIONS_TABLE_NAME": self.tables.positions.table_name,
        }
        # It is the price of one alert: settings that have one say it themselves.
        if not self._settings.has_threshold:
            variables["PRICE_THRESHOLD"] = f"{self._settings.price_threshold:.15g}"
        return variables

    def _consumer(
        self, stream: kinesis.IStream, bucket: s3.IBucket
    ) -> lambda_.Function:
        settings = self._settings
        consumer = function(
            self,
            "consumer",
            settings=settings,
            timeout_s=FACTS["functions"]["consumer_timeout_s"],
            environment=self._environment,
            arns=self._arns,
            vpc=self._vpc,
            reserved=settings.consumers if settings.reserve_concurrency else None,
        )
        target: lambda_.IFunction | lambda_.Alias = consumer
        if settings.provisioned_concurrency:
            target = lambda_.Alias(
                self,
                "Warm",
                alias_name="warm",
                version=consumer.current_version,
                provisioned_concurrent_executions=settings.provisioned_concurrency,
            )
        self._feed("ConsumerSource", target.function_arn, consumer, stream, bucket)
        return consumer

    def _enrichment(
        self, stream: kinesis.IStream, bucket: s3.IBucket
    ) -> lambda_.Function:
        made = function(
            self,
            "enrichment",
            settings=self._settings,
            timeout_s=self._settings.timeout_s,
            environment=self._environment,
            arns=self._arns,
            vpc=self._vpc,
        )
        self._feed("EnrichmentSource", made.function_arn, made, stream, bucket)
        return made

    def _feed(
        self,
        id_: str,
        target: str,
        made: lambda_.Function,
        stream: kinesis.IStream,
        bucket: s3.IBucket,
    ) -> None:
        # A line that is no trade never fails a batch, so what fails is a store that is
        # away: the consumer comes back until it answers, or a decision would be lost.
        facts = FACTS["consumer" if id_ == "ConsumerSource" else "enrichment"]
        source = lambda_.CfnEventSourceMapping(
            self,
            id_,
            function_name=target,
            event_source_arn=stream.stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=facts["batch_size"],
            maximum_batching_window_in_seconds=facts["window_s"],
            maximum_retry_attempts=facts["retries"],
            maximum_record_age_in_seconds=facts["record_age_s"],
            parallelization_factor=facts["parallelization_factor"],
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(
                    destination=bucket.bucket_arn
                )
            ),
        )
        # Lambda tries the role's rights when the mapping is made.
        source.node.add_dependency(made)

    def _sweeper(self) -> lambda_.Function:
        made = function(
            self,
            "sweeper",
            settings=self._settings,
            timeout_s=self._settings.timeout_s,
            environment=self._environment,
            arns=self._arns,
            vpc=self._vpc,
        )
        never_again(made)
        events.Rule(
            self,
            "SweepSchedule",
            rule_name=self._settings.named("sweep_schedule"),
            description="Delivers what a crash left in an outbox",
            schedule=events.Schedule.expression(FACTS["sweeper"]["schedule"]),
            targets=[targets.LambdaFunction(made)],
        )
        return made
