"""The stream on Kinesis.

Order within a key is kept although PutRecords stores the entries of one call in any
order, and some of them not at all: a call holds one record of each key, and a key's
next one goes only when the one before has been stored.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from penstock.aws.clients import Clients
from penstock.aws.errors import code_of, translated
from penstock.aws.patience import attempts, is_over
from penstock.errors import UnavailableError
from penstock.ports import Entry, Record

__all__ = ["KinesisStream"]

# Of PutRecords: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MOST_RECORDS = 500
MOST_BYTES = 10 * 1024 * 1024
# Entries of one key become one record up to here: four of Kinesis's 25 KB put units.
MERGED_BYTES = 102_400
_MOST_READ = 10_000  # records of one GetRecords call
_BETWEEN_PAGES_S = 0.2  # Kinesis allows five reads of a shard a second
# A sequence number has 56 digits; the emulator's has so many, zeros among them, and
# without these it is past all others.
_DIGITS = 30
_NOT_FOUND = "ResourceNotFoundException"


class _Put(Struct):
    # A record to be stored, and the entries that are in it.
    key: str
    data: bytes
    entries: list[Entry]

    @property
    def size(self) -> int:
        return len(self.data) + len(self.key.encode())


class _Place(Struct):
    # Where the reading of a shard stands.
    after: int
    iterator: str | None


class KinesisStream:
    """A `Stream` on Kinesis; one thread may append while another reads.

    Attributes:
        name: The stream's name, or its ARN.
        behind_ms: By shard, how far the last read was from the shard's newest record.
    """

    def __init__(self, clients: Clients, name: str) -> None:
        self.name = name
        self.behind_ms: dict[str, int] = {}
        self._clients = clients
        self._where = (
            {"StreamARN": name} if name.startswith("arn:") else {"StreamName": name}
        )
        self._places: dict[str, _Place] = {}
        self._parents: dict[str, list[str]] = {}

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """See `Stream.append`.

        No call begins after ten seconds, and none lasts longer than its time-outs: what
        has not been stored by then is returned.  One that is returned may have
        been stored all the same, where an answer was lost: its trades are then there
        twice, which the step removes by their `seq`.

        Raises:
            ConfigError: There is no such stream, or no leave to write to it.
        """
        queues = _queues(entries)
        error: UnavailableError | None = None
        stored = 0
        began_s = time.monotonic()
        for _ in attempts():
            held_up: set[str] = set()
            try:
                while puts := _next_call(queues, held_up):
                    done = self._put(puts)
                    stored += len(done)
                    held_up.update({put.key for put in puts} - done)
                    _take_off(queues, done)
                    if is_over(began_s):
                        break
            except UnavailableError as e:
                error = e
            if not queues:
                return []
        if error is not None and not stored:
            raise error
        waiting = {id(e) for puts in queues.values() for p in puts for e in p.entries}
        return [entry for entry in entries if id(entry) in waiting]

    def _put(self, puts: Sequence[_Put]) -> set[str]:
        # Returns the keys whose record has been stored.
        with translated(f"append to stream {self.name}"):
            answer = self._clients("kinesis", once=True).put_records(
                Records=[{"Data": p.data, "PartitionKey": p.key} for p in puts],
                **self._where,
            )
        return {
            put.key
            for put, result in zip(puts, answer["Records"], strict=True)
            if "ErrorCode" not in result
        }

    def marks(self) -> Mapping[str, int]:
        """See `Stream.marks`: Kinesis does not know."""
        return {}

    def shards(self) -> Sequence[str]:
        """See `Stream.shards`.

        Closed shards are among them until their last record has expired.

        Raises:
            UnavailableError: Kinesis did not answer.
            ConfigError: There is no such stream, or no leave to read it.
        """
        client = self._clients("kinesis")
        found: list[dict[str, Any]] = []
        arguments: dict[str, Any] = dict(self._where)
        with translated(f"list the shards of stream {self.name}"):
            while True:
                answer = client.list_shards(**arguments)
                found += answer["Shards"]
                if not answer.get("NextToken"):
                    break
                arguments = {"NextToken": answer["NextToken"]}
        self._parents = _parents(found)
        return _parents_first(self._parents)

    def parents(self, shard: str) -> Sequence[str]:
        """See `Stream.parents`."""
        return self._parents.get(shard, ())

    def read(self, shard: str, *, after: int, limit: int) -> list[Record]:
        """See `Stream.read`; a shard that has expired since has no more records.

        Raises:
            ConfigError: There is no such stream, or no leave to read it.
        """
        place = self._places.get(shard)
        if place is None or place.after != after:
            place = _Place(after, self._iterator(shard, after))
            self._places[shard] = place
        # A page may be empty though more follows: Kinesis walks over old records.
        while place.iterator is not None:
            answer = self._get(shard, place, min(limit, _MOST_READ))
            place.iterator = answer.get("NextShardIterator")
            self.behind_ms[shard] = answer.get("MillisBehindLatest", 0)
            if answer["Records"]:
                records = [_record(shard, found) for found in answer["Records"]]
                place.after = records[-1].sequence_number
                return records
            if not self.behind_ms[shard]:
                break
            time.sleep(_BETWEEN_PAGES_S)
        return []

    def _get(self, shard: str, place: _Place, limit: int) -> dict[str, Any]:
        client = self._clients("kinesis")
        iterator = place.iterator
        with translated(f"read {shard} of stream {self.name}"):
            try:
                try:
                    return client.get_records(ShardIterator=iterator, Limit=limit)  # type: ignore[no-any-return]
                except client.exceptions.ExpiredIteratorException:
                    # Iterators live for five minutes.
                    iterator = self._iterator(shard, place.after)
                if iterator is not None:
                    return client.get_records(ShardIterator=iterator, Limit=limit)  # type: ignore[no-any-return]
            except ClientError as e:
                if not self._has_expired(shard, e):
                    raise
        return {"Records": []}

    def _has_expired(self, shard: str, error: ClientError) -> bool:
        # The same answer tells of a stream that is not there: then listing raises.
        return code_of(error) == _NOT_FOUND and shard not in self.shards()

    def _iterator(self, shard: str, after: int) -> str | None:
        # None for a shard that has expired.
        client = self._clients("kinesis")
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            start = {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": f"{after:0{_DIGITS}d}",
            }
        with translated(f"read {shard} of stream {self.name}"):
            try:
                answer = client.get_shard_iterator(
                    ShardId=shard, **start, **self._where
                )
            except ClientError as e:
                if not self._has_expired(shard, e):
                    raise
                self.behind_ms[shard] = 0
                return None
        iterator: str = answer["ShardIterator"]
        return iterator


def _queues(entries: Iterable[Entry]) -> dict[str, list[_Put]]:
    """Sort entries by key, and merge those of a key into records, in order."""
    queues: dict[str, list[_Put]] = {}
    for entry in entries:
        queue = queues.setdefault(entry.key, [])
        if queue and len(queue[-1].data) + len(entry.data) <= MERGED_BYTES:
            queue[-1].data += entry.data
            queue[-1].entries.append(entry)
        else:
            queue.append(_Put(entry.key, entry.data, [entry]))
    return queues


def _next_call(
    queues: Mapping[str, Sequence[_Put]], held_up: Collection[str]
) -> list[_Put]:
    """Take the first record of as many keys as one call may hold."""
    puts: list[_Put] = []
    size = 0
    for key, queue in queues.items():
        if key in held_up:
            continue
        put = queue[0]
        size += put.size
        if len(puts) == MOST_RECORDS or (puts and size > MOST_BYTES):
            break
        puts.append(put)
    return puts


def _take_off(queues: dict[str, list[_Put]], stored: Iterable[str]) -> None:
    """Drop the first record of each of the keys `stored`."""
    for key in stored:
        queue = queues.pop(key)
        # Those that are done go to the end: no key waits for another's long queue.
        if len(queue) > 1:
            queues[key] = queue[1:]


def _parents(shards: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return by shard those that it was made from, unless they have expired."""
    names = {shard["ShardId"] for shard in shards}
    fields = ("ParentShardId", "AdjacentParentShardId")
    return {
        shard["ShardId"]: [shard[f] for f in fields if shard.get(f) in names]
        for shard in shards
    }


def _parents_first(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Order shards so that none stands before one that it was made from."""
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        for parent in parents[name]:
            add(parent)
        ordered[name] = None

    for name in sorted(parents):
        add(name)
    return list(ordered)


def _record(shard: str, found: Mapping[str, Any]) -> Record:
    return Record(
        shard=shard,
        sequence_number=int(found["SequenceNumber"]),
        key=found["PartitionKey"],
        data=found["Data"],
        arrival_us=round(found["ApproximateArrivalTimestamp"].timestamp() * 1e6),
    )
