"""The embedded pipeline at work: one thread feeds, one processes, one archives.

The thread that feeds appends to the log; the others read it at their own pace, so that
a slow disk or channel holds up nothing but itself.  Everything that is decided is
decided in `pipeline`.
"""

import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

from penstock.bootstrap import archiver_of, clock_us, ports_of
from penstock.codec import encode_json
from penstock.config import Settings
from penstock.engine.rules import Rules
from penstock.entrypoints.feeder import Feeder, patiently
from penstock.entrypoints.processor import PIPELINE, Processor
from penstock.layout import RuleSet, rules_key
from penstock.local import LocalStore
from penstock.local.archiver import CONSUMER as ARCHIVE
from penstock.pipeline import BatchResult
from penstock.ports import ObjectStore, StateStore
from penstock.verify import read_rule_sets

__all__ = [
    "Worker",
    "adopt_rules",
    "count_waiting",
    "finish_backlog",
    "trim_log",
]

_COUNTED_RECORDS = 200  # at a time
_IDLE_S = 0.2  # how long a reader sleeps when nobody wakes it
_CHORES_S = 60.0  # between sweeps of the outboxes, and of the log's old records


class Worker:
    """Runs the embedded pipeline; use it as a context manager.

    Leaving the context processes and archives what was appended, for as long as
    `patience_s` allows; what is left then is taken up by the next start.

    Args:
        store: An open data directory.
        settings: What the operator wants.
        watch: Told of every batch, from the processing thread.

    Attributes:
        feeder: What appends; a thread that fails stops it.
        patience_s: See above; may be lowered at any time.
    """

    def __init__(
        self,
        store: LocalStore,
        settings: Settings,
        watch: Callable[[BatchResult], None],
    ) -> None:
        self._store, self._settings = store, settings
        adopt_rules(store, settings.rules, watch)
        self._processor = _processor(store, settings.rules, watch)
        self._archiver = archiver_of(store, settings)
        self._threads: list[threading.Thread] = []
        self._appended, self._finishing = threading.Event(), threading.Event()
        self._error: Exception | None = None
        self._left_s = float("inf")
        self.feeder = Feeder(
            store.stream,
            store.dead_letters,
            settings.stream,
            store.stream.marks(),
            self._appended.set,
        )
        self.patience_s = float("inf")

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
            self.feeder.stop()

    def _process(self) -> None:
        swept_s = float("-inf")
        while monotonic() - self._left_s < self.patience_s:
            finishing = self._finishing.is_set()
            if monotonic() - swept_s > _CHORES_S:
                patiently(self._processor.sweep)
                patiently(lambda: trim_log(self._store, self._settings))
                swept_s = monotonic()
            if patiently(self._processor.advance):
                continue
            if finishing:
                return
            self._appended.wait(_IDLE_S)
            self._appended.clear()

    def _archive(self) -> None:
        while monotonic() - self._left_s < self.patience_s:
            finishing = self._finishing.is_set()
            if patiently(lambda: self._archiver.advance(clock_us())):
                continue
            if finishing:
                break
            self._finishing.wait(_IDLE_S)
        patiently(self._archiver.flush)


def trim_log(store: LocalStore, settings: Settings) -> None:
    """Delete what the log has held for long enough, and every reader is done with.

    Raises:
        UnavailableError: The log did not answer.
    """
    store.stream.trim(
        retention_us=settings.stream.retention_us,
        now_us=clock_us(),
        consumers=[PIPELINE, *([ARCHIVE] if settings.archive.enabled else [])],
    )


def adopt_rules(
    store: LocalStore, rules: Rules, watch: Callable[[BatchResult], None]
) -> None:
    """Have what is appended from here on decided by `rules`, if others did before.

    What was appended under the others, and not processed, was promised those: it is
    processed now, and `watch` is told of it.

    Raises:
        UnavailableError: A store did not answer.
    """
    sets = read_rule_sets(store.objects)
    if sets and sets[-1].rules != rules:
        _drain(store, sets[-1].rules, watch)
    _record_rules(store.objects, store.states, rules)


def finish_backlog(store: LocalStore) -> None:
    """Process what the log holds already, under the rules that applied to it.

    Raises:
        UnavailableError: A store does not answer.
    """
    sets = read_rule_sets(store.objects)
    if sets:
        _drain(store, sets[-1].rules, lambda _: None)


def _drain(
    store: LocalStore, rules: Rules, watch: Callable[[BatchResult], None]
) -> None:
    processor = _processor(store, rules, watch)
    while patiently(processor.advance):
        pass


def _processor(
    store: LocalStore, rules: Rules, watch: Callable[[BatchResult], None]
) -> Processor:
    return Processor(store.stream, store.stream, ports_of(store), rules, watch)


def count_waiting(store: LocalStore) -> int:
    """Count the lines of the log that are still to be processed.

    Raises:
        UnavailableError: The log did not answer.
    """
    lines = 0
    for shard in store.stream.shards():
        after = store.stream.position(PIPELINE, shard)
        while records := store.stream.read(shard, after=after, limit=_COUNTED_RECORDS):
            lines += sum(record.data.count(b"\n") for record in records)
            after = records[-1].sequence_number
    return lines


def _record_rules(objects: ObjectStore, states: StateStore, rules: Rules) -> None:
    # So that a state can be rebuilt although its rules were changed on the way.
    sets = read_rule_sets(objects)
    if sets and sets[-1].rules == rules:
        return
    stored = states.load(states.tickers())
    since = {ticker: state.last_seq for ticker, state in sorted(stored.items())}
    rule_set = RuleSet(since=since, rules=rules)
    objects.put(rules_key(len(sets) + 1), encode_json(rule_set) + b"\n")
