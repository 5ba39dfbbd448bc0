"""Coinbase Advanced Trade's websocket: market_trades and heartbeats.

A snapshot of the last hundred trades per product comes first, then updates, each
newest first; turned round, they join without a gap.  A snapshot on a later connection
fills what was missed in between, up to a hundred trades.

`side` is taken to be the maker's.  The venue does not say; in a capture of 9 August
2026, 75 of 79 updates fit (SELL at or above the ask, BUY at or below the bid), one
does not, and three lie inside the spread; NautilusTrader reads it so, and bbgo since
its pull request 2509, while cryptofeed takes it for the taker's.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.feeds.base import (
    BadFrameError,
    Frame,
    Newest,
    Notes,
    encode,
    excerpt,
    read,
    read_each,
    refuse,
    restore,
    words,
)
from penstock.feeds.symbols import from_coinbase, native_names, to_coinbase
from penstock.feeds.values import TradeId, iso_us, price_of, size_of
from penstock.model import Side, Trade

__all__ = ["CoinbaseAdvancedFeed"]

_TAKER: dict[Literal["BUY", "SELL"], Side] = {"BUY": "sell", "SELL": "buy"}


# How far back a message may come late; what is lower is another connection's.
_REACH = 100


class _Message(Struct):
    channel: str = ""
    sequence_num: int | None = None
    events: Raw = Raw(b"[]")
    type: str = ""
    message: str = ""
    reason: str = ""


class _Event(Struct):
    type: str
    trades: list[Raw]


class _MarketTrade(Struct):
    trade_id: TradeId
    product_id: str
    price: Decimal
    size: Decimal
    side: Literal["BUY", "SELL"]
    time: str


_MESSAGE = Decoder(_Message)
_EVENTS = Decoder(list[_Event])
_TRADE = Decoder(_MarketTrade, strict=False)  # its ids are numbers in quotes


class CoinbaseAdvancedFeed:
    """Reads the Advanced Trade feed; see `Feed`."""

    venue = "coinbase"
    contiguous = True

    def __init__(self, symbols: Sequence[str] = ()) -> None:
        self.notes = Notes()
        self._names = native_names(symbols, to_coinbase)
        self._newest = Newest(self.notes)
        self._expected: int | None = None
        self._missing: set[int] = set()
        self._frames: list[str] = []
        self.reset()

    def to_send(self) -> list[str]:
        """See `Feed.to_send`."""
        frames, self._frames = self._frames, []
        return frames

    def reset(self) -> None:
        """See `Feed.reset`."""
        self._expected = None
        self._frames = _subscriptions(list(self._names))

    def again(self, symbols: Sequence[str]) -> list[str]:
        """See `Feed.again`."""
        wanted = native_names(symbols, to_coinbase)
        return _subscriptions(restore(self.notes, self._names, wanted))

    def receive(self, frame: Frame, received_us: int) -> list[Trade]:
        """See `Feed.receive`."""
        message = read(_MESSAGE, frame)
        if message.sequence_num is not None:
            self._count(message.sequence_num)
        match message.channel:
            case "market_trades":
                return self._trades(message.events, received_us)
            case "heartbeats" | "subscriptions":
                pass
            case "":
                self._without_channel(message, frame)
            case other:
                self.notes.ignored[other] += 1
        return []

    def _count(self, number: int) -> None:
        # One counter for all channels of a connection, which begins at 0.
        expected = self._expected
        if expected is None or number == 0 or number <= expected - _REACH:
            self._expected = number + 1
            self._missing = set()
        elif number in self._missing:
            self._missing.discard(number)
            self.notes.missed -= 1
        elif number >= expected:
            self.notes.missed += number - expected
            self._missing.update(range(max(expected, number - _REACH), number))
            self._missing = {n for n in self._missing if n > number - _REACH}
            self._expected = number + 1

    def _trades(self, events: Raw, received_us: int) -> list[Trade]:
        groups = read(_EVENTS, events)
        trades, faults = read_each(
            [raw for group in groups for raw in group.trades],
            lambda raw: self._trade(raw, received_us),
        )
        trades.sort(key=lambda trade: trade.seq)
        snapshot = any(group.type == "snapshot" for group in groups)
        new = self._newest.admit(trades, history=snapshot)
        if faults:
            raise BadFrameError(*faults, trades=new)
        return new

    def _trade(self, raw: Raw, received_us: int) -> Trade:
        trade = read(_TRADE, raw)
        return Trade(
            venue=self.venue,
            symbol=from_coinbase(trade.product_id),
            price=price_of(trade.price, self.notes),
            size=size_of(trade.size, self.notes),
            side=_TAKER[trade.side],
            event_us=iso_us(trade.time),
            received_us=received_us,
            trade_id=str(trade.trade_id),
            seq=trade.trade_id,
        )

    def _without_channel(self, message: _Message, frame: Frame) -> None:
        if message.type != "error":
            raise BadFrameError(
                f"expected a message with a channel; found {excerpt(frame)}"
            )
        reason = ": ".join(filter(None, (message.message, message.reason)))
        if refuse(self.notes, self._names, reason, words(reason)):
            self._frames = _subscriptions(list(self._names))


def _subscriptions(products: list[str]) -> list[str]:
    # A subscription takes one channel.  Heartbeats keep the connection open where
    # nothing trades for a minute.
    return [
        encode({"type": "subscribe", "product_ids": products, "channel": channel})
        for channel in ("market_trades", "heartbeats")
        if products
    ]
