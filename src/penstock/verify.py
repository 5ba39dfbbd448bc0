"""Proof by doing it again: every ticker's state rebuilt from the archived trades.

Reads the raw archive and what of the stream is not archived yet, folds the step over
it from nothing, and compares the result with what is stored: state, history, alerts
and completed trades.  Works on ports alone, and changes nothing.
"""

import gzip
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, groupby
from math import inf
from operator import attrgetter

import msgspec
from msgspec import Struct

from penstock.codec import decode_record, decode_trade
from penstock.engine.history import history_rows
from penstock.engine.rules import Rules
from penstock.engine.step import fold
from penstock.errors import BadRecordError, ConfigError
from penstock.layout import COMPLETED_TRADES, RAW_DATA, RULES, RuleSet, read_completed
from penstock.model import (
    Alert,
    CompletedTrade,
    Delivery,
    HistoryRow,
    TickerState,
    Trade,
)
from penstock.ports import Checkpoints, HistoryStore, ObjectStore, StateStore, Stream

__all__ = ["Stored", "Verdict", "read_rule_sets", "verify"]

# Trades of one ticker that are folded at a time: large enough to be fast, small enough
# that an archive of any length needs little memory.
_CHUNK = 20_000


class Stored(Struct, frozen=True, kw_only=True):
    """What is to be checked, as ports.

    Attributes:
        stream: Holds what is not archived yet.
        checkpoints: Tell up to where it is.
        archive_consumer: The archive's name in `checkpoints`.
        pipeline_consumer: The pipeline's name there.
        alerts: All alerts that were delivered.
    """

    stream: Stream
    checkpoints: Checkpoints
    archive_consumer: str
    pipeline_consumer: str
    states: StateStore
    history: HistoryStore
    objects: ObjectStore
    alerts: Collection[Alert]


class Verdict(Struct, kw_only=True):
    """What verifying found.

    Attributes:
        tickers: How many states were rebuilt.
        trades: From how many trades.
        waiting: Trades that are stored and not folded yet; no fault.
        difference: The first difference, in words; None where there is none.
    """

    tickers: int = 0
    trades: int = 0
    waiting: int = 0
    difference: str | None = None


class _DifferenceError(Exception):
    """Ends the comparison; its text is the difference."""


def verify(stored: Stored) -> Verdict:
    """Rebuild every ticker from the archive, and compare.

    Raises:
        ConfigError: The archive cannot be read.
        UnavailableError: A store did not answer.
    """
    verdict = Verdict()
    rule_sets = read_rule_sets(stored.objects)
    rebuilding = {
        ticker: _Ticker(state, stored.history, rule_sets)
        for ticker, state in stored.states.load(stored.states.tickers()).items()
    }
    try:
        for ticker, trades in _archived(stored):
            rebuilt = rebuilding.get(ticker)
            if rebuilt is None:
                verdict.waiting += len(trades)
            else:
                rebuilt.take(trades)
        for rebuilt in rebuilding.values():
            rebuilt.finish()
            verdict.tickers += 1
        waiting = verdict.waiting + sum(r.waiting for r in rebuilding.values())
        _check_waiting(waiting, stored)
        _compare_positions(stored)
        _compare_deliveries(stored, rebuilding)
    except _DifferenceError as e:
        verdict.difference = str(e)
    verdict.trades = sum(r.folded for r in rebuilding.values())
    verdict.waiting += sum(r.waiting for r in rebuilding.values())
    return verdict


def read_rule_sets(objects: ObjectStore) -> list[RuleSet]:
    """Return the sets of rules that applied, in order."""
    sets = []
    for key in objects.keys(RULES):
        data = objects.get(key)
        if data is not None:
            sets.append(msgspec.json.decode(data, type=RuleSet))
    return sets


class _Ticker:
    """One ticker's state while it is rebuilt."""

    def __init__(
        self, stored: TickerState, history: HistoryStore, rule_sets: Sequence[RuleSet]
    ) -> None:
        self._stored, self._history, self._rule_sets = stored, history, rule_sets
        self._state = TickerState(ticker=stored.ticker)
        self._chunk: list[Trade] = []
        self._open: dict[str, HistoryRow] = {}
        self.alerts: list[Alert] = []
        self.completed: list[CompletedTrade] = []
        self.folded = self.waiting = 0

    @property
    def outbox(self) -> Sequence[Delivery]:
        """What is committed and not delivered yet."""
        return self._stored.outbox

    def take(self, trades: Sequence[Trade]) -> None:
        """Take in the ticker's next archived trades."""
        known = [t for t in trades if t.seq <= self._stored.last_seq]
        self.waiting += len(trades) - len(known)
        self._chunk.extend(known)
        if len(self._chunk) >= _CHUNK:
            self._fold()

    def finish(self) -> None:
        """Fold the rest, and compare the state itself."""
        self._fold()
        for series, row in self._open.items():
            self._compare_rows(series, {row.last_refreshed: row}, end="~")
        found = _comparable(self._stored)
        for name, expected in _comparable(self._state).items():
            if found[name] != expected:
                raise _DifferenceError(
                    f"{self._stored.ticker}: {name} should be {expected!r}; "
                    f"found {found[name]!r}"
                )

    def _fold(self) -> None:
        chunk, self._chunk = self._chunk, []
        for rules, trades in self._by_rules(chunk):
            number = self._state.stream_position + 1
            folded = fold(self._state, [(number, trades)], rules)
            self._state = folded.state
            self.folded += len(trades)
            self.alerts += folded.alerts
            self.completed += folded.completed
            self._check(history_rows(self._stored.ticker, folded, rules))

    def _by_rules(self, chunk: Sequence[Trade]) -> Iterator[tuple[Rules, list[Trade]]]:
        # A set of rules applies to what is above its `since`, up to the next one's.
        ticker, start = self._stored.ticker, 0
        ends = [rule_set.since.get(ticker, 0) for rule_set in self._rule_sets[1:]]
        for rule_set, last_seq in zip(self._rule_sets, [*ends, inf], strict=True):
            end = start
            while end < len(chunk) and chunk[end].seq <= last_seq:
                end += 1
            if end > start:
                yield rule_set.rules.of(ticker), list(chunk[start:end])
            start = end

    def _check(self, rows: Sequence[HistoryRow]) -> None:
        by_series: dict[str, dict[str, HistoryRow]] = {}
        for row in rows:
            by_series.setdefault(row.series, {})[row.last_refreshed] = row
        for series, expected in by_series.items():
            before = self._open.get(series)
            if before:
                expected.setdefault(before.last_refreshed, before)
            # The newest row may still change; all others are as they must be stored.
            self._open[series] = expected.pop(max(expected))
            if expected:
                self._compare_rows(series, expected, end=max(expected) + "!")

    def _compare_rows(
        self, series: str, expected: Mapping[str, HistoryRow], *, end: str
    ) -> None:
        rows = self._history.query(series, start=min(expected), end=end)
        found = {row.last_refreshed: row for row in rows}
        for time, row in expected.items():
            if found.get(time) != row:
                raise _DifferenceError(
                    f"{series}: the history row of {time} should be {row}; "
                    f"found {found.get(time)}"
                )
        # Ticks may come out of order, so that others lie between those of one chunk.
        ticks = any("#" in time for time in expected)
        extra = min(found.keys() - expected.keys(), default=None)
        if extra and not ticks:
            raise _DifferenceError(f"{series}: there should be no history row {extra}")


def _archived(stored: Stored) -> Iterator[tuple[str, list[Trade]]]:
    for key in stored.objects.keys(RAW_DATA):
        yield from _by_ticker(_trades(key, stored.objects.get(key) or b""))
    for shard in stored.stream.shards():
        after = stored.checkpoints.position(stored.archive_consumer, shard)
        while records := stored.stream.read(shard, after=after, limit=500):
            for record in records:
                yield record.key, decode_record(record.data, record.key)[0]
            after = records[-1].sequence_number


def _trades(key: str, data: bytes) -> Iterator[Trade]:
    try:
        lines = gzip.decompress(data).split(b"\n")
    except (OSError, EOFError, zlib.error) as e:
        raise ConfigError(
            f"{key} in the archive is damaged: {e}. Restore it from a copy, or move "
            "it away and see what is missing without it."
        ) from e
    for line in lines:
        if line:
            with suppress(BadRecordError):  # it has its dead letter
                yield decode_trade(line)


def _by_ticker(trades: Iterable[Trade]) -> Iterator[tuple[str, list[Trade]]]:
    for ticker, group in groupby(trades, key=attrgetter("ticker")):
        yield ticker, list(group)


def _comparable(state: TickerState) -> dict[str, object]:
    # All but what depends on how the trades were divided and delivered.
    fields = msgspec.structs.asdict(state)
    return {k: v for k, v in fields.items() if k not in _INCIDENTAL}


_INCIDENTAL = {"version", "stream_position", "outbox"}


def _compare_deliveries(stored: Stored, rebuilt: Mapping[str, _Ticker]) -> None:
    outboxes = [item for ticker in rebuilt.values() for item in ticker.outbox]
    alerts = [alert for ticker in rebuilt.values() for alert in ticker.alerts]
    completed = [trade for ticker in rebuilt.values() for trade in ticker.completed]
    expected = _by_id(chain(alerts, completed))
    found = _by_id(chain(outboxes, stored.alerts, _objects(stored)))
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise _DifferenceError(
                f"{name} should be {expected.get(name)}; found {found.get(name)}"
            )


def _check_waiting(waiting: int, stored: Stored) -> None:
    if waiting and not _is_behind(stored):
        raise _DifferenceError(
            f"{waiting:,} archived trades are in no state, though the pipeline is past "
            "them: states are missing, or older than the archive"
        )


def _is_behind(stored: Stored) -> bool:
    consumer, stream = stored.pipeline_consumer, stored.stream
    return any(
        stream.read(shard, after=stored.checkpoints.position(consumer, shard), limit=1)
        for shard in stream.shards()
    )


def _compare_positions(stored: Stored) -> None:
    states = stored.states.load(stored.states.tickers())
    expected = {t: s.position for t, s in states.items() if s.position is not None}
    found = {position.ticker: position for position in stored.states.positions()}
    for ticker in sorted(expected.keys() | found.keys()):
        if expected.get(ticker) != found.get(ticker):
            raise _DifferenceError(
                f"{ticker}: the listed position should be {expected.get(ticker)}; "
                f"found {found.get(ticker)}"
            )


def _by_id(items: Iterable[Delivery]) -> dict[str, Delivery]:
    return {item.id: item for item in items}


def _objects(stored: Stored) -> Iterator[CompletedTrade]:
    for key in stored.objects.keys(COMPLETED_TRADES):
        data = stored.objects.get(key)
        if data is not None:
            yield read_completed(data)
