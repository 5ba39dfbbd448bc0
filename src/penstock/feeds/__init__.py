"""Venues' protocols without I/O: frames in, trades and frames to send out."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple, cast

from penstock.errors import SourceError
from penstock.feeds.base import BadFrameError, Feed, Frame, Notes

__all__ = ["FEEDS", "BadFrameError", "Feed", "Frame", "Notes", "make_feed"]


class _Place(NamedTuple):
    # Where a feed is: modules are imported on first use, because a function that only
    # reads the stream would otherwise wait for every venue's at its start.
    module: str
    class_name: str
    arguments: Mapping[str, Any] = {}


FEEDS: Mapping[str, _Place] = {
    "binance": _Place("binance", "BinanceFeed"),
    "binance-agg": _Place("binance", "BinanceFeed", {"stream": "aggTrade"}),
    "binance-usdm": _Place("binance", "BinanceFeed", {"market": "usdm"}),
    "bitstamp": _Place("bitstamp", "BitstampFeed"),
    "coinbase": _Place("coinbase", "CoinbaseFeed"),
    "coinbase-advanced": _Place("coinbase_advanced", "CoinbaseAdvancedFeed"),
    "kraken": _Place("kraken", "KrakenFeed"),
    "kraken-v1": _Place("kraken", "KrakenFeed", {"version": 1}),
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
    place = FEEDS[name]
    module = import_module(f"{__name__}.{place.module}")
    return cast("Feed", getattr(module, place.class_name)(symbols, **place.arguments))
