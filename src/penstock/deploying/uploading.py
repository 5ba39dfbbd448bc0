"""Puts the zips and the templates where a CloudFormation stack of one's own finds them.

Each upload goes under `penstock/`, and under a prefix that follows from its contents:
with that one, an update of a stack sees that there is new code.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from penstock.aws.errors import translated
from penstock.errors import ConfigError
from penstock.sandbox.clients import Clients

__all__ = ["TEMPLATE", "create_command", "find_templates", "upload"]

TEMPLATE = "cloudformation.yaml"
_PREFIX = "penstock/"
_FOLDERS = (Path(), Path("infra/cloudformation"))


def find_templates() -> list[Path]:
    """Return the templates, which lie here or in infra/cloudformation.

    Raises:
        ConfigError: There are none.
    """
    for folder in _FOLDERS:
        if (folder / TEMPLATE).is_file():
            return sorted(folder.glob("*.yaml"))
    raise ConfigError(
        f"{TEMPLATE} is neither here nor in {_FOLDERS[1]}. Run this where penstock's"
        " source is, or in the folder of the templates."
    )


def upload(clients: Clients, bucket: str, files: Sequence[Path]) -> str:
    """Upload `files` into `bucket`, and return the prefix that their contents have.

    Raises:
        ConfigError: There is no such bucket, or it is not ours to write to.
        UnavailableError: S3 does not answer.
    """
    contents = {path.name: path.read_bytes() for path in files}
    digest = sha256()
    for name, body in sorted(contents.items()):
        digest.update(f"{name} {sha256(body).hexdigest()}\n".encode())
    own = f"{_PREFIX}{digest.hexdigest()[:12]}/"
    for prefix in (own, _PREFIX):
        for name, body in contents.items():
            with translated(f"s3 PutObject {bucket}/{prefix}{name}"):
                clients("s3").put_object(Bucket=bucket, Key=prefix + name, Body=body)
    return own


def create_command(bucket: str, **parameters: str) -> str:
    """Return the command that creates the stack, for the folder of the templates."""
    given = {"Environment": "dev", "CodeBucket": bucket} | parameters
    words = " ".join(
        f"ParameterKey={key},ParameterValue={value}" for key, value in given.items()
    )
    return (
        "aws cloudformation create-stack --stack-name data-enrichment-pipeline"
        f" --template-body file://{TEMPLATE} --capabilities CAPABILITY_NAMED_IAM"
        f" --parameters {words}"
    )
