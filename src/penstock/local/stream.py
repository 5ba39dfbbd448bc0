"""The log on one machine: records in order, and how far each consumer has come.

Appending is one transaction per call, so that many entries share one wait for the
disk.  Nothing here decides when to read or what to keep.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from penstock.errors import ConfigError
from penstock.local.database import Database
from penstock.ports import Entry, Record
from penstock.sharding import shard_names, shard_of

__all__ = ["LocalStream"]

# What one transaction deletes: so few that appends hardly wait for it.
_TRIM_CHUNK = 500

_NO_LIMIT = 2**63 - 1  # above every sequence number

_CREATE_LOG = """
INSERT INTO log (id, shards, last_sequence_number, last_arrival_us)
VALUES (1, ?, 0, 0) ON CONFLICT (id) DO NOTHING
"""
_LAST = "SELECT last_sequence_number, last_arrival_us FROM log"
_ADVANCE = "UPDATE log SET last_sequence_number = ?, last_arrival_us = ?"
_APPEND = """
INSERT INTO records (sequence_number, shard, key, arrival_us, data)
VALUES (?, ?, ?, ?, ?)
"""
_MARK = """
INSERT INTO marks (key, last_seq) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET last_seq = max(last_seq, excluded.last_seq)
"""
_READ = """
SELECT sequence_number, key, data, arrival_us FROM records
WHERE shard = ? AND sequence_number > ? ORDER BY sequence_number LIMIT ?
"""
_OLDEST = """
SELECT sequence_number, arrival_us FROM records
WHERE shard = ? AND sequence_number <= ? ORDER BY sequence_number LIMIT ?
"""
_TRIM = "DELETE FROM records WHERE shard = ? AND sequence_number <= ?"
_POSITION = """
SELECT sequence_number FROM checkpoints WHERE consumer = ? AND shard = ?
"""
_CHECKPOINT = """
INSERT INTO checkpoints (consumer, shard, sequence_number) VALUES (?, ?, ?)
ON CONFLICT (consumer, shard) DO UPDATE
SET sequence_number = max(sequence_number, excluded.sequence_number)
"""


class LocalStream:
    """A `Stream` and its `Checkpoints` in one database.

    Sequence numbers and arrival times rise over the whole log, not only within a
    shard, and no number is ever used again.
    """

    def __init__(
        self, database: Database, *, shards: int, clock: Callable[[], int]
    ) -> None:
        """Open the log, and make it with `shards` shards where there is none yet.

        `clock` tells the time in microseconds since the epoch.

        Raises:
            ConfigError: The log has another number of shards.
            UnavailableError: The disk is full or failed.
        """
        _open_log(database, shards)
        self._database = database
        self._clock = clock
        self._names = shard_names(shards)
        self._numbers = {name: number for number, name in enumerate(self._names)}

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """See `Stream.append`.  Stores all of `entries` or raises: refuses none."""
        with self._database.writing(durable=True) as connection:
            last, arrival_us = connection.execute(_LAST).fetchone()
            arrival_us = max(arrival_us, self._clock())
            shards = len(self._names)
            connection.executemany(
                _APPEND,
                (
                    (number, shard_of(e.key, shards), e.key, arrival_us, e.data)
                    for number, e in enumerate(entries, last + 1)
                ),
            )
            connection.executemany(_MARK, _marks(entries).items())
            connection.execute(_ADVANCE, (last + len(entries), arrival_us))
        return []

    def marks(self) -> Mapping[str, int]:
        """See `Stream.marks`."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT key, last_seq FROM marks"))

    def shards(self) -> Sequence[str]:
        """See `Stream.shards`."""
        return self._names

    def parents(self, shard: str) -> Sequence[str]:
        """See `Stream.parents`: there are none, for a log keeps its shards."""
        return ()

    def read(self, shard: str, *, after: int, limit: int) -> list[Record]:
        """See `Stream.read`."""
        with self._database.reading() as connection:
            rows = connection.execute(_READ, (self._numbers[shard], after, limit))
            return [Record(shard, *row) for row in rows]

    def position(self, consumer: str, shard: str) -> int:
        """See `Checkpoints.position`."""
        with self._database.reading() as connection:
            row = connection.execute(_POSITION, (consumer, shard)).fetchone()
        return row[0] if row else 0

    def checkpoint(self, consumer: str, shard: str, sequence_number: int) -> None:
        """See `Checkpoints.checkpoint`."""
        with self._database.writing() as connection:
            connection.execute(_CHECKPOINT, (consumer, shard, sequence_number))

    def trim(
        self, *, retention_us: int, now_us: int, consumers: Collection[str]
    ) -> int:
        """Delete the records that are old and that all of `consumers` are done with.

        A record is old when it arrived before `now_us` - `retention_us`.  One that a
        consumer has yet to read stays, however old; name every consumer there is.
        Deletes a little at a time, for appends to go on meanwhile.

        Returns:
            How many records were deleted.

        Raises:
            UnavailableError: Some may have been deleted, some not.
        """
        done = {
            shard: min((self.position(c, shard) for c in consumers), default=_NO_LIMIT)
            for shard in self._names
        }
        trimmed = 0
        while old := self._oldest(done, now_us - retention_us):
            with self._database.writing() as connection:
                trimmed += connection.executemany(_TRIM, old).rowcount
        return trimmed

    def _oldest(self, done: Mapping[str, int], before_us: int) -> list[tuple[int, int]]:
        """Find the next records to trim: the shards' numbers, each with the last one.

        Of all shards together, because neighbours in the file are of any shard.
        """
        found = []
        chunk = -(-_TRIM_CHUNK // len(done))
        with self._database.reading() as connection:
            for shard, last in done.items():
                values = (self._numbers[shard], last, chunk)
                rows = connection.execute(_OLDEST, values)
                # Arrival never falls with rising numbers, so the old ones come first.
                old = [number for number, arrival_us in rows if arrival_us < before_us]
                if old:
                    found.append((self._numbers[shard], old[-1]))
        return found


def _open_log(database: Database, shards: int) -> None:
    with database.writing(durable=True) as connection:
        connection.execute(_CREATE_LOG, (shards,))
        (existing,) = connection.execute("SELECT shards FROM log").fetchone()
    if existing != shards:
        # A key's next records would come from another shard, and its older ones that
        # still wait in the first would be read after them.
        raise ConfigError(
            f"{database.path}: the log was made with {existing} shards and cannot be "
            f"divided anew; found {shards} in the settings. Set shards = {existing} in "
            "[stream], or start a new data directory with --data-dir."
        )


def _marks(entries: Iterable[Entry]) -> dict[str, int]:
    marks: dict[str, int] = {}
    for entry in entries:
        if entry.last_seq > marks.get(entry.key, 0):
            marks[entry.key] = entry.last_seq
    return marks
