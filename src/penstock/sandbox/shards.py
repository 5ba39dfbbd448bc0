"""Reads a Kinesis shard from where it was left, and lists which shards may be read."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from penstock.ports import Record

__all__ = ["Shard", "ShardReader", "list_shards", "ready"]


class Shard(Struct, frozen=True):
    """A shard, as listed.

    Attributes:
        name: Its id.
        parents: Those that it came from by a split or a merge.
        digits: How long its sequence numbers are, zeros in front included.
    """

    name: str
    parents: tuple[str, ...]
    digits: int


def list_shards(client: Any, stream_arn: str) -> list[Shard]:  # noqa: ANN401 (boto3 has no types)
    """Return the stream's shards, closed ones included as long as they hold records."""
    pages = client.get_paginator("list_shards").paginate(StreamARN=stream_arn)
    return [_shard(found) for page in pages for found in page["Shards"]]


def _shard(found: Mapping[str, Any]) -> Shard:
    parents = (found.get("ParentShardId"), found.get("AdjacentParentShardId"))
    return Shard(
        found["ShardId"],
        tuple(name for name in parents if name),
        len(found["SequenceNumberRange"]["StartingSequenceNumber"]),
    )


def ready(
    listed: Iterable[Shard], *, done: Collection[str], running: Collection[str]
) -> list[Shard]:
    """Return the shards that may be begun: those whose parents are done, or gone.

    >>> shards = [Shard("0", (), 56), Shard("1", ("0",), 56), Shard("2", ("0",), 56)]
    >>> [s.name for s in ready(shards, done=[], running=[])]
    ['0']
    >>> [s.name for s in ready(shards, done=["0"], running=["1"])]
    ['2']
    """
    shards = list(listed)
    present = {shard.name for shard in shards}.union(running)
    unfinished = present.difference(done)
    return [
        shard
        for shard in shards
        if shard.name in unfinished.difference(running)
        and unfinished.isdisjoint(shard.parents)
    ]


class ShardReader:
    """Reads one shard's records, in order."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 (boto3 has no types)
        stream_arn: str,
        shard: Shard,
        *,
        after: int,
        start_us: int | None,
    ) -> None:
        """Begin after a sequence number; where that is 0, at a time or the oldest.

        Args:
            client: boto3's of Kinesis.
            stream_arn: The stream.
            shard: Of that stream.
            after: The last sequence number that is done with; 0 for none.
            start_us: From when on records are read; None for all that there are.
        """
        self._client = client
        self._stream_arn = stream_arn
        self._shard = shard
        self._after = after
        self._start_us = start_us
        self._iterator: str | None = None
        self.ended = False
        """The shard is closed, and all of it was read; or it is there no longer."""

    def read(self, most: int) -> list[Record]:
        """Return the next records, at most as many; none at the end, for now or ever.

        Raises:
            botocore.exceptions.ClientError: Another than that an iterator expired or
                that the shard is gone.
        """
        if self.ended:
            return []
        try:
            self._iterator = self._iterator or self._new_iterator()
            found = self._client.get_records(ShardIterator=self._iterator, Limit=most)
        except ClientError as e:
            code = e.response["Error"]["Code"]
            if code == "ExpiredIteratorException":
                self._iterator = None
            elif code == "ResourceNotFoundException":
                self.ended = True
            else:
                raise
            return []
        self._iterator = found.get("NextShardIterator")
        self.ended = self._iterator is None
        records = [self._record(entry) for entry in found["Records"]]
        if records:
            self._after = records[-1].sequence_number
        return records

    def _new_iterator(self) -> str:
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._after:
            where = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                # The emulator compares text, and writes zeros in front.
                "StartingSequenceNumber": str(self._after).zfill(self._shard.digits),
            }
        elif self._start_us is not None:
            start = datetime.fromtimestamp(self._start_us / 1e6, UTC)
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": start}
        answer = self._client.get_shard_iterator(
            StreamARN=self._stream_arn, ShardId=self._shard.name, **where
        )
        iterator: str = answer["ShardIterator"]
        return iterator

    def _record(self, entry: Mapping[str, Any]) -> Record:
        return Record(
            self._shard.name,
            int(entry["SequenceNumber"]),
            entry["PartitionKey"],
            entry["Data"],
            round(entry["ApproximateArrivalTimestamp"].timestamp() * 1e6),
        )
