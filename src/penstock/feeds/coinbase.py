"""Coinbase Exchange's websocket feed: matches, tickers, heartbeats.

Subscribes to `matches`, and to `heartbeat` and `ticker`, whose ids show at once where a
match was dropped.  One trade comes out once, although `match`
and `ticker` both carry it, in either order:

* A product on the `matches` channel is served by it alone.  Its tickers only tell how
  far the ids have come: they skip trades (one ticker for a cascade of matches), so
  letting one of them overtake would make the matches behind it latecomers.
* A product of which no match was seen is served by its tickers, which is all that a
  ticker-only capture has; their ids then jump over what a cascade hides.
* `last_match`, sent on every subscription, comes out if it is new.

`sequence` counts the full feed, of which this is a part, and is never looked at.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.json import Decoder

from penstock.feeds.base import (
    Frame,
    Newest,
    Notes,
    encode,
    read,
    refuse,
    restore,
    words,
)
from penstock.feeds.symbols import from_coinbase, native_names, to_coinbase
from penstock.feeds.values import TradeId, iso_us, price_of, size_of
from penstock.model import Side, Trade

__all__ = ["CoinbaseFeed"]

# `match` says which side was resting: the taker's is the other one.
_TAKER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


class _Head(Struct):
    type: str


class _Match(Struct):
    trade_id: TradeId
    product_id: str
    price: Decimal
    size: Decimal
    side: Side
    time: str


class _Ticker(Struct):
    # The first ticker of a product that has not traded lately lacks all but the price.
    product_id: str
    price: Decimal
    trade_id: TradeId | None = None
    last_size: Decimal | None = None
    side: Side | None = None
    time: str | None = None


class _Heartbeat(Struct):
    product_id: str
    last_trade_id: int


class _Channel(Struct):
    name: str
    product_ids: list[str] = []


class _Subscriptions(Struct):
    channels: list[_Channel]


class _Error(Struct):
    message: str = ""
    reason: str = ""


_HEAD = Decoder(_Head)
_MATCH = Decoder(_Match)
_TICKER = Decoder(_Ticker)
_HEARTBEAT = Decoder(_Heartbeat)
_SUBSCRIPTIONS = Decoder(_Subscriptions)
_ERROR = Decoder(_Error)


class CoinbaseFeed:
    """Reads the Exchange feed; see `Feed`."""

    venue = "coinbase"
    contiguous = True

    def __init__(self, symbols: Sequence[str] = ()) -> None:
        self.notes = Notes()
        self._names = native_names(symbols, to_coinbase)
        self._newest = Newest(self.notes)
        self._matched: set[str] = set()
        self._known: dict[str, int] = {}
        self._frames: list[str] = []
        self.reset()

    def to_send(self) -> list[str]:
        """See `Feed.to_send`."""
        frames, self._frames = self._frames, []
        return frames

    def reset(self) -> None:
        """See `Feed.reset`."""
        # The first ticker may come before anything else.
        self._matched = set(self._names)
        self._frames = _subscriptions(list(self._names))

    def again(self, symbols: Sequence[str]) -> list[str]:
        """See `Feed.again`."""
        wanted = native_names(symbols, to_coinbase)
        self._matched |= wanted.keys()
        return _subscriptions(restore(self.notes, self._names, wanted))

    def behind(self) -> dict[str, int]:
        """Tell by symbol how many ids the newest trade is behind the newest known.

        What heartbeats and tickers speak of and no match has brought: on its way, or
        dropped by the venue.  Symbols without a trade so far are left out.
        """
        newest = {symbol: self._newest.of(symbol) for symbol in self._known}
        return {
            symbol: known - newest[symbol]
            for symbol, known in self._known.items()
            if 0 < newest[symbol] < known
        }

    def receive(self, frame: Frame, received_us: int) -> list[Trade]:
        """See `Feed.receive`."""
        kind = read(_HEAD, frame).type
        match kind:
            case "match" | "last_match":
                return self._match(frame, received_us, history=kind == "last_match")
            case "ticker":
                return self._ticker(frame, received_us)
            case "heartbeat":
                self._heartbeat(frame)
            case "subscriptions":
                self._subscriptions(frame)
            case "error":
                self._error(frame)
            case _:
                self.notes.ignored[kind] += 1
        return []

    def _match(self, frame: Frame, received_us: int, *, history: bool) -> list[Trade]:
        match = read(_MATCH, frame)
        self._matched.add(match.product_id)
        trade = Trade(
            venue=self.venue,
            symbol=from_coinbase(match.product_id),
            price=price_of(match.price, self.notes),
            size=size_of(match.size, self.notes),
            side=_TAKER[match.side],
            event_us=iso_us(match.time),
            received_us=received_us,
            trade_id=str(match.trade_id),
            seq=match.trade_id,
        )
        return self._newest.admit((trade,), history=history)

    def _ticker(self, frame: Frame, received_us: int) -> list[Trade]:
        ticker = read(_TICKER, frame)
        if ticker.trade_id is None or ticker.last_size is None or ticker.time is None:
            return []
        if ticker.product_id in self._matched:
            self._heard_of(ticker.product_id, ticker.trade_id)
            # One that was asked for is no surprise.
            self.notes.repeated += ticker.product_id not in self._names
            return []
        trade = Trade(
            venue=self.venue,
            symbol=from_coinbase(ticker.product_id),
            price=price_of(ticker.price, self.notes),
            size=size_of(ticker.last_size, self.notes),
            side=ticker.side,  # the taker's already
            event_us=iso_us(ticker.time),
            received_us=received_us,
            trade_id=str(ticker.trade_id),
            seq=ticker.trade_id,
        )
        return self._newest.admit((trade,))

    def _heartbeat(self, frame: Frame) -> None:
        heartbeat = read(_HEARTBEAT, frame)
        # For half a year it said 0: only what is above all before says something.
        self._heard_of(heartbeat.product_id, heartbeat.last_trade_id)

    def _heard_of(self, product: str, trade_id: int) -> None:
        self._known[product] = max(trade_id, self._known.get(product, 0))

    def _subscriptions(self, frame: Frame) -> None:
        # Lists all that is subscribed by now, and may come after the first data.
        self._matched = {
            product
            for channel in read(_SUBSCRIPTIONS, frame).channels
            if channel.name == "matches"
            for product in channel.product_ids
        }

    def _error(self, frame: Frame) -> None:
        error = read(_ERROR, frame)
        reason = ": ".join(filter(None, (error.message, error.reason)))
        # One bad product and the venue drops the whole subscription: ask again for
        # the others.
        if refuse(self.notes, self._names, reason, words(reason)):
            self.reset()


def _subscriptions(products: list[str]) -> list[str]:
    if not products:
        return []
    subscribe = {
        "type": "subscribe",
        "product_ids": products,
        "channels": ["matches", "heartbeat", "ticker"],
    }
    return [encode(subscribe)]
