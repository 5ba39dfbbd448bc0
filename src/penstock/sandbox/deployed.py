"""Event source mappings as they are deployed, of those streams that Kinesis has."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from penstock.sandbox.destinations import destination_of
from penstock.sandbox.filters import Filters
from penstock.sandbox.settings import MappingSettings

__all__ = ["Deployed", "list_mappings"]


class Deployed(Struct, frozen=True, kw_only=True):
    """A mapping from a stream to a function.

    Attributes:
        uuid: Its id.
        function_arn: What is invoked, with the qualifier if it has one.
        stream_arn: The event source.
        is_enabled: The emulator's own poller serves it.
        modified_us: When it was made or changed, to the second.
        destination: The ARN of the failure destination, if it has one.
        settings: When a batch is invoked, and what becomes of one that fails.
        criteria: `Filters` reads it.
    """

    uuid: str
    function_arn: str
    stream_arn: str
    is_enabled: bool
    modified_us: int
    destination: str | None
    settings: MappingSettings
    criteria: dict[str, Any]

    @property
    def filters(self) -> Filters:
        """What it lets through; raises ConfigError where that cannot be told."""
        return Filters(self.criteria)

    @property
    def start_us(self) -> int | None:
        """From when on records are read where there is no checkpoint; None for all.

        LATEST is from when the mapping was made: what is put between that and the
        first look at it is not lost, as on AWS it may be.  So is AT_TIMESTAMP where
        the time is not known, for MiniStack forgets it.
        """
        position = self.settings.starting_position
        if position == "TRIM_HORIZON":
            return None
        return self.settings.starting_us or self.modified_us


def list_mappings(client: Any) -> Iterator[Deployed]:  # noqa: ANN401 (boto3 has no types)
    """Go through the mappings whose event source is a Kinesis stream."""
    for page in client.get_paginator("list_event_source_mappings").paginate():
        for found in page["EventSourceMappings"]:
            if found.get("EventSourceArn", "").split(":")[2:3] == ["kinesis"]:
                yield _deployed(found)


def _deployed(found: Mapping[str, Any]) -> Deployed:
    modified: datetime = found["LastModified"]
    return Deployed(
        uuid=found["UUID"],
        function_arn=found["FunctionArn"],
        stream_arn=found["EventSourceArn"],
        is_enabled=found.get("State") not in ("Disabled", "Disabling"),
        modified_us=int(modified.timestamp() * 1e6),
        destination=destination_of(found),
        settings=MappingSettings.of(found),
        criteria={"FilterCriteria": found.get("FilterCriteria")},
    )
