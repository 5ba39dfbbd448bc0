"""The embedded pipeline at work: one thread feeds, one processes, one archives.

The thread that calls `feed` appends to the log; the others read it at their own pace,
so that a slow disk or channel holds up nothing but itself.  Everything that is decided
is decided in `pipeline`.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic, sleep
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeVar

from penstock.bootstrap import archiver_of, clock_us, ports_of
from penstock.codec import Packer, encode_json
from penstock.config import Settings
from penstock.engine.rules import Rules
from penstock.errors import UnavailableError
from penstock.feeds.sequence import Sequencer
from penstock.layout import RuleSet, rules_key
from penstock.local import LocalStore
from penstock.local.archiver import CONSUMER as ARCHIVE
from penstock.model import DeadLetter, Trade
from penstock.pipeline import BatchResult, Ports, deliver, ingest, process_batch
from penstock.ports import ObjectStore, StateStore
from penstock.verify import read_rule_sets

__all__ = [
    "PIPELINE",
    "Pace",
    "Processor",
    "SourceBatch",
    "Worker",
    "count_waiting",
    "finish_backlog",
    "record_rules",
]

PIPELINE = "pipeline"

_T = TypeVar("_T")

# Records per batch: enough to share a commit among some thousands of trades, and
# few enough that a commit follows an append within milliseconds.
_BATCH_RECORDS = 200
_IDLE_S = 0.2  # how long a reader sleeps when nobody wakes it
_TICK_S = 0.02  # how often a paced source looks at the clock
_CHORES_S = 60.0  # between sweeps of the outboxes, and of the log's old records
_ATTEMPTS = 5
_FIRST_PAUSE_S = 0.1  # doubled each time: 1.5 s in all before giving up


class SourceBatch(NamedTuple):
    """What a source gives at a time.

    Attributes:
        trades: In order per ticker.
        letters: What could not be read.
    """

    trades: Sequence[Trade]
    letters: Sequence[DeadLetter] = ()


class Pace(Protocol):
    """Tells when a trade of a source is due."""

    def wait_s(self, event_us: int, *, now_s: float) -> float:
        """Return the seconds until a trade of that time is due; 0 or less if it is.

        `now_s` is a clock that never goes back.
        """


class Processor:
    """The consumer that decides: reads the log in batches and has them processed.

    Args:
        store: Where everything is.
        rules: What decides.
        watch: Told of every batch.
    """

    def __init__(
        self,
        store: LocalStore,
        ports: Ports,
        rules: Rules,
        watch: Callable[[BatchResult], None],
    ) -> None:
        self._stream, self._ports, self._rules = store.stream, ports, rules
        self._watch = watch
        self._done = {
            s: self._stream.position(PIPELINE, s) for s in self._stream.shards()
        }

    def advance(self) -> int:
        """Process the next records of each shard; return how many there were.

        Raises:
            UnavailableError: Of the first ticker that failed; what the others'
                records did is committed, and the failed ones' come again.
        """
        records_seen, failures = 0, list[UnavailableError]()
        for shard, done in self._done.items():
            records = self._stream.read(shard, after=done, limit=_BATCH_RECORDS)
            if not records:
                continue
            result = process_batch(records, self._ports, self._rules)
            self._watch(result)
            last = records[-1].sequence_number
            self._done[shard] = (
                last if result.resume_at is None else result.resume_at - 1
            )
            self._stream.checkpoint(PIPELINE, shard, self._done[shard])
            failures.extend(result.failed.values())
            records_seen += len(records)
        for error in failures:
            raise error
        return records_seen

    def sweep(self) -> None:
        """Deliver what earlier batches could not.

        Raises:
            UnavailableError: The states did not answer.
        """
        tickers = self._ports.states.undelivered()
        if tickers:
            deliver(self._ports.states.load(tickers), self._ports)


class Worker:
    """Runs the embedded pipeline; use it as a context manager.

    Leaving the context processes and archives what was appended, for as long as
    `patience_s` allows; what is left then is taken up by the next start.

    Args:
        store: An open data directory.
        settings: What the operator wants.
        watch: Told of every batch, from the processing thread.

    Attributes:
        patience_s: See above; may be lowered at any time.
        appended: Trades that are durable.
        dead_letters: What the sources could not read.
    """

    def __init__(
        self,
        store: LocalStore,
        settings: Settings,
        watch: Callable[[BatchResult], None],
    ) -> None:
        self._store, self._settings = store, settings
        _finish_under_old_rules(store, settings.rules, watch)
        record_rules(store.objects, store.states, settings.rules)
        self._processor = Processor(store, ports_of(store), settings.rules, watch)
        self._sequencer = Sequencer(store.stream.marks(), contiguous=False)
        self._archiver = archiver_of(store, settings)
        self._consumers = [PIPELINE, *([ARCHIVE] if settings.archive.enabled else [])]
        self._threads: list[threading.Thread] = []
        self._appended, self._finishing = threading.Event(), threading.Event()
        # No event: a signal handler that sets the one its own thread is about to wait
        # for, and so holds the lock of, waits for ever.
        self._stopping = False
        self._error: Exception | None = None
        self._left_s = float("inf")
        self.patience_s = float("inf")
        self.dead_letters = self.appended = 0

    def __enter__(self) -> Self:
        self._start(self._process)
        if self._settings.archive.enabled:
            self._start(self._archive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left_s = monotonic()
        self._finishing.set()
        self._appended.set()
        for thread in self._threads:
            thread.join()
        if self._error is not None and error is None:
            raise self._error

    def stop(self) -> None:
        """Make `feed` return soon; safe to call from a signal handler."""
        self._stopping = True

    @property
    def duplicates(self) -> int:
        """Trades that the sources gave and the log already had."""
        return self._sequencer.duplicates

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called, or a thread has failed: `feed` does no more."""
        return self._stopping

    def feed(
        self,
        batches: Iterable[SourceBatch],
        *,
        contiguous: bool,
        pace: Pace | None = None,
    ) -> None:
        """Append what a source gives, until it ends or `stop` is called.

        `contiguous` says whether a jump in its trades' numbers is a loss, `pace` when
        each is due: None for as fast as possible.

        Raises:
            UnavailableError: The log keeps refusing.
        """
        settings = self._settings.stream
        packer = Packer(settings.max_record_bytes, settings.linger_us)
        self._sequencer.begin_source(contiguous=contiguous)
        for batch in batches:
            self._keep(batch.letters)
            for trades in self._due(batch.trades, pace):
                self._append(trades, packer)
            if self._stopping:
                break
        self._append((), packer, flush=True)

    def _append(
        self, trades: Sequence[Trade], packer: Packer, *, flush: bool = False
    ) -> None:
        # What the log refuses waits in the packer: the next try has nothing to add.
        given = [trades]

        def append() -> int:
            return ingest(
                given.pop() if given else (),
                sequencer=self._sequencer,
                packer=packer,
                stream=self._store.stream,
                now_us=clock_us(),
                flush=flush,
            )

        self.appended += _patiently(append)
        self._appended.set()

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        if letters:
            self._store.dead_letters.put(letters)
            self.dead_letters += len(letters)

    def _due(
        self, trades: Sequence[Trade], pace: Pace | None
    ) -> Iterator[Sequence[Trade]]:
        # In slices, each when it is due; empty ones let lingering records go.
        if pace is None:
            yield trades
            return
        start = 0
        while start < len(trades) and not self._stopping:
            end, now_s, wait_s = start, monotonic(), 0.0
            while end < len(trades) and wait_s <= 0:
                wait_s = pace.wait_s(trades[end].event_us, now_s=now_s)
                end += wait_s <= 0
            yield trades[start:end]
            if end == start:
                sleep(min(_TICK_S, wait_s))
            start = end

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guard, args=(work,), name=work.__name__)
        self._threads.append(thread)
        thread.start()

    def _guard(self, work: Callable[[], None]) -> None:
        # The feeding thread has to learn that nobody reads any more, whatever the
        # reason; leaving the context raises it.
        try:
            work()
        except Exception as e:
            self._error = self._error or e
            self._stopping = True

    def _process(self) -> None:
        swept_s = float("-inf")
        while monotonic() - self._left_s < self.patience_s:
            finishing = self._finishing.is_set()
            if monotonic() - swept_s > _CHORES_S:
                _patiently(self._processor.sweep)
                _patiently(self._trim)
                swept_s = monotonic()
            if _patiently(self._processor.advance):
                continue
            if finishing:
                return
            self._appended.wait(_IDLE_S)
            self._appended.clear()

    def _archive(self) -> None:
        while monotonic() - self._left_s < self.patience_s:
            finishing = self._finishing.is_set()
            if _patiently(lambda: self._archiver.advance(clock_us())):
                continue
            if finishing:
                break
            self._finishing.wait(_IDLE_S)
        _patiently(self._archiver.flush)

    def _trim(self) -> None:
        self._store.stream.trim(
            retention_us=self._settings.stream.retention_us,
            now_us=clock_us(),
            consumers=self._consumers,
        )


def finish_backlog(store: LocalStore) -> None:
    """Process what the log holds already, under the rules that applied to it.

    Raises:
        UnavailableError: A store does not answer.
    """
    sets = read_rule_sets(store.objects)
    if sets:
        _drain(store, sets[-1].rules, lambda _: None)


def _finish_under_old_rules(
    store: LocalStore, rules: Rules, watch: Callable[[BatchResult], None]
) -> None:
    # What was appended under other rules, and not processed, was promised those.
    sets = read_rule_sets(store.objects)
    if sets and sets[-1].rules != rules:
        _drain(store, sets[-1].rules, watch)


def _drain(
    store: LocalStore, rules: Rules, watch: Callable[[BatchResult], None]
) -> None:
    processor = Processor(store, ports_of(store), rules, watch)
    while _patiently(processor.advance):
        pass


def count_waiting(store: LocalStore) -> int:
    """Count the lines of the log that are still to be processed.

    Raises:
        UnavailableError: The log did not answer.
    """
    lines = 0
    for shard in store.stream.shards():
        after = store.stream.position(PIPELINE, shard)
        while records := store.stream.read(shard, after=after, limit=_BATCH_RECORDS):
            lines += sum(record.data.count(b"\n") for record in records)
            after = records[-1].sequence_number
    return lines


def record_rules(objects: ObjectStore, states: StateStore, rules: Rules) -> None:
    """Note that `rules` apply from here on, if others did before.

    So that a state can be rebuilt although its rules were changed on the way.

    Raises:
        UnavailableError: A store did not answer.
    """
    sets = read_rule_sets(objects)
    if sets and sets[-1].rules == rules:
        return
    stored = states.load(states.tickers())
    since = {ticker: state.last_seq for ticker, state in sorted(stored.items())}
    rule_set = RuleSet(since=since, rules=rules)
    objects.put(rules_key(len(sets) + 1), encode_json(rule_set) + b"\n")


def _patiently(work: Callable[[], _T]) -> _T:
    # A disk that is full for a moment, a file that is held: worth a second or two.
    pause_s = _FIRST_PAUSE_S
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except UnavailableError:
            threading.Event().wait(pause_s)
            pause_s *= 2
    return work()
