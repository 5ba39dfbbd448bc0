"""The archive's writer: the stream's records gathered into gzipped objects.

Does on one machine what Firehose does on AWS: an object is closed when records of the
next interval come, when its interval has passed, or when it would grow too large.
Which records share an object follows from the log alone, save where the program was
stopped; and an object is named by its first record, so that writing it again after a
crash replaces it.  Never removes anything.
"""

import gzip
from collections.abc import Sequence

from penstock.layout import raw_key
from penstock.ports import Checkpoints, ObjectStore, Record, Stream

__all__ = ["CONSUMER", "Archiver"]

CONSUMER = "archive"

_READ_RECORDS = 500  # 2.5 MB of full records: half an object


# Of trades as NDJSON, level 4 makes 1/6.0 in 1.5 us each; the default, 9, makes 1/6.4
# in 7.6 us, which is more than all the rest of a trade's way costs.
_LEVEL = 4


class Archiver:
    """Copies every record of a stream into objects, once.

    Args:
        stream: What to archive.
        checkpoints: Up to where that was done; advanced when an object is stored.
        objects: Where it goes.
        interval_us: Objects hold what arrived in one such interval at most.
        max_bytes: And at most this much, before compression, unless one record is
            larger.
    """

    def __init__(
        self,
        stream: Stream,
        checkpoints: Checkpoints,
        objects: ObjectStore,
        *,
        interval_us: int,
        max_bytes: int,
    ) -> None:
        self._stream, self._checkpoints, self._objects = stream, checkpoints, objects
        self._interval_us, self._max_bytes = interval_us, max_bytes
        self._gathered = {shard: _Gathered() for shard in stream.shards()}
        self._read_to = {
            shard: checkpoints.position(CONSUMER, shard) for shard in stream.shards()
        }

    def advance(self, now_us: int) -> int:
        """Take in the next records of each shard, and close what is due at `now_us`.

        Returns:
            How many records were taken in; 0 when there are none now.

        Raises:
            UnavailableError: Nothing was lost: the same records are taken again.
        """
        taken = 0
        for shard, gathered in self._gathered.items():
            records = self._stream.read(
                shard, after=self._read_to[shard], limit=_READ_RECORDS
            )
            for record in records:
                self._take(shard, gathered, record)
            taken += len(records)
            if gathered.records and self._interval(now_us) > gathered.interval:
                self._close(shard, gathered)
        return taken

    def flush(self) -> None:
        """Close all objects, however small.

        Raises:
            UnavailableError: Nothing was lost: the rest is taken again later.
        """
        for shard, gathered in self._gathered.items():
            if gathered.records:
                self._close(shard, gathered)

    def _take(self, shard: str, gathered: "_Gathered", record: Record) -> None:
        interval = self._interval(record.arrival_us)
        if gathered.records and (
            interval != gathered.interval
            or gathered.size + len(record.data) > self._max_bytes
        ):
            self._close(shard, gathered)
        gathered.interval = interval
        gathered.records.append(record)
        gathered.size += len(record.data)
        self._read_to[shard] = record.sequence_number

    def _close(self, shard: str, gathered: "_Gathered") -> None:
        records = gathered.records
        first, last = records[0], records[-1]
        key = raw_key(first.arrival_us, shard, first.sequence_number)
        self._objects.put(key, _compress(records))
        self._checkpoints.checkpoint(CONSUMER, shard, last.sequence_number)
        gathered.records, gathered.size = [], 0

    def _interval(self, time_us: int) -> int:
        return time_us // self._interval_us


class _Gathered:
    """The records of one shard that wait to become an object."""

    __slots__ = ("interval", "records", "size")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.size = self.interval = 0


def _compress(records: Sequence[Record]) -> bytes:
    data = b"".join(record.data for record in records)
    return gzip.compress(data, compresslevel=_LEVEL, mtime=0)
