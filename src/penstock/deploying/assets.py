"""Puts zips and templates where CloudFormation finds them: the CDK's bucket."""

from collections.abc import Callable, Iterable

from botocore.exceptions import ClientError

from penstock.aws.errors import code_of, translated
from penstock.deploying.assembly import Asset, Stack
from penstock.deploying.buckets import empty_bucket
from penstock.deploying.target import Target
from penstock.errors import ConfigError

__all__ = ["CDK_CLI", "bootstrap_sandbox", "forget_sandbox", "publish"]

CDK_CLI = "aws-cdk@2.1148.1"
"""The version of the CDK's own command that reads what the library writes."""

# What the templates look at; a bootstrap of version 6 is old enough for anybody.
_VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
_VERSION = "30"
_BUCKET = "cdk-hnb659fds-assets-"
_MISSING = ("404", "NoSuchBucket", "NotFound")


def bootstrap_sandbox(target: Target, stacks: Iterable[Stack]) -> None:
    """Make in an emulator what `cdk bootstrap` would: the bucket, and its version."""
    with translated("bootstrap of the sandbox"):
        for bucket in {asset.bucket for stack in stacks for asset in stack.assets}:
            target.clients("s3").create_bucket(Bucket=bucket)
        target.clients("ssm").put_parameter(
            Name=_VERSION_PARAMETER, Value=_VERSION, Type="String", Overwrite=True
        )


def forget_sandbox(target: Target) -> None:
    """Undo `bootstrap_sandbox`, which is done again at each deployment."""
    s3 = target.clients("s3")
    with translated("bootstrap of the sandbox"):
        for bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
            if bucket.startswith(_BUCKET):
                empty_bucket(target, bucket)
                s3.delete_bucket(Bucket=bucket)
        target.clients("ssm").delete_parameters(Names=[_VERSION_PARAMETER])


def publish(target: Target, stacks: Iterable[Stack]) -> int:
    """Upload what the stacks refer to, and return how many files were not there yet.

    Their names follow from their contents: what is there is never other than it was.

    Raises:
        ConfigError: The account has no such bucket, or it is not ours to use.
        UnavailableError: S3 does not answer.
    """
    assets = {a.key: a for stack in stacks for a in stack.assets}.values()
    for bucket in {asset.bucket for asset in assets}:
        _need_bucket(target, bucket)
    return sum(_upload(target, asset) for asset in assets)


def _need_bucket(target: Target, bucket: str) -> None:
    with translated(f"s3 HeadBucket {bucket}"):
        if _is_there(target.clients("s3").head_bucket, Bucket=bucket):
            return
    raise ConfigError(
        f"account {target.account} is not prepared for deployments in {target.region}:"
        f" it has no bucket {bucket}. Once for each account and region, run"
        f" `PATH=.venv-infra/bin:$PATH npx {CDK_CLI} bootstrap"
        f" aws://{target.account}/{target.region}`; then the same command again."
    )


def _upload(target: Target, asset: Asset) -> bool:
    s3 = target.clients("s3")
    with translated(f"s3 PutObject {asset.bucket}/{asset.key}"):
        if _is_there(s3.head_object, Bucket=asset.bucket, Key=asset.key):
            return False
        s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=asset.path.read_bytes())
    return True


def _is_there(head: Callable[..., object], **names: str) -> bool:
    try:
        head(**names)
    except ClientError as e:
        if code_of(e) in _MISSING:
            return False
        raise
    return True
