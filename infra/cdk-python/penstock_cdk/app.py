"""All stacks of one deployment, and how they hang together."""

from aws_cdk import App, Environment, Tags

from penstock_cdk.analytics_stack import AnalyticsStack
from penstock_cdk.data_consumer_stack import DataConsumerStack
from penstock_cdk.data_producer_stack import DataProducerStack
from penstock_cdk.facts import FACTS
from penstock_cdk.foundation_stack import FoundationStack
from penstock_cdk.kinesis_stream_stack import KinesisStreamStack
from penstock_cdk.monitoring_stack import MonitoringStack, Watched
from penstock_cdk.s3_bucket_stack import S3BucketStack
from penstock_cdk.sandbox import leave_out
from penstock_cdk.settings import Settings

__all__ = ["build"]


def build(app: App, settings: Settings) -> None:
    """Add the stacks that `settings` ask for to `app`, tagged."""
    env = Environment(account=settings.account or None, region=settings.region or None)

    def named(stack: str) -> str:
        return f"{stack}-{settings.environment}"

    vpc = None
    if settings.network != "none" or settings.audit:
        vpc = FoundationStack(
            app, named("FoundationStack"), settings=settings, env=env
        ).vpc
    streams = KinesisStreamStack(
        app, named("KinesisStreamStack"), settings=settings, env=env
    )
    bucket = S3BucketStack(
        app, named("S3BucketStack"), settings=settings, env=env
    ).bucket
    consumer = DataConsumerStack(
        app,
        named("DataConsumerStack"),
        settings=settings,
        stream=streams.stream,
        events_stream=streams.events,
        bucket=bucket,
        key=streams.key,
        vpc=vpc,
        env=env,
    )
    functions = {"consumer": consumer.consumer, "sweeper": consumer.sweeper}
    if consumer.enrichment is not None:
        functions["enrichment"] = consumer.enrichment
    if settings.producer != "none":
        producer = DataProducerStack(
            app,
            named("DataProducerStack"),
            settings=settings,
            stream=streams.stream,
            key=streams.key,
            vpc=vpc,
            env=env,
        )
        if producer.function is not None:
            functions["producer"] = producer.function
    if settings.analytics:
        AnalyticsStack(
            app,
            named("AnalyticsStack"),
            settings=settings,
            stream=streams.stream,
            bucket=bucket,
            key=streams.key,
            env=env,
        )
    MonitoringStack(
        app,
        named("MonitoringStack"),
        settings=settings,
        watched=Watched(
            stream=streams.stream,
            bucket=bucket,
            tables=consumer.tables.all,
            functions=functions,
        ),
        key=streams.key,
        env=env,
    )
    Tags.of(app).add("owner", settings.owner)
    Tags.of(app).add("project", FACTS["tags"]["project"])
    Tags.of(app).add("environment", settings.environment)
    if settings.profile == "sandbox":
        leave_out(app)
