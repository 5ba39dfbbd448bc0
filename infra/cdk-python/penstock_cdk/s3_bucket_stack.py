"""The bucket of everything that is kept: raw data, trades, dead letters."""

from typing import Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from penstock_cdk.facts import FACTS
from penstock_cdk.nag import accept
from penstock_cdk.names import bucket_name
from penstock_cdk.settings import Settings

__all__ = ["S3BucketStack"]

_PARTS = (
    "raw",
    "enriched",
    "completed",
    "dead_letter",
    "failed_batches",
    "failed_deliveries",
    "results",
)


class S3BucketStack(Stack):
    """The S3 bucket.

    Attributes:
        bucket: Private, encrypted, versioned, reached by TLS alone.
    """

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, **kwargs: object
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name(settings),
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            lifecycle_rules=[_rule(part, FACTS["bucket"][part]) for part in _PARTS]
            + [_leftovers()],
            metrics=[s3.BucketMetrics(id="EntireBucket")],
            # A bucket that still holds anything is not deleted, whatever this says.
            removal_policy=(
                RemovalPolicy.RETAIN if settings.is_prod else RemovalPolicy.DESTROY
            ),
        )
        accept(
            self.bucket,
            "S1",
            "Who reads and writes is kept by CloudTrail, with the switch audit; access"
            " logs would cost more than the data",
        )
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)


def _rule(part: str, facts: dict[str, Any]) -> s3.LifecycleRule:
    classes = (
        (s3.StorageClass.INFREQUENT_ACCESS, "infrequent_days"),
        (s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, "glacier_days"),
    )
    return s3.LifecycleRule(
        id=part.replace("_", "-"),
        prefix=facts["prefix"],
        transitions=[
            s3.Transition(
                storage_class=storage, transition_after=Duration.days(facts[key])
            )
            for storage, key in classes
            if key in facts
        ],
        expiration=Duration.days(facts["expire_days"]),
    )


def _leftovers() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="leftovers",
        expired_object_delete_marker=True,
        noncurrent_version_expiration=Duration.days(FACTS["bucket"]["noncurrent_days"]),
        abort_incomplete_multipart_upload_after=Duration.days(
            FACTS["bucket"]["unfinished_days"]
        ),
    )
