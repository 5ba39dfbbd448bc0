"""One emulator of AWS for the whole session, and an account in it for each test.

Accounts share nothing but the names of buckets.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from secrets import randbelow

import pytest

from penstock.sandbox.clients import Clients, make_clients
from penstock.sandbox.emulator import Emulator, client_variables, start, stop
from penstock.sandbox.environment import VARIABLE, environment_path, python_of
from tests.aws.pipeline import make_zips

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


@pytest.fixture
def client(emulator: Emulator) -> Clients:
    """Clients by the name of their service, of an account that only this test has."""
    return make_clients(emulator.endpoint, key=f"{randbelow(10**12):012d}")


@pytest.fixture
def aws(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Clients of one account for all: that of the environment, and so of our own."""
    for name, value in client_variables(emulator.endpoint).items():
        monkeypatch.setenv(name, value)
    return make_clients(emulator.endpoint)


@pytest.fixture(scope="session")
def zips(emulator_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the functions' zips, for the emulator's interpreter."""
    return make_zips(tmp_path_factory.mktemp("zips"), emulator_python.parents[1])
