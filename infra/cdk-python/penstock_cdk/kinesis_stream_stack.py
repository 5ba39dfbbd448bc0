"""The stream of the trades, and the key that encrypts it and the topics."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from penstock_cdk.facts import FACTS
from penstock_cdk.nag import accept
from penstock_cdk.settings import Settings

__all__ = ["KinesisStreamStack"]


class KinesisStreamStack(Stack):
    """The Kinesis streams.

    Attributes:
        key: Encrypts the streams and the topics.
        stream: The trades, one ticker a partition key.
        events: Events to be enriched; None unless they are.
    """

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, **kwargs: object
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self._settings = settings
        self.key = self._make_key()
        self.stream = self._trades()
        self.events: kinesis.IStream | None = None
        if settings.enrichment:
            self.events = self._make(
                "EventsStream",
                settings.named("events_stream"),
                hours=FACTS["events"]["retention_hours"],
                shards=FACTS["events"]["shards"],
            )
        CfnOutput(self, "StreamName", value=self.stream.stream_name)

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self._settings.named('key')}",
            description="Streams and topics of the Penstock pipeline",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # An alarm publishes to an encrypted topic only with leave of the key itself.
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        return key

    def _trades(self) -> kinesis.IStream:
        if arn := self._settings.stream_arn:
            return kinesis.Stream.from_stream_arn(self, "Stream", arn)
        return self._make(
            "Stream",
            self._settings.named("stream"),
            hours=FACTS["stream"]["retention_hours"],
            shards=self._settings.shards,
        )

    def _make(self, id_: str, name: str, *, hours: int, shards: int) -> kinesis.Stream:
        provisioned = self._settings.stream_mode == "provisioned"
        modes = kinesis.StreamMode
        made = kinesis.Stream(
            self,
            id_,
            stream_name=name,
            stream_mode=modes.PROVISIONED if provisioned else modes.ON_DEMAND,
            shard_count=shards if provisioned else None,
            retention_period=Duration.hours(hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self.key,
            removal_policy=RemovalPolicy.DESTROY,
        )
        accept(
            made, "KDS3", "One key of our own for streams and topics, for alarms' sake"
        )
        return made
