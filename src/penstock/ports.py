"""What the pipeline needs from the outside world, and nothing about how.

Each port has one contract suite in tests/contract, which every adapter passes.
No port promises exactly-once: the pipeline gets that from conditional commits and
deterministic keys.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from penstock.codec import Entry
from penstock.errors import StaleStateError, UnavailableError
from penstock.model import (
    Alert,
    DeadLetter,
    HistoryRow,
    Position,
    TickerState,
)

__all__ = [
    "MAX_KEY_BYTES",
    "Checkpoints",
    "DeadLetters",
    "Entry",
    "HistoryStore",
    "LookupTable",
    "Notifier",
    "ObjectStore",
    "Record",
    "Refused",
    "Row",
    "StateStore",
    "Stream",
    "arrival_order",
]

Refused = StaleStateError | UnavailableError

Row = dict[str, Any]
"""A row of a lookup table: what a JSON object holds, its key included."""


# Of a lookup's key, as UTF-8: what DynamoDB allows a partition key.
MAX_KEY_BYTES = 2_048


class Record(Struct, frozen=True, gc=False):
    """A record as read from a shard.

    Attributes:
        shard: Name of the shard.
        sequence_number: Rises within the shard, not by one; not comparable between
            shards.
        key: Partition key.
        data: The bytes that were appended.
        arrival_us: When the stream accepted it.
        first_line: How many lines of what the stream accepted stand before `data`: of
            a record that was aggregated, each part is one of its own, and they share
            the sequence number.
    """

    shard: str
    sequence_number: int
    key: str
    data: bytes
    arrival_us: int
    first_line: int = 0


class Stream(Protocol):
    """An ordered, durable log in shards; one key always goes to one shard."""

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """Store `entries` durably, in order per key, and return those refused.

        An entry that is not returned survives a crash of the machine.  When an entry
        of a key is refused, so are all later ones of that key in this call; other
        keys are not held up.  An entry may be stored twice if the call raises.

        Raises:
            UnavailableError: Nothing is known about any of `entries`.
        """

    def marks(self) -> Mapping[str, int]:
        """Return the highest `last_seq` stored per key.

        Empty where the stream does not know (Kinesis): then only the consumer
        removes duplicates.

        Raises:
            UnavailableError: The stream did not answer.
        """

    def shards(self) -> Sequence[str]:
        """Return the names of the shards that hold records, or may, parents first.

        Raises:
            UnavailableError: The stream did not answer.
        """

    def parents(self, shard: str) -> Sequence[str]:
        """Return which of the shards last told were split or merged into `shard`.

        They take no more records.  A key's records in them come before those in
        `shard`: a consumer begins with it when it is done with all of theirs.  Having
        read them is not enough: what failed has to come again before.
        """

    def read(self, shard: str, *, after: int, limit: int) -> list[Record]:
        """Return up to `limit` records of `shard` above sequence number `after`.

        In rising order.  An empty list means that there are none now, not that there
        never will be.  Records past the retention are gone.

        Raises:
            UnavailableError: The stream did not answer.
        """


class Checkpoints(Protocol):
    """How far each consumer has come in each shard.

    Raises:
        UnavailableError: From any method: the store did not answer.
    """

    def position(self, consumer: str, shard: str) -> int:
        """Return the last checkpoint, 0 where there is none."""

    def checkpoint(self, consumer: str, shard: str, sequence_number: int) -> None:
        """Remember that everything up to `sequence_number` is done.

        May be lost in a crash: the records after the previous one are then read
        again.  Never goes back: a lower number than stored changes nothing.
        """


class StateStore(Protocol):
    """The state item of each ticker, replaced only by who has seen the latest."""

    def load(self, tickers: Collection[str]) -> dict[str, TickerState]:
        """Return the states of those of `tickers` that have one.

        Sees every earlier commit, of this process or another.

        Raises:
            UnavailableError: The store did not answer.
        """

    def commit(self, states: Sequence[TickerState]) -> dict[str, Refused]:
        """Replace each ticker's state, if the stored version is one lower.

        A state of version 1 is the ticker's first; one that is stored already, exactly
        as it is, may count as committed: an answer was lost.  Each ticker is written
        whole, with its row in `positions`, or not at all; tickers are independent.

        Returns:
            The refused tickers: StaleStateError where the stored version is another
            one; UnavailableError where the store did not answer, and the write may
            or may not have happened.
        """

    def tickers(self) -> list[str]:
        """Return every ticker that has a state, sorted.

        Raises:
            UnavailableError: The store did not answer.
        """

    def positions(self) -> list[Position]:
        """Return the open positions, by ticker.

        Raises:
            UnavailableError: The store did not answer.
        """

    def undelivered(self) -> list[str]:
        """Return the tickers whose outbox is not empty.

        Raises:
            UnavailableError: The store did not answer.
        """


class HistoryStore(Protocol):
    """Rows by series and time; safe to write again."""

    def put(self, rows: Sequence[HistoryRow]) -> set[str]:
        """Upsert `rows`; return the series of which a row may not have been written.

        A row never replaces one under the same key that counts more trades, so that
        a slow writer cannot undo a later one.
        """

    def query(
        self,
        series: str,
        *,
        start: str = "",
        end: str = "~",
        limit: int = 0,
        newest_first: bool = False,
    ) -> list[HistoryRow]:
        """Return rows with start <= last_refreshed < end; all of them if `limit` is 0.

        `~` sorts after every time.

        Raises:
            UnavailableError: The store did not answer.
        """


class ObjectStore(Protocol):
    """Whole objects under slash-separated keys."""

    def put(self, key: str, data: bytes) -> None:
        """Store an object, replacing one of the same key; whole or not at all.

        Raises:
            UnavailableError: It may or may not have been stored.
        """

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes, or None where there is none.

        Raises:
            UnavailableError: The store did not answer.
        """

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix`, sorted.

        Raises:
            UnavailableError: The store did not answer.
        """


class LookupTable(Protocol):
    """The rows that events are enriched with, by the text in their key field.

    Other programs may write to it as well.
    """

    def get(self, keys: Collection[str]) -> dict[str, Row]:
        """Return the rows of those of `keys` that have one, by key.

        May not see what was put in the last second.  A key longer than MAX_KEY_BYTES,
        or an empty one, has no row in any table, and may not be asked for.

        Raises:
            UnavailableError: The store did not answer.
        """

    def put(self, rows: Sequence[Row]) -> None:
        """Store rows, each replacing the one of its key whole; of equal keys the last.

        Raises:
            UnavailableError: Some may have been stored, some not.
        """

    def list(self, *, limit: int = 0) -> list[Row]:
        """Return up to `limit` rows, in no order that means anything; 0 for all.

        Raises:
            UnavailableError: The store did not answer.
        """


class Notifier(Protocol):
    """Where alerts go."""

    def notify(self, alerts: Sequence[Alert]) -> None:
        """Deliver `alerts`; called again with the same ids after a crash.

        Raises:
            UnavailableError: Some may have been delivered, some not.
        """


class DeadLetters(Protocol):
    """What could not be read, kept until somebody has looked at it."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep `letters`; one of a known id changes nothing.

        Raises:
            UnavailableError: Some may have been kept, some not.
        """

    def list(self) -> list[DeadLetter]:
        """Return the letters that wait, in `arrival_order`.

        Raises:
            UnavailableError: The store did not answer.
        """

    def remove(self, ids: Collection[str]) -> None:
        """Forget letters that have been put right; an unknown id is no error.

        Raises:
            UnavailableError: Some may have been forgotten, some not.
        """


def arrival_order(letter: DeadLetter) -> tuple[int, int, str]:
    """Sort letters by this: by arrival, and those of one record as they stood in it.

    Shorter ids first, so that line 10 comes after line 9.
    """
    return (letter.arrival_us, len(letter.id), letter.id)
