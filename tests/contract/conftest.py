"""What the contract suites run against: every port, once per kind of adapter.

An adapter joins by a fixture that gives a `Backend`, and its name in `params`.
"""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import product

import msgspec
import pytest

from penstock import memory
from penstock.bootstrap import (
    aws_checkpoints,
    aws_clients,
    aws_lookup_table,
    aws_ports,
    aws_stream,
)
from penstock.config import Settings
from penstock.local.alerts import LocalAlerts
from penstock.local.database import open_database
from penstock.local.dead_letters import LocalDeadLetters
from penstock.local.history import LocalHistory
from penstock.local.lookups import LocalLookupTable, open_lookups
from penstock.local.objects import LocalObjects
from penstock.local.states import LocalStates
from penstock.local.stream import LocalStream
from penstock.model import Alert
from penstock.ports import (
    Checkpoints,
    DeadLetters,
    HistoryStore,
    LookupTable,
    Notifier,
    ObjectStore,
    StateStore,
    Stream,
)
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables
from tests.aws.conftest import emulator, emulator_python
from tests.aws.faults import Faults
from tests.aws.resources import deploy, make_table

__all__ = ["emulator", "emulator_python"]

SHARDS = 4
ARRIVAL_US = 1_700_000_000_000_000


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One kind of adapter for each port.

    `refusing(*keys)` makes the stores refuse writes about `keys`, and perhaps others,
    for a while; it gives a function that tells whether a key is affected.
    `arrival_us` is when the stream takes everything in, None where AWS's clock says;
    `knows_marks` is whether it has any.
    """

    stream: Stream
    checkpoints: Checkpoints
    states: StateStore
    history: HistoryStore
    objects: ObjectStore
    notifier: Notifier
    notified: Callable[[], list[Alert]]
    dead_letters: DeadLetters
    lookups: Callable[[str, str], LookupTable]
    arrival_us: int | None = ARRIVAL_US
    knows_marks: bool = True
    refusing: Callable[..., AbstractContextManager[Callable[[str], bool]]]


@pytest.fixture(params=["memory", "local", "aws"])
def backend(request) -> Backend:
    return request.getfixturevalue(f"{request.param}_backend")


@pytest.fixture(scope="session")
def aws_client(emulator):
    """Clients of one account for all: the adapters' own are made once in a process."""
    return make_clients(emulator.endpoint)


@pytest.fixture
def aws_backend(emulator, aws_client, monkeypatch):
    for name, value in client_variables(emulator.endpoint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("penstock.aws.clients.ATTEMPTS", 1)
    monkeypatch.setattr("penstock.aws.patience.TOTAL_S", 0.05)
    deployed = deploy(aws_client, emulator.endpoint, shards=SHARDS)
    settings = Settings(aws=deployed.settings)
    ports = aws_ports(settings)
    faults = Faults(aws_clients(settings.aws))
    notified: dict[str, Alert] = {}

    def lookup_table(name: str, key: str) -> LookupTable:
        make_table(aws_client, settings.aws.lookup_table(name), key)
        return aws_lookup_table(settings, name, key)

    def receive() -> list[Alert]:
        for message in deployed.received():
            alert = msgspec.convert(message, Alert)
            notified.setdefault(alert.id, alert)
        return list(notified.values())

    yield Backend(
        stream=aws_stream(settings),
        checkpoints=aws_checkpoints(settings),
        states=ports.states,
        history=ports.history,
        objects=ports.objects,
        notifier=ports.notifier,
        notified=receive,
        dead_letters=ports.dead_letters,
        lookups=lookup_table,
        refusing=faults.refusing,
        arrival_us=None,
        knows_marks=False,
    )
    faults.close()


@pytest.fixture
def memory_backend():
    down: set[str] = set()
    fault = memory.refusing(down)

    @contextmanager
    def refusing(*keys: str) -> Iterator[Callable[[str], bool]]:
        down.update(keys)
        yield keys.__contains__
        down.clear()

    notifier = memory.MemoryNotifier(fault=fault)
    return Backend(
        stream=memory.MemoryStream(
            shards=SHARDS, clock=lambda: ARRIVAL_US, fault=fault
        ),
        checkpoints=memory.MemoryCheckpoints(fault=fault),
        states=memory.MemoryStates(fault=fault),
        history=memory.MemoryHistory(fault=fault),
        objects=memory.MemoryObjects(fault=fault),
        notifier=notifier,
        notified=lambda: list(notifier.alerts.values()),
        dead_letters=memory.MemoryDeadLetters(fault=fault),
        lookups=lambda _name, key: memory.MemoryLookupTable(key, fault=fault),
        refusing=refusing,
    )


@pytest.fixture
def local_backend(tmp_path):
    path = tmp_path / "penstock.db"

    @contextmanager
    def refusing(*_keys: str) -> Iterator[Callable[[str], bool]]:
        # Truly: a foreign program holds the database, and no file may grow.
        with ExitStack() as stack:
            for file in (path, tmp_path / "lookups.db"):
                foreign = stack.enter_context(closing(sqlite3.connect(file)))
                foreign.execute("BEGIN IMMEDIATE")
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, limits)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
            yield lambda _key: True

    with (
        closing(open_database(path, durability="full")) as database,
        open_lookups(tmp_path, durability="full") as lookups,
    ):
        for opened, durable in product((database, lookups), (True, False)):
            with opened.writing(durable=durable) as connection:
                connection.execute("PRAGMA busy_timeout = 10")
        stream = LocalStream(database, shards=SHARDS, clock=lambda: ARRIVAL_US)
        alerts = LocalAlerts(database)
        yield Backend(
            stream=stream,
            checkpoints=stream,
            states=LocalStates(database, cached=True),
            history=LocalHistory(database),
            objects=LocalObjects(tmp_path / "archive", fsync=True),
            notifier=alerts,
            notified=alerts.list,
            dead_letters=LocalDeadLetters(database),
            lookups=lambda name, key: LocalLookupTable(lookups, name, key),
            refusing=refusing,
        )
