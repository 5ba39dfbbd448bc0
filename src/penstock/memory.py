"""Every port in dicts: for tests, for simulations, and for a first look.

Everything is lost with the process.  One thread may write while others read.

Each adapter takes a `fault`, which is asked before and after everything it does, so
that a test can refuse one ticker, lose an answer, or stop the program at an exact
record.  Nothing here does I/O or reads a clock.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import attrgetter

from penstock.errors import StaleStateError, UnavailableError
from penstock.model import Alert, DeadLetter, HistoryRow, Position, TickerState
from penstock.ports import Entry, Record, Refused, Row, arrival_order
from penstock.sharding import shard_names, shard_of

__all__ = [
    "Fault",
    "MemoryCheckpoints",
    "MemoryDeadLetters",
    "MemoryHistory",
    "MemoryLookupTable",
    "MemoryNotifier",
    "MemoryObjects",
    "MemoryStates",
    "MemoryStream",
    "refusing",
]

Fault = Callable[[str, str, bool], None]
"""Called as fault(operation, key, done): raise UnavailableError to refuse.

`operation` is the name of the port's method and `key` what it is about: a ticker, a
series, an object's key, an id, a shard; "" is the whole call of `Stream.append`.
`done` is False before it is done and True afterwards, where an error means that it
was done and the answer was lost.  Any other exception goes straight through to the
caller, as a crash would.
"""

_sequence_number = attrgetter("sequence_number")


def refusing(keys: Collection[str]) -> Fault:
    """Make a fault that refuses whatever is about one of `keys`.

    `keys` is looked at every time: empty it, and everything works again.

    >>> down = {"coinbase:BTC-USD"}
    >>> history = MemoryHistory(fault=refusing(down))
    """

    def fault(operation: str, key: str, done: bool) -> None:
        if key in keys and not done:
            raise UnavailableError(f"{operation} {key!r}: refused, as `refusing` asks")

    return fault


def _never(operation: str, key: str, done: bool) -> None:
    """Refuse nothing."""


def _always_zero() -> int:
    return 0


class MemoryStream:
    """A log in lists.

    Attributes:
        fault: Asked before and after each entry of `append`, and before `read`.
    """

    def __init__(
        self,
        *,
        shards: int = 1,
        clock: Callable[[], int] = _always_zero,
        fault: Fault = _never,
    ) -> None:
        """Make `shards` empty shards; `clock` tells arrival times in microseconds."""
        self.fault = fault
        self._clock = clock
        self._names = shard_names(shards)
        self._records: dict[str, list[Record]] = {name: [] for name in self._names}
        self._marks: dict[str, int] = {}
        self._last = 0
        self._arrival_us = 0

    def append(self, entries: Sequence[Entry]) -> list[Entry]:
        """See `Stream.append`."""
        self.fault("append", "", False)
        self._arrival_us = max(self._arrival_us, self._clock())
        refused: list[Entry] = []
        held_up: set[str] = set()
        for entry in entries:
            try:
                if entry.key not in held_up:
                    self._append(entry)
                    continue
            except UnavailableError:
                held_up.add(entry.key)
            refused.append(entry)
        self.fault("append", "", True)
        return refused

    def _append(self, entry: Entry) -> None:
        key = entry.key
        self.fault("append", key, False)
        self._last += 1
        shard = self._names[shard_of(key, len(self._names))]
        self._records[shard].append(
            Record(shard, self._last, key, entry.data, self._arrival_us)
        )
        if entry.last_seq > self._marks.get(key, 0):
            self._marks[key] = entry.last_seq
        self.fault("append", key, True)

    def marks(self) -> Mapping[str, int]:
        """See `Stream.marks`."""
        return dict(self._marks)

    def shards(self) -> Sequence[str]:
        """See `Stream.shards`."""
        return self._names

    def parents(self, shard: str) -> Sequence[str]:
        """See `Stream.parents`: there are none."""
        return ()

    def read(self, shard: str, *, after: int, limit: int) -> list[Record]:
        """See `Stream.read`."""
        self.fault("read", shard, False)
        records = self._records[shard]
        start = bisect_right(records, after, key=_sequence_number)
        return records[start : start + limit]


class MemoryCheckpoints:
    """Consumers' positions in a dict."""

    def __init__(self, *, fault: Fault = _never) -> None:
        """`fault` is asked about the consumer."""
        self.fault = fault
        self._positions: dict[tuple[str, str], int] = {}

    def position(self, consumer: str, shard: str) -> int:
        """See `Checkpoints.position`."""
        self.fault("position", consumer, False)
        return self._positions.get((consumer, shard), 0)

    def checkpoint(self, consumer: str, shard: str, sequence_number: int) -> None:
        """See `Checkpoints.checkpoint`."""
        self.fault("checkpoint", consumer, False)
        stored = self._positions.get((consumer, shard), 0)
        self._positions[consumer, shard] = max(stored, sequence_number)
        self.fault("checkpoint", consumer, True)


class MemoryStates:
    """States in a dict; `positions` and `undelivered` are read off them."""

    def __init__(self, *, fault: Fault = _never) -> None:
        """`fault` is asked about each ticker."""
        self.fault = fault
        self._states: dict[str, TickerState] = {}

    def load(self, tickers: Collection[str]) -> dict[str, TickerState]:
        """See `StateStore.load`."""
        for ticker in tickers:
            self.fault("load", ticker, False)
        return {t: self._states[t] for t in tickers if t in self._states}

    def commit(self, states: Sequence[TickerState]) -> dict[str, Refused]:
        """See `StateStore.commit`."""
        refused: dict[str, Refused] = {}
        for state in states:
            try:
                self._commit(state)
            except (StaleStateError, UnavailableError) as e:
                refused[state.ticker] = e
        return refused

    def _commit(self, state: TickerState) -> None:
        self.fault("commit", state.ticker, False)
        stored = self._states.get(state.ticker)
        if state.version != (stored.version if stored else 0) + 1:
            raise StaleStateError(state.ticker, state.version - 1)
        self._states[state.ticker] = state
        self.fault("commit", state.ticker, True)

    def tickers(self) -> list[str]:
        """See `StateStore.tickers`."""
        return sorted(self._states)

    def positions(self) -> list[Position]:
        """See `StateStore.positions`."""
        states = (self._states[ticker] for ticker in sorted(self._states))
        return [s.position for s in states if s.position is not None]

    def undelivered(self) -> list[str]:
        """See `StateStore.undelivered`."""
        return sorted(t for t, state in self._states.items() if state.outbox)


class MemoryHistory:
    """Rows in a dict per series."""

    def __init__(self, *, fault: Fault = _never) -> None:
        """`fault` is asked about each series of a call."""
        self.fault = fault
        self._series: dict[str, dict[str, HistoryRow]] = {}

    def put(self, rows: Sequence[HistoryRow]) -> set[str]:
        """See `HistoryStore.put`."""
        series = dict.fromkeys(row.series for row in rows)
        refused = {name for name in series if self._refuses(name, done=False)}
        for row in rows:
            if row.series in refused:
                continue
            kept = self._series.setdefault(row.series, {})
            known = kept.get(row.last_refreshed)
            if known is None or row.trades >= known.trades:
                kept[row.last_refreshed] = row
        lost = {name for name in series if self._refuses(name, done=True)}
        return refused | lost

    def _refuses(self, series: str, *, done: bool) -> bool:
        try:
            self.fault("put", series, done)
        except UnavailableError:
            return True
        return False

    def query(
        self,
        series: str,
        *,
        start: str = "",
        end: str = "~",
        limit: int = 0,
        newest_first: bool = False,
    ) -> list[HistoryRow]:
        """See `HistoryStore.query`."""
        self.fault("query", series, False)
        kept = self._series.get(series, {})
        times = sorted((t for t in kept if start <= t < end), reverse=newest_first)
        return [kept[t] for t in times[: limit or None]]


class MemoryObjects:
    """Objects in a dict."""

    def __init__(self, *, fault: Fault = _never) -> None:
        """`fault` is asked about an object's key."""
        self.fault = fault
        self._objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        self.fault("put", key, False)
        self._objects[key] = data
        self.fault("put", key, True)

    def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`."""
        self.fault("get", key, False)
        return self._objects.get(key)

    def keys(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore.keys`."""
        self.fault("keys", prefix, False)
        return iter(sorted(key for key in self._objects if key.startswith(prefix)))


class MemoryLookupTable:
    """Rows in a dict."""

    def __init__(self, key: str, *, fault: Fault = _never) -> None:
        """`key` names the rows' key field; `fault` is asked about each row's key."""
        self.fault = fault
        self._key = key
        self._rows: dict[str, Row] = {}

    def get(self, keys: Collection[str]) -> dict[str, Row]:
        """See `LookupTable.get`."""
        for key in keys:
            self.fault("get", key, False)
        return {key: self._rows[key] for key in keys if key in self._rows}

    def put(self, rows: Sequence[Row]) -> None:
        """See `LookupTable.put`."""
        for row in rows:
            self.fault("put", row[self._key], False)
            self._rows[row[self._key]] = dict(row)
            self.fault("put", row[self._key], True)

    def list(self, *, limit: int = 0) -> list[Row]:
        """See `LookupTable.list`."""
        return [*self._rows.values()][: limit or None]


class MemoryNotifier:
    """Keeps what it was told.

    Attributes:
        alerts: By id, in the order in which they first came.
    """

    def __init__(self, *, fault: Fault = _never) -> None:
        """`fault` is asked about an alert's ticker."""
        self.fault = fault
        self.alerts: dict[str, Alert] = {}

    def notify(self, alerts: Sequence[Alert]) -> None:
        """See `Notifier.notify`."""
        for alert in alerts:
            self.fault("notify", alert.ticker, False)
            self.alerts.setdefault(alert.id, alert)
            self.fault("notify", alert.ticker, True)


class MemoryDeadLetters:
    """Dead letters in a dict."""

    def __init__(self, *, fault: Fault = _never) -> None:
        """`fault` is asked about a letter's id."""
        self.fault = fault
        self._letters: dict[str, DeadLetter] = {}

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """See `DeadLetters.put`."""
        for letter in letters:
            self.fault("put", letter.id, False)
            self._letters.setdefault(letter.id, letter)
            self.fault("put", letter.id, True)

    def remove(self, ids: Collection[str]) -> None:
        """See `DeadLetters.remove`."""
        for letter_id in ids:
            self.fault("remove", letter_id, False)
            self._letters.pop(letter_id, None)

    def list(self) -> list[DeadLetter]:
        """See `DeadLetters.list`."""
        return sorted(self._letters.values(), key=arrival_order)
