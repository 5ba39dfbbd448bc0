"""boto3's clients of an emulator, with what the user has set up for AWS left out."""

import os
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.session import Session

from penstock.sandbox.emulator import ACCOUNT, client_variables

__all__ = ["Clients", "make_clients"]

Clients = Callable[[str], Any]
"""Returns the client of a service by its name ("kinesis"), the same each time."""

# A function runs for 15 minutes at most, and what repeats a call is the mapping.
_CONFIG = Config(
    read_timeout=910,
    connect_timeout=5,
    max_pool_connections=50,
    proxies={},
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
)

# No profile from the environment, which may not exist, and nobody's files: what
# botocore reads each from, in its order of key, variable, default and conversion.
_NOBODYS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def make_clients(endpoint: str, *, key: str = ACCOUNT) -> Clients:
    """Return a maker of clients that speak to `endpoint` and nobody else.

    Args:
        endpoint: The emulator's.
        key: 12 digits are the root user of that account.
    """
    variables = client_variables(endpoint, key=key)
    session = boto3.Session(
        botocore_session=Session(session_vars=_NOBODYS),
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_REGION"],
    )
    making = threading.Lock()  # a client is any thread's, a session is one's

    @cache
    def make(service: str) -> Any:  # noqa: ANN401 (boto3 has no types)
        return session.client(service, endpoint_url=endpoint, config=_CONFIG)

    def client(service: str) -> Any:  # noqa: ANN401 (as above)
        with making:
            return make(service)

    return client
