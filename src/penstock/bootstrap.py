"""Settings -> a working pipeline: the one place where ports meet adapters.

Adapters are imported by who makes them, so that a function on AWS does not wait for
SQLite at its start, nor a laptop for boto3.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from penstock.config import Settings
from penstock.enrichment import Lookup
from penstock.errors import ConfigError
from penstock.pipeline import Ports
from penstock.ports import Checkpoints, LookupTable, Stream

if TYPE_CHECKING:
    from penstock.local import Durability, LocalStore
    from penstock.local.archiver import Archiver

__all__ = [
    "archiver_of",
    "aws_checkpoints",
    "aws_ports",
    "aws_stream",
    "clock_us",
    "open_local_lookups",
    "open_lookup_table",
    "open_store",
    "ports_of",
]


def clock_us() -> int:
    """Tell the time in microseconds since the epoch."""
    return time.time_ns() // 1000


def open_store(settings: Settings) -> "LocalStore":
    """Open the data directory for this process alone; close it, or use `with`.

    Raises:
        ConfigError: It is in use, cannot be written, or does not fit `settings`.
        UnavailableError: The disk is full or failed.
    """
    from penstock.local import open_local  # noqa: PLC0415 (SQLite: see above)

    return open_local(
        settings.data_dir,
        shards=settings.stream.shards,
        durability=cast("Durability", settings.stream.durability),
        clock=clock_us,
    )


def ports_of(store: "LocalStore") -> Ports:
    """Name the parts of a data directory as the pipeline knows them."""
    return Ports(
        states=store.states,
        history=store.history,
        objects=store.objects,
        notifier=store.alerts,
        dead_letters=store.dead_letters,
    )


@contextmanager
def open_local_lookups(settings: Settings) -> Iterator[list[Lookup]]:
    """Open the data directory's tables, whoever else works there, for what is set.

    Raises:
        ConfigError: They cannot be used.
        UnavailableError: The disk is full or failed.
    """
    from penstock.local.lookups import (  # noqa: PLC0415 (as above)
        LocalLookupTable,
        open_lookups,
    )

    durability = cast("Durability", settings.stream.durability)
    with open_lookups(settings.data_dir, durability=durability) as database:
        yield [
            Lookup(
                LocalLookupTable(database, rule.table, rule.table_key),
                key=rule.key,
                into=rule.into,
                ttl_us=rule.ttl_us,
            )
            for rule in settings.lookups
        ]


@contextmanager
def open_lookup_table(
    settings: Settings, table: str, key: str, *, aws: bool
) -> Iterator[LookupTable]:
    """Open one table whose rows have their key in the field `key`.

    Raises:
        ConfigError: It cannot be used.
        UnavailableError: The disk is full or failed.
    """
    from penstock.local.lookups import (  # noqa: PLC0415 (as above)
        LocalLookupTable,
        open_lookups,
    )

    if aws:
        raise NotImplementedError
    durability = cast("Durability", settings.stream.durability)
    with open_lookups(settings.data_dir, durability=durability) as database:
        yield LocalLookupTable(database, table, key)


def archiver_of(store: "LocalStore", settings: Settings) -> "Archiver":
    """Make the writer of the data directory's archive."""
    from penstock.local.archiver import Archiver  # noqa: PLC0415 (as above)

    return Archiver(
        store.stream,
        store.stream,
        store.objects,
        interval_us=settings.archive.interval_us,
        max_bytes=settings.archive.max_bytes,
    )


def aws_ports(settings: Settings) -> Ports:
    """Make the adapters of the tables, bucket and topic that `settings` name.

    Raises:
        ConfigError: A name is missing.
    """
    raise _not_yet(settings)


def aws_stream(settings: Settings) -> Stream:
    """Make the adapter of the Kinesis stream that `settings` name."""
    raise _not_yet(settings)


def aws_checkpoints(settings: Settings) -> Checkpoints:
    """Make the adapter of where consumers of that stream note how far they are."""
    raise _not_yet(settings)


def _not_yet(settings: Settings) -> ConfigError:
    return ConfigError(
        f"{settings.aws.named().stream}: the adapters of AWS are not in this version."
    )
