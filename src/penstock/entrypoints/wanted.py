"""Which symbols are wanted of which source, as the settings say."""

from penstock.config import SourceSettings
from penstock.errors import SourceError
from penstock.feeds import FEEDS, make_feed
from penstock.feeds.names import CCXT

__all__ = ["symbols_by_source"]


def symbols_by_source(settings: SourceSettings) -> dict[str, list[str]]:
    """Say which symbols are wanted of which source.

    Raises:
        SourceError: A source has none, or a symbol no source.
    """
    wanted: dict[str, list[str]] = {kind: [] for kind in settings.kinds}
    for written in settings.symbols:
        at, _, symbol = written.rpartition(":")
        takers = [k for k in wanted if not at or at in (k, _venue_of(k))]
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
    return wanted


def _venue_of(kind: str) -> str:
    if kind in FEEDS:
        return make_feed(kind).venue
    return kind.removeprefix(CCXT) if kind.startswith(CCXT) else kind
