"""All stacks of one deployment, and how they hang together."""

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from penstock_cdk.analytics_stack import AnalyticsStack
from penstock_cdk.data_consumer_stack import DataConsumerStack
from penstock_cdk.data_producer_stack import DataProducerStack
from penstock_cdk.facts import FACTS
from penstock_cdk.foundation_stack import FoundationStack
from penstock_cdk.kinesis_stream_stack import KinesisStreamStack
from penstock_cdk.monitoring_stack import MonitoringStack, Watched
from penstock_cdk.s3_bucket_stack import S3BucketStack
from penstock_cdk.sandbox import leave_out
from penstock_cdk.settings import Settings, read_settings

__all__ = ["synthesise"]


def synthesise(app: App, *, account: str, region: str) -> None:
    """Write the templates of what the context of `app` asks for.

    Args:
        app: Whose stacks they become.
        account: Where they are to be deployed; "" where that is not known.
        region: And where there.

    Raises:
        SettingsError: Something is asked for that cannot be deployed.
        RuntimeError: A rule of cdk-nag's AwsSolutions is broken, which is written.
    """
    _build(app, read_settings(app, account=account, region=region))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def _build(app: App, settings: Settings) -> None:
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
    queue = None
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
        queue = producer.queue
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
            queue=queue,
        ),
        key=streams.key,
        env=env,
    )
    Tags.of(app).add("owner", settings.owner)
    Tags.of(app).add("project", FACTS["tags"]["project"])
    Tags.of(app).add("environment", settings.environment)
    if settings.profile == "sandbox":
        leave_out(app)
