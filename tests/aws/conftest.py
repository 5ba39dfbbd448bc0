"""One emulator of AWS for the whole session, and clients of it.

What tests make in it they name apart, so that they do not meet: a name of a stream or
bucket with something random in it will do.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from penstock.sandbox.emulator import Emulator, client_variables, start, stop
from penstock.sandbox.environment import VARIABLE, environment_path, python_of

_MADE_BY_MAKE = Path(__file__).parents[2] / ".venv-sandbox"


@pytest.fixture(scope="session")
def emulator_python() -> Path:
    """The interpreter that has the emulator: make .venv-sandbox/requirements.txt."""
    return python_of(environment_path({VARIABLE: str(_MADE_BY_MAKE), **os.environ}))


@pytest.fixture(scope="session")
def emulator(
    emulator_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    yield start(emulator_python, folder, is_tied=True)
    stop(folder)


@pytest.fixture(scope="session")
def client(emulator: Emulator) -> Callable[[str], Any]:
    """Make boto3's client of a service by its name, once each."""
    return cache(clients(emulator.endpoint))


def clients(endpoint: str) -> Callable[[str], Any]:
    """Make clients of whatever listens at `endpoint`, without the user's settings."""
    variables = client_variables(endpoint)
    session = boto3.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_REGION"],
    )
    return lambda service: session.client(service, endpoint_url=endpoint)
