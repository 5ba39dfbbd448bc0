"""From the settings to trades: every source as batches that a feeder can be fed.

A websocket, prices over REST, ccxt and any number of these side by side come out the
same: batches until `stop`, at least some every second, and a status for who asks.
Needs the extra `live` for all but the simulated market.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import closing
from functools import partial

from msgspec.structs import replace

from penstock.config import SourceSettings
from penstock.drivers.live import (
    ENDPOINTS,
    Endpoint,
    LiveSource,
    SourceStatus,
)
from penstock.drivers.live.line import Tap
from penstock.entrypoints.counted import Polled, Watched
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.letters import letter_of
from penstock.entrypoints.together import Source, Together
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
    makers: list[Callable[[], Source]] = []
    if feeds:
        makers.append(partial(open_live, settings, feeds, marks))
    for kind, symbols in wanted.items():
        if kind in POLLED:
            makers.append(partial(Polled, kind, symbols, settings))
        elif kind.startswith(CCXT):
            makers.append(partial(Watched, kind.removeprefix(CCXT), symbols))
    return makers[0]() if len(makers) == 1 else Together(makers)


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
