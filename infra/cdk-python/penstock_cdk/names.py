"""Names and ARNs that follow from the environment, whichever stack makes the thing."""

from aws_cdk import Aws

from penstock_cdk.facts import FACTS
from penstock_cdk.settings import Settings

__all__ = ["bucket_arn", "bucket_name", "log_group_arn"]


def bucket_name(settings: Settings) -> str:
    """Return the bucket's name, which no other account or region can have."""
    name = FACTS["names"]["bucket"]
    return f"{name}-{Aws.ACCOUNT_ID}-{Aws.REGION}-{settings.environment}"


def bucket_arn(settings: Settings) -> str:
    """Return the bucket's ARN, without a slash at its end."""
    return f"arn:{Aws.PARTITION}:s3:::{bucket_name(settings)}"


def log_group_arn(name: str) -> str:
    """Return the ARN of log group `name`, without the `:*` of its streams."""
    return f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{name}"
