"""From a source to a stream: trades are numbered, packed and appended as they come.

Knows the stream by its port alone, whichever it is, and nothing of who reads it.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from time import monotonic, sleep
from typing import NamedTuple, Protocol, TypeVar

from penstock.bootstrap import clock_us
from penstock.codec import Packer
from penstock.config import StreamSettings
from penstock.errors import UnavailableError
from penstock.feeds.sequence import Sequencer
from penstock.model import DeadLetter, Trade
from penstock.pipeline import ingest
from penstock.ports import DeadLetters, Stream

__all__ = ["Feeder", "Pace", "SourceBatch", "patiently"]

_T = TypeVar("_T")

_TICK_S = 0.02  # how often a paced source looks at the clock
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


class Feeder:
    """Appends to a stream what sources give.

    Args:
        stream: Where trades go.
        dead_letters: Where what could not be read goes.
        settings: How trades are packed.
        marks: Highest seq per ticker that is known to have been appended.
        on_append: Called whenever something may have been appended.

    Attributes:
        appended: Trades that are durable.
        unread: Things that the sources could not read.
    """

    def __init__(
        self,
        stream: Stream,
        dead_letters: DeadLetters,
        settings: StreamSettings,
        marks: Mapping[str, int],
        on_append: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream, self._dead_letters = stream, dead_letters
        self._settings, self._on_append = settings, on_append
        self._sequencer = Sequencer(marks, contiguous=False)
        # No event: a signal handler that sets the one its own thread is about to wait
        # for, and so holds the lock of, waits for ever.
        self._stopping = False
        self.unread = self.appended = 0

    def stop(self) -> None:
        """Make `feed` return soon, now and ever after; safe in a signal handler."""
        self._stopping = True

    @property
    def duplicates(self) -> int:
        """Trades that the sources gave and the stream already had."""
        return self._sequencer.duplicates

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called: `feed` does no more."""
        return self._stopping

    def feed(
        self,
        batches: Generator[SourceBatch, None, None],
        *,
        contiguous: bool,
        pace: Pace | None = None,
    ) -> None:
        """Append what a source gives, until it ends or `stop` is called.

        Args:
            batches: The source, which is closed in the end, whatever happens: what
                it keeps running would else keep the process.
            contiguous: Whether a jump in the trades' numbers is a loss.
            pace: When each trade is due; None for as fast as possible.

        Raises:
            UnavailableError: The stream, or the dead letters, keep refusing.
        """
        packer = Packer(self._settings.max_record_bytes, self._settings.linger_us)
        self._sequencer.begin_source(contiguous=contiguous)
        try:
            with closing(batches):
                for batch in batches:
                    self._keep(batch.letters)
                    for trades in self._due(batch.trades, pace):
                        self._append(trades, packer)
                    if self._stopping:
                        break
        finally:
            if packer.due_us() != 0:  # else the stream refuses, and has just said so
                self._append((), packer, flush=True)

    def _append(
        self, trades: Sequence[Trade], packer: Packer, *, flush: bool = False
    ) -> None:
        # What the stream refuses waits in the packer: the next try has nothing to add.
        given = [trades]

        def append() -> None:
            self.appended += ingest(
                given.pop() if given else (),
                sequencer=self._sequencer,
                packer=packer,
                stream=self._stream,
                now_us=clock_us(),
                flush=flush,
            )
            if packer.due_us() == 0:
                raise UnavailableError(
                    f"the stream refuses records: {packer.waiting:,} trades wait"
                )

        patiently(append)
        self._on_append()

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        if letters:
            patiently(lambda: self._dead_letters.put(letters))
            self.unread += len(letters)

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


def patiently(work: Callable[[], _T]) -> _T:
    """Do some work, and again a few times, for 1.5 s, while a store does not answer.

    A disk that is full for a moment, a file that is held: worth a second or two.

    Raises:
        UnavailableError: It still does not.
    """
    pause_s = _FIRST_PAUSE_S
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except UnavailableError:
            threading.Event().wait(pause_s)
            pause_s *= 2
    return work()
