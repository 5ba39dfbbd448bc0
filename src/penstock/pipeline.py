"""The use cases: trades in (`ingest`), and records through the step (`process_batch`).

Everything outside comes in as ports.  An entrypoint reads a batch of records,
`process_batch` folds the pure step over each ticker's trades, writes history, commits
once per ticker, and then delivers what waits in the outboxes.  No clock, no I/O of
its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from penstock.codec import Entry, Packer, decode_record, is_ticker
from penstock.engine.history import history_rows
from penstock.engine.rules import Rules
from penstock.engine.step import Folded, fold
from penstock.errors import StaleStateError, UnavailableError
from penstock.feeds.sequence import Sequencer
from penstock.layout import completed_key, completed_object
from penstock.letters import letter_of_line
from penstock.model import (
    Alert,
    CompletedTrade,
    DeadLetter,
    Position,
    TickerState,
    Trade,
)
from penstock.ports import (
    DeadLetters,
    HistoryStore,
    Notifier,
    ObjectStore,
    Record,
    StateStore,
    Stream,
)

__all__ = ["BatchResult", "Ports", "deliver", "ingest", "process_batch"]

# Another worker can win once or twice while a shard changes hands; a ticker that
# stays stale after this many folds has two steady owners, and somebody must look.
_ATTEMPTS = 4

# So many tickers in a row whose outbox is not taken: then it is not the ticker's doing,
# and to wait for an answer once for each of the others may take longer than there is.
_NOT_TAKEN = 2


class Ports(Struct, frozen=True, kw_only=True):
    """What `process_batch` works on."""

    states: StateStore
    history: HistoryStore
    objects: ObjectStore
    notifier: Notifier
    dead_letters: DeadLetters


class BatchResult(Struct, kw_only=True):
    """What a batch did; counts cover committed tickers only.

    Attributes:
        applied, duplicates, late, gaps: Counts of trades, as in `engine.step.Folded`.
        redelivered: Trades in records that an earlier batch had done.
        dead_letters: Lines put aside.
        new_bars: Bars begun.
        states: The tickers' states as committed.
        failed: Tickers whose records have to come again, and why.
        resume_at: Lowest sequence number among the failed tickers' records, None
            where nothing failed.
        undelivered: Tickers whose outbox could not be emptied; why, by ticker.
    """

    applied: int = 0
    duplicates: int = 0
    late: int = 0
    gaps: int = 0
    redelivered: int = 0
    dead_letters: int = 0
    new_bars: int = 0
    alerts: list[Alert] = []
    opened: list[Position] = []
    completed: list[CompletedTrade] = []
    states: dict[str, TickerState] = {}
    failed: dict[str, UnavailableError] = {}
    resume_at: int | None = None
    undelivered: dict[str, UnavailableError] = {}


class _Work(Struct, kw_only=True):
    # One ticker on its way from folding to commit.
    before: TickerState
    folded: Folded
    letters: list[DeadLetter]


def ingest(
    trades: Iterable[Trade],
    *,
    sequencer: Sequencer,
    packer: Packer,
    stream: Stream,
    now_us: int,
    flush: bool = False,
) -> int:
    """Number, pack and append a source's next trades; return how many are now durable.

    Trades that are not due yet wait in `packer` (`packer.waiting`), and so do those
    that the stream refused; neither may be reported to the source as stored.  With
    `flush` nothing lingers.

    Raises:
        UnavailableError: The stream did not answer; what it was given waits in
            `packer`.
    """
    packer.add(sequencer.admit(trades), now_us)
    entries = packer.flush() if flush else packer.take(now_us)
    if not entries:
        return 0
    refused: Sequence[Entry] = entries
    try:
        refused = stream.append(entries)
    finally:
        packer.put_back(refused)
    return sum(e.trades for e in entries) - sum(e.trades for e in refused)


def process_batch(records: Sequence[Record], ports: Ports, rules: Rules) -> BatchResult:
    """Fold one shard's next records into their tickers' states, and commit.

    A ticker whose stores do not answer fails alone; the others' records, when they
    come again with it, are skipped by their states.  Raises nothing of its own.

    Args:
        records: In stream order, all of one shard.
        ports: Where state, history, alerts, objects and dead letters go.
        rules: What decides.
    """
    result = BatchResult()
    waiting: dict[str, list[Record]] = {}
    for record in records:
        waiting.setdefault(record.key, []).append(record)
    for _ in range(_ATTEMPTS):
        if waiting:
            stale = _attempt(waiting, ports, rules, result)
            waiting = {ticker: waiting[ticker] for ticker in stale}
    for ticker in waiting:
        text = f"{ticker}: the state changed under each of {_ATTEMPTS} attempts"
        result.failed[ticker] = UnavailableError(text)
    if result.failed:
        numbers = (r.sequence_number for r in records if r.key in result.failed)
        result.resume_at = min(numbers)
    return result


def deliver(
    states: Mapping[str, TickerState], ports: Ports
) -> tuple[dict[str, TickerState], dict[str, UnavailableError]]:
    """Deliver the outboxes of committed `states`, and commit them empty.

    After two in a row that could not be, the others are not tried.

    Returns:
        The states that are stored now, for the tickers that changed; and what could
        not be delivered, by ticker: it waits for the next batch or the sweeper.
    """
    emptied: list[TickerState] = []
    undelivered: dict[str, UnavailableError] = {}
    failures: list[UnavailableError] = []  # in a row
    for ticker, state in states.items():
        if not state.outbox:
            continue
        if len(failures) == _NOT_TAKEN:
            undelivered[ticker] = failures[-1]
            continue
        try:
            _send(state, ports)
        except UnavailableError as e:
            undelivered[ticker] = e
            failures.append(e)
        else:
            emptied.append(_next_version(state, outbox=()))
            failures.clear()
    # A refused commit only means that the same ids are delivered again.
    refused = ports.states.commit(emptied) if emptied else {}
    return {s.ticker: s for s in emptied if s.ticker not in refused}, undelivered


def _attempt(
    waiting: Mapping[str, Sequence[Record]],
    ports: Ports,
    rules: Rules,
    result: BatchResult,
) -> list[str]:
    # Fold and commit each ticker once; return those that turned out stale.
    try:
        # What is no ticker has no state, and a store may not even take it for a key.
        states = ports.states.load(list(filter(is_ticker, waiting)))
    except UnavailableError as e:
        result.failed.update(dict.fromkeys(waiting, e))
        return []
    works = {
        ticker: _fold(states.get(ticker), ticker, group, rules)
        for ticker, group in waiting.items()
    }
    _keep_letters(works, ports, result)
    _write_history(works, ports, rules, result)
    stale = _commit(works, ports, result)
    for work in works.values():
        _count(work, result)
    stored = {ticker: result.states[ticker] for ticker in works}
    delivered, undelivered = deliver(stored, ports)
    result.states.update(delivered)
    result.undelivered.update(undelivered)
    return stale


def _fold(
    state: TickerState | None, ticker: str, records: Sequence[Record], rules: Rules
) -> _Work:
    before = state or TickerState(ticker=ticker)
    letters: list[DeadLetter] = []
    decoded = _decode(records, before, letters)
    folded = fold(before, decoded, rules.of(ticker))
    return _Work(before=before, folded=folded, letters=letters)


def _decode(
    records: Sequence[Record], state: TickerState, letters: list[DeadLetter]
) -> Iterator[tuple[int, Sequence[Trade]]]:
    # One record at a time, so that its trades are folded while they are in the cache.
    for record in records:
        trades, bad = decode_record(record.data, state.ticker)
        if bad and record.sequence_number > state.stream_position:
            letters.extend(letter_of_line(record, line) for line in bad)
        yield record.sequence_number, trades


def _keep_letters(works: dict[str, _Work], ports: Ports, result: BatchResult) -> None:
    # Before the commit: what is skipped as redelivered must have been kept.
    letters = [letter for work in works.values() for letter in work.letters]
    if not letters:
        return
    try:
        ports.dead_letters.put(letters)
    except UnavailableError as e:
        for ticker in [t for t, work in works.items() if work.letters]:
            _fail(ticker, e, works, result)


def _write_history(
    works: dict[str, _Work], ports: Ports, rules: Rules, result: BatchResult
) -> None:
    # Before the commit, for the same reason.  Rows are upserts of what the same
    # records always give, so a crash between only writes them twice.
    rows = [
        row for t, work in works.items() for row in history_rows(t, work.folded, rules)
    ]
    if not rows:
        return
    for series in ports.history.put(rows):
        ticker = series.partition("@")[0]
        if ticker in works:
            error = UnavailableError(f"{series}: history rows were refused")
            _fail(ticker, error, works, result)


def _commit(works: dict[str, _Work], ports: Ports, result: BatchResult) -> list[str]:
    moved: list[TickerState] = []
    for ticker, work in works.items():
        state, before = work.folded.state, work.before
        if state.stream_position == before.stream_position or not _is_worth(work):
            result.states[ticker] = before
            continue
        outbox = (*state.outbox, *work.folded.alerts, *work.folded.completed)
        moved.append(_next_version(state, outbox=outbox))
    result.states.update((state.ticker, state) for state in moved)
    stale: list[str] = []
    for ticker, error in ports.states.commit(moved).items() if moved else ():
        if isinstance(error, StaleStateError):
            stale.append(ticker)
            del works[ticker], result.states[ticker]
        else:
            _fail(ticker, error, works, result)
    return stale


def _is_worth(work: _Work) -> bool:
    # Bytes under a key that never held a trade leave dead letters, and no state.
    return work.before.version > 0 or work.folded.applied > 0


def _fail(
    ticker: str,
    error: UnavailableError,
    works: dict[str, _Work],
    result: BatchResult,
) -> None:
    works.pop(ticker, None)
    result.states.pop(ticker, None)
    result.failed[ticker] = error


def _count(work: _Work, result: BatchResult) -> None:
    folded = work.folded
    result.applied += folded.applied
    result.duplicates += folded.duplicates
    result.late += folded.late
    result.gaps += folded.gaps
    result.redelivered += folded.redelivered
    result.dead_letters += len(work.letters)
    result.new_bars += folded.new_bars
    result.alerts += folded.alerts
    result.opened += folded.opened
    result.completed += folded.completed


def _send(state: TickerState, ports: Ports) -> None:
    for item in state.outbox:
        if isinstance(item, CompletedTrade):
            ports.objects.put(completed_key(item), completed_object(item))
    alerts = [item for item in state.outbox if isinstance(item, Alert)]
    if alerts:
        ports.notifier.notify(alerts)


def _next_version(
    state: TickerState, outbox: tuple[Alert | CompletedTrade, ...]
) -> TickerState:
    return msgspec.structs.replace(state, version=state.version + 1, outbox=outbox)
