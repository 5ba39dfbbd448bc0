"""What a source is, and several of them side by side."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from queue import Empty, Full, Queue
from threading import Thread
from time import monotonic, sleep
from typing import Protocol

from msgspec.structs import replace

from penstock.drivers.live import LiveBatch, SourceStatus
from penstock.drivers.live.status import State
from penstock.errors import SourceError, UnavailableError

__all__ = ["Source", "Together"]

_QUEUED_BATCHES = 8  # what is taken from all before they have to wait
_TURN_S = 0.05


class Source(Protocol):
    """Trades as they happen."""

    def batches(self) -> Generator[LiveBatch, None, None]:
        """Yield what comes, until `stop` and after it what was received.

        Raises:
            UnavailableError: Nothing could be reached.
            SourceError: Nothing will be given.
        """

    def status(self) -> SourceStatus:
        """Return what all connections and tickers are doing."""

    def stop(self) -> None:
        """End `batches` soon; safe in a signal handler."""


class Together:
    """Several sources side by side, each in a thread of its own.

    One that cannot be reached is made and tried again, ever more seldom; one that ends
    otherwise is told of in the status; the others go on meanwhile.  When none is left
    that works, the first one's error is raised.

    Args:
        makers: Make the sources.
        retry_s: Until one is tried again, for the first time.
        max_retry_s: The longest that this becomes.

    Raises:
        SourceError: A source cannot be made.
    """

    def __init__(
        self,
        makers: Sequence[Callable[[], Source]],
        *,
        retry_s: float = 5.0,
        max_retry_s: float = 60.0,
    ) -> None:
        self._parts = [_Part(make) for make in makers]
        self._retry_s, self._max_retry_s = retry_s, max_retry_s
        self._queue: Queue[LiveBatch] = Queue(_QUEUED_BATCHES)
        # No event: see `Feeder.stop`.
        self._stopping, self._is_read = False, True

    def stop(self) -> None:
        """See `Source.stop`."""
        self._stopping = True
        for part in self._parts:
            part.source.stop()

    def batches(self) -> Generator[LiveBatch, None, None]:
        """See `Source.batches`."""
        threads = [Thread(target=self._pump, args=(part,)) for part in self._parts]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) or self._queue.qsize():
                if not self._queue.qsize() and all(p.error for p in self._parts):
                    break
                try:
                    yield self._queue.get(timeout=_TURN_S)
                except Empty:
                    yield LiveBatch([], [])
        finally:
            self._is_read = False
            self.stop()
            for thread in threads:
                thread.join()
        errors = [part.error for part in self._parts if part.error]
        if len(errors) == len(self._parts):
            raise errors[0]

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        found = [part.status() for part in self._parts]
        errors: Counter[str] = Counter()
        for status in found:
            errors.update(status.request_errors)
        return SourceStatus(
            connections=tuple(c for s in found for c in s.connections),
            tickers=tuple(
                sorted((t for s in found for t in s.tickers), key=lambda t: t.ticker)
            ),
            queued=sum(s.queued for s in found),
            max_queued=sum(s.max_queued for s in found),
            pauses=sum(s.pauses for s in found),
            requests=sum(s.requests for s in found),
            request_errors=dict(errors),
        )

    def _pump(self, part: "_Part") -> None:
        wait_s = self._retry_s
        while not self._stopping:
            try:
                for batch in part.source.batches():
                    self._put(part, batch)
            except UnavailableError as e:
                part.fail(e)
            except Exception as e:
                part.fail(e)
                return
            else:
                return
            self._wait(wait_s)
            wait_s = min(2 * wait_s, self._max_retry_s)
            part.make_again()

    def _put(self, part: "_Part", batch: LiveBatch) -> None:
        while self._is_read and (batch.trades or batch.bad):
            part.error = None
            try:
                self._queue.put(batch, timeout=_TURN_S)
            except Full:
                continue
            return

    def _wait(self, wait_s: float) -> None:
        until_s = monotonic() + wait_s
        while not self._stopping and monotonic() < until_s:
            sleep(_TURN_S)


class _Part:
    """One of the sources.

    Attributes:
        source: As it was made last.
        error: Why it gives nothing; None while it may.
    """

    def __init__(self, make: Callable[[], Source]) -> None:
        self._make = make
        self.source = make()
        self.error: Exception | None = None
        self._words = ""  # of the error, in the source's own where it has some

    def fail(self, error: Exception) -> None:
        """Note that the source has ended, and why."""
        said = [c.last_error for c in self.source.status().connections]
        self._words = next(filter(None, said), str(error))
        self.error = error

    def make_again(self) -> None:
        """Replace the source by a new one."""
        self.source = self._make()

    def status(self) -> SourceStatus:
        """Return the source's, in which connections say why they give nothing."""
        status, error = self.source.status(), self.error
        if error is None:
            return status
        state: State = "failed"
        if isinstance(error, UnavailableError):
            state = "connecting"
        elif isinstance(error, SourceError):
            state = "refused"
        ended = [
            replace(c, state=state, last_error=self._words) for c in status.connections
        ]
        return replace(status, connections=tuple(ended))
