"""Names and ARNs that follow from the environment, whichever stack makes the thing."""

from aws_cdk import Aws
from aws_cdk import aws_kms as kms

from penstock_cdk.facts import FACTS
from penstock_cdk.settings import Settings

__all__ = ["bucket_arn", "bucket_name", "key_arns", "log_group_arn"]


def bucket_name(settings: Settings, key: str = "bucket") -> str:
    """Return the name of bucket `key`, which no other account or region can have."""
    name = FACTS["names"][key]
    return f"{name}-{Aws.ACCOUNT_ID}-{Aws.REGION}-{settings.environment}"


def bucket_arn(settings: Settings) -> str:
    """Return the bucket's ARN, without a slash at its end."""
    return f"arn:{Aws.PARTITION}:s3:::{bucket_name(settings)}"


def key_arns(settings: Settings, key: kms.IKey) -> list[str]:
    """Return our own key, and that of an existing stream where it has one."""
    return [key.key_arn, *filter(None, [settings.stream_key_arn])]


def log_group_arn(name: str) -> str:
    """Return the ARN of log group `name`, without the `:*` of its streams."""
    return f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{name}"
