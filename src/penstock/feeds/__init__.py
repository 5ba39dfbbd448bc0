"""Venues' protocols without I/O: frames in, trades and frames to send out."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial

from penstock.errors import SourceError
from penstock.feeds.base import BadFrameError, Feed, Frame, Notes
from penstock.feeds.binance import BinanceFeed
from penstock.feeds.bitstamp import BitstampFeed
from penstock.feeds.coinbase import CoinbaseFeed
from penstock.feeds.coinbase_advanced import CoinbaseAdvancedFeed
from penstock.feeds.kraken import KrakenFeed

__all__ = ["FEEDS", "BadFrameError", "Feed", "Frame", "Notes", "make_feed"]

FEEDS: Mapping[str, Callable[[Sequence[str]], Feed]] = {
    "binance": BinanceFeed,
    "binance-usdm": partial(BinanceFeed, market="usdm"),
    "bitstamp": BitstampFeed,
    "coinbase": CoinbaseFeed,
    "coinbase-advanced": CoinbaseAdvancedFeed,
    "kraken": KrakenFeed,
    "kraken-v1": partial(KrakenFeed, version=1),
}


def make_feed(name: str, symbols: Sequence[str] = ()) -> Feed:
    """Make the feed called `name` for `symbols`, which are BASE-QUOTE.

    Raises:
        SourceError: There is no such feed, or a symbol is not BASE-QUOTE.
    """
    if name not in FEEDS:
        close = get_close_matches(name, FEEDS, n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise SourceError(
            f"unknown feed {name!r}. {hint}Known feeds: {', '.join(FEEDS)}."
        )
    return FEEDS[name](symbols)
