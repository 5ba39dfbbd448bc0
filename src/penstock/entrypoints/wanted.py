"""Which symbols are wanted of which source, as the settings say."""

from collections.abc import Mapping, Sequence

from penstock.config import SourceSettings
from penstock.errors import SourceError
from penstock.feeds import FEEDS, make_feed
from penstock.feeds.coinbase_rest import SPOT, TICKER
from penstock.feeds.names import CCXT
from penstock.model import ticker_of

__all__ = ["symbols_by_source", "venue_of"]

_POLLED_VENUES = {"coinbase-spot": SPOT, "coinbase-ticker": TICKER}
# Every trade of a market comes by either, under the same id.
_SAME_TRADES = {"coinbase", "coinbase-advanced"}


def symbols_by_source(settings: SourceSettings) -> dict[str, list[str]]:
    """Say which symbols are wanted of which source.

    Raises:
        SourceError: A source has none, a symbol no source, or two of one venue have
            the same one, and would make each other's trades look like old ones.
    """
    wanted: dict[str, list[str]] = {kind: [] for kind in settings.kinds}
    for written in settings.symbols:
        at, _, symbol = written.rpartition(":")
        takers = [k for k in wanted if at in ("", k)]
        takers = takers or [k for k in wanted if at == venue_of(k)]
        if not takers:
            raise SourceError(
                f"symbol {written!r} is for none of the sources: "
                f"{', '.join(settings.kinds)}. Name its source as well."
            )
        for kind in takers:
            if symbol not in wanted[kind]:
                wanted[kind].append(symbol)
    for kind, symbols in wanted.items():
        if not symbols:
            raise SourceError(
                f"source {kind!r} needs a symbol: pass --symbol, such as "
                "--symbol BTC-USD"
            )
    _check_numbering(wanted)
    return wanted


def _check_numbering(wanted: Mapping[str, Sequence[str]]) -> None:
    takers: dict[str, str] = {}
    for kind, symbols in wanted.items():
        for symbol in symbols:
            ticker = ticker_of(venue_of(kind), symbol)
            other = takers.setdefault(ticker, kind)
            if other != kind and not {other, kind} <= _SAME_TRADES:
                raise SourceError(
                    f"sources {other!r} and {kind!r} would both feed {ticker}, and "
                    "each would make the other's trades look like old ones. Leave "
                    "one out, or name the source of each symbol, such as "
                    f"--symbol {other}:{symbol}"
                )


def venue_of(kind: str) -> str:
    """Return the venue of a source's tickers."""
    if kind in FEEDS:
        return make_feed(kind).venue
    return _POLLED_VENUES.get(kind, kind.removeprefix(CCXT))
