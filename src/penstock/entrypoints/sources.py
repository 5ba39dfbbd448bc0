"""From the settings to trades: every source as batches that a feeder can be fed.

A websocket, prices over REST, ccxt and any number of these side by side come out the
same: batches until `stop`, at least some every second, and a status for who asks.
Needs the extra `live` for all but the simulated market.
"""

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from queue import Empty, Full, Queue
from threading import Thread
from typing import Protocol

from msgspec.structs import replace

from penstock.config import SourceSettings
from penstock.drivers.live import (
    ENDPOINTS,
    Endpoint,
    LiveBatch,
    LiveSource,
    SourceStatus,
)
from penstock.drivers.live.line import Tap
from penstock.entrypoints.counted import Polled, Watched
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.letters import letter_of
from penstock.entrypoints.wanted import symbols_by_source
from penstock.errors import SourceError
from penstock.feeds import FEEDS
from penstock.feeds.names import CCXT, POLLED

__all__ = [
    "Source",
    "as_batches",
    "open_live",
    "open_source",
    "status_of",
]

_QUEUED_BATCHES = 8  # of sources side by side: what is taken before they have to wait
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


def open_source(settings: SourceSettings, marks: Mapping[str, int]) -> Source:
    """Make the source that the settings name, of any kind but the simulated one.

    Args:
        settings: What the operator wants.
        marks: Highest seq per ticker that the stream holds.

    Raises:
        SourceError: It cannot be used as it is written, or needs something installed.
    """
    wanted = symbols_by_source(settings)
    feeds = {kind: symbols for kind, symbols in wanted.items() if kind in FEEDS}
    sources: list[Source] = []
    if feeds:
        sources.append(open_live(settings, feeds, marks))
    for kind, symbols in wanted.items():
        if kind in POLLED:
            sources.append(Polled(kind, symbols, settings))
        elif kind.startswith(CCXT):
            sources.append(Watched(kind.removeprefix(CCXT), symbols))
    return sources[0] if len(sources) == 1 else _Together(sources)


def open_live(
    settings: SourceSettings,
    symbols: Mapping[str, Sequence[str]],
    marks: Mapping[str, int],
    tap: Tap | None = None,
) -> LiveSource:
    """Make a source of websockets, at the addresses that the settings name.

    Raises:
        SourceError: An address or a symbol cannot be used.
    """
    endpoints = {name: _endpoint(name, settings) for name in symbols}
    return LiveSource(symbols, marks=marks, endpoints=endpoints, tap=tap)


def status_of(source: Source) -> SourceStatus:
    """Return what a source is doing, although it may end at this very moment."""
    try:
        return source.status()
    except CancelledError:  # who was to answer has ended; what is left answers now
        return source.status()


def as_batches(source: Source) -> Generator[SourceBatch, None, None]:
    """Give a source's batches to a feeder, what is unreadable as dead letters."""
    with closing(source.batches()) as batches:
        for batch in batches:
            yield SourceBatch(batch.trades, [letter_of(item) for item in batch.bad])


def _endpoint(name: str, settings: SourceSettings) -> Endpoint:
    endpoint = ENDPOINTS[name]
    rest, markets = endpoint.rest, endpoint.markets
    if name in settings.rest:
        if rest is None and markets is None:
            raise SourceError(
                f"[source.rest] {name}: its missing trades cannot be fetched anywhere; "
                "leave it out"
            )
        url = settings.rest[name].rstrip("/")
        rest = rest and replace(rest, url=url)
        markets = markets and replace(markets, url=url)
    elif name in settings.endpoints:
        # What a sandbox says is no trade of the venue's, and its ids are others.
        rest = markets = None
    url = settings.endpoints.get(name, endpoint.url)
    return replace(endpoint, url=url, rest=rest, markets=markets)


class _Together:
    """Several sources side by side, each in a thread of its own.

    One that cannot go on is told of in the status, and the others go on; the last
    one's error is raised.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._queue: Queue[LiveBatch] = Queue(_QUEUED_BATCHES)
        self._errors: dict[Source, Exception] = {}
        self._is_read = True

    def stop(self) -> None:
        """See `Source.stop`."""
        for source in self._sources:
            source.stop()

    def batches(self) -> Generator[LiveBatch, None, None]:
        """See `Source.batches`."""
        threads = [Thread(target=self._pump, args=(s,)) for s in self._sources]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) or self._queue.qsize():
                try:
                    yield self._queue.get(timeout=_TURN_S)
                except Empty:
                    yield LiveBatch([], [])
        finally:
            self._is_read = False
            self.stop()
            for thread in threads:
                thread.join()
        if len(self._errors) == len(self._sources):
            raise next(iter(self._errors.values()))

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        found = [self._status_of(source) for source in self._sources]
        errors: dict[str, int] = {}
        for status in found:
            errors |= status.request_errors
        return SourceStatus(
            connections=tuple(c for s in found for c in s.connections),
            tickers=tuple(
                sorted((t for s in found for t in s.tickers), key=lambda t: t.ticker)
            ),
            queued=sum(s.queued for s in found),
            max_queued=sum(s.max_queued for s in found),
            pauses=sum(s.pauses for s in found),
            requests=sum(s.requests for s in found),
            request_errors=errors,
        )

    def _status_of(self, source: Source) -> SourceStatus:
        status, error = source.status(), self._errors.get(source)
        if error is None:
            return status
        ended = [
            replace(c, state="closed", last_error=str(error))
            for c in status.connections
        ]
        return replace(status, connections=tuple(ended))

    def _pump(self, source: Source) -> None:
        try:
            for batch in source.batches():
                while self._is_read and (batch.trades or batch.bad):
                    try:
                        self._queue.put(batch, timeout=_TURN_S)
                        break
                    except Full:
                        continue
        except Exception as e:
            self._errors[source] = e
