"""Where a deployment goes: an account and region of AWS, or the emulator."""

from typing import Any

import boto3
from botocore.config import Config
from msgspec import Struct

from penstock.aws.errors import translated
from penstock.sandbox.clients import Clients, make_clients
from penstock.sandbox.emulator import ACCOUNT, REGION

__all__ = ["Target", "find_aws", "of_emulator"]

# CloudFormation throttles who looks often, and half a minute of patience is nothing
# beside a deployment.
_CONFIG = Config(
    user_agent_extra="penstock",
    retries={"mode": "standard", "total_max_attempts": 8},
)
_AWS_POLL_S = 2.0
_SANDBOX_POLL_S = 0.05


class Target(Struct, frozen=True, kw_only=True):
    """One environment in one place.

    Attributes:
        kind: "aws" or "sandbox", as the CDK app's profile is called.
        environment: What the names of its resources end in.
        account, region: Where.
        clients: boto3's, by the name of the service.
        poll_s: How long is waited between two looks at what goes on.
    """

    kind: str
    environment: str
    account: str
    region: str
    clients: Clients
    poll_s: float


def find_aws(environment: str) -> Target:
    """Return the account and region that AWS's configuration names.

    Raises:
        ConfigError: It names none, or its credentials are not accepted.
        UnavailableError: AWS does not answer.
    """
    made: dict[str, Any] = {}
    with translated("credentials for AWS"):
        session = boto3.Session()
        identity = session.client("sts", config=_CONFIG).get_caller_identity()

    def clients(service: str) -> Any:  # noqa: ANN401 (boto3 has no types)
        if service not in made:
            made[service] = session.client(service, config=_CONFIG)
        return made[service]

    return Target(
        kind="aws",
        environment=environment,
        account=identity["Account"],
        region=session.region_name,
        clients=clients,
        poll_s=_AWS_POLL_S,
    )


def of_emulator(endpoint: str, environment: str) -> Target:
    """Return the one account of an emulator, whatever is set up for AWS."""
    return Target(
        kind="sandbox",
        environment=environment,
        account=ACCOUNT,
        region=REGION,
        clients=make_clients(endpoint),
        poll_s=_SANDBOX_POLL_S,
    )
