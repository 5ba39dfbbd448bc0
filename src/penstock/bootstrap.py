"""Settings -> a working pipeline: the one place where ports meet adapters.

Adapters are imported by who makes them, so that a function on AWS does not wait for
SQLite at its start, nor a laptop for boto3.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, cast

from penstock.config import Settings
from penstock.config.settings import AwsSettings
from penstock.enrichment import EnrichmentPorts, Lookup
from penstock.errors import ConfigError
from penstock.pipeline import Ports
from penstock.ports import Checkpoints, LookupTable

if TYPE_CHECKING:
    from penstock.aws.clients import Clients
    from penstock.aws.kinesis import KinesisStream
    from penstock.local import Durability, LocalStore
    from penstock.local.archiver import Archiver

__all__ = [
    "archiver_of",
    "aws_checkpoints",
    "aws_clients",
    "aws_enrichment",
    "aws_lookup_table",
    "aws_ports",
    "aws_stream",
    "clock_us",
    "open_local_enrichment",
    "open_local_lookup_table",
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
def open_local_enrichment(settings: Settings) -> Iterator[EnrichmentPorts]:
    """Open the data directory for this process alone, and its lookup tables.

    Raises:
        ConfigError: It is in use, cannot be written, or does not fit `settings`.
        UnavailableError: The disk is full or failed.
    """
    from penstock.local.lookups import (  # noqa: PLC0415 (as above)
        LocalLookupTable,
        open_lookups,
    )

    durability = cast("Durability", settings.stream.durability)
    with (
        open_store(settings) as store,
        open_lookups(settings.data_dir, durability=durability) as database,
    ):
        yield EnrichmentPorts(
            lookups=_lookups(settings, partial(LocalLookupTable, database)),
            objects=store.objects,
            dead_letters=store.dead_letters,
        )


@contextmanager
def open_local_lookup_table(
    settings: Settings, table: str, key: str
) -> Iterator[LookupTable]:
    """Open one table of the data directory, whoever else works there.

    Its rows have their key in the field `key`.

    Raises:
        ConfigError: It cannot be written, or is damaged.
        UnavailableError: The disk is full or failed.
    """
    from penstock.local.lookups import (  # noqa: PLC0415 (as above)
        LocalLookupTable,
        open_lookups,
    )

    durability = cast("Durability", settings.stream.durability)
    with open_lookups(settings.data_dir, durability=durability) as database:
        yield LocalLookupTable(database, table, key)


def _lookups(
    settings: Settings, opened: Callable[[str, str], LookupTable]
) -> list[Lookup]:
    return [
        Lookup(
            opened(rule.table, rule.table_key),
            key=rule.key,
            into=rule.into,
            ttl_us=rule.ttl_us,
        )
        for rule in settings.lookups
    ]


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
    from penstock.aws.dead_letters import S3DeadLetters  # noqa: PLC0415 (as above)
    from penstock.aws.history import DynamoHistory  # noqa: PLC0415
    from penstock.aws.notifier import SnsNotifier  # noqa: PLC0415
    from penstock.aws.objects import S3Objects  # noqa: PLC0415
    from penstock.aws.states import DynamoStates  # noqa: PLC0415

    names, clients = settings.aws.named(), aws_clients(settings.aws)
    objects = S3Objects(clients, _needed(names.bucket, "bucket", "BUCKET_NAME"))
    topic_arn = _needed(names.topic_arn, "topic_arn", "SNS_TOPIC_ARN")
    return Ports(
        states=DynamoStates(clients, names.state_table, names.positions_table),
        history=DynamoHistory(clients, names.history_table),
        objects=objects,
        notifier=SnsNotifier(clients, topic_arn),
        dead_letters=S3DeadLetters(objects),
    )


def aws_stream(settings: Settings) -> "KinesisStream":
    """Make the adapter of the Kinesis stream that `settings` name."""
    from penstock.aws.kinesis import KinesisStream  # noqa: PLC0415 (as above)

    return KinesisStream(aws_clients(settings.aws), settings.aws.named().stream)


def aws_checkpoints(settings: Settings) -> Checkpoints:
    """Make the adapter of where consumers of that stream note how far they are."""
    from penstock.aws.checkpoints import DynamoCheckpoints  # noqa: PLC0415 (as above)

    names = settings.aws.named()
    return DynamoCheckpoints(aws_clients(settings.aws), names.state_table)


def aws_enrichment(settings: Settings) -> EnrichmentPorts:
    """Make the adapters of the lookup tables and the bucket that `settings` name.

    Raises:
        ConfigError: A name is missing.
    """
    from penstock.aws.dead_letters import S3DeadLetters  # noqa: PLC0415 (as above)
    from penstock.aws.objects import S3Objects  # noqa: PLC0415

    bucket = _needed(settings.aws.bucket, "bucket", "BUCKET_NAME")
    objects = S3Objects(aws_clients(settings.aws), bucket)
    return EnrichmentPorts(
        lookups=_lookups(settings, partial(aws_lookup_table, settings)),
        objects=objects,
        dead_letters=S3DeadLetters(objects),
    )


def aws_lookup_table(settings: Settings, table: str, key: str) -> LookupTable:
    """Make the adapter of a lookup table, whose rows have their key in `key`."""
    from penstock.aws.lookups import DynamoLookupTable  # noqa: PLC0415 (as above)

    name = settings.aws.lookup_table(table)
    return DynamoLookupTable(aws_clients(settings.aws), name, key)


def aws_clients(settings: AwsSettings) -> "Clients":
    """Make the clients of AWS's services, once for each region and endpoint."""
    return _clients(settings.region, settings.endpoint)


@cache
def _clients(region: str, endpoint: str) -> "Clients":
    from penstock.aws.clients import Clients  # noqa: PLC0415 (as above)

    return Clients(region=region, endpoint=endpoint)


def _needed(name: str, key: str, variable: str) -> str:
    if not name:
        raise ConfigError(
            f"[aws] {key} is not set, and does not follow from the environment. Set it"
            f" in penstock.toml, or the variable {variable}."
        )
    return name
