"""Binance's market streams: `trade` and `aggTrade`, spot or USD-M futures.

Messages may come raw or wrapped with their stream's name.  Both kinds of trade tell of
the same fills under different numbers, so a symbol is served by the kind that it is
first seen with; the other's messages are ignored.  What a USD-M exchange does with its
own insurance fund is no trade of the market and is ignored as well.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.feeds.base import Frame, Notes, encode, read, refuse, restore
from penstock.feeds.symbols import from_binance, native_names, to_binance
from penstock.feeds.values import TradeId, epoch_us, price_of, size_of
from penstock.model import Trade

__all__ = ["BinanceFeed"]

_NAMES = {"symbol": "s", "price": "p", "size": "q", "time": "T", "buyer_is_maker": "m"}


class _Envelope(Struct):
    stream: str = ""
    data: Raw = Raw(b"{}")


class _Error(Struct):
    msg: str


class _Head(Struct, rename={"kind": "e"}):
    # A refused request is answered by `msg`, alone or within `error`.
    kind: str = ""
    msg: str = ""
    error: _Error | None = None
    id: int | str | None = None


class _Trade(Struct, rename=_NAMES | {"id": "t", "origin": "X"}):
    symbol: str
    id: TradeId
    price: Decimal
    size: Decimal
    time: int
    buyer_is_maker: bool
    origin: str = "MARKET"


class _Aggregate(Struct, rename=_NAMES | {"id": "a"}):
    symbol: str
    id: TradeId
    price: Decimal
    size: Decimal
    time: int
    buyer_is_maker: bool


_ENVELOPE = Decoder(_Envelope)
_HEAD = Decoder(_Head)
_TRADE = Decoder(_Trade)
_AGGREGATE = Decoder(_Aggregate)


class BinanceFeed:
    """Reads Binance's market streams; see `Feed`.

    Args:
        symbols: See `Feed`; a symbol given here is told by name, so that a quote asset
            need not be a known one.
        market: Spot, or USD-M futures, whose venue is `binance-usdm` and whose ids
            are also spent on what is ignored, so that a jump need not be a loss.
        stream: What to subscribe to.  Of `aggTrade` the venue is `binance-agg`, for
            its numbers are its own.
    """

    def __init__(
        self,
        symbols: Sequence[str] = (),
        *,
        market: Literal["spot", "usdm"] = "spot",
        stream: Literal["trade", "aggTrade"] = "trade",
    ) -> None:
        self.notes = Notes()
        self.venue = "binance" if market == "spot" else f"binance-{market}"
        if stream == "aggTrade":
            self.venue += "-agg"
        self._stream = stream
        self.contiguous = market == "spot"
        self._names = native_names(symbols, to_binance)
        self._symbols = dict(self._names)
        self._kinds: dict[str, str] = {}
        self._asked: dict[int, list[str]] = {}
        self._accepted: set[str] = set()
        self._requests = 0
        self._frames: list[str] = []
        self.reset()

    def to_send(self) -> list[str]:
        """See `Feed.to_send`."""
        frames, self._frames = self._frames, []
        return frames

    def reset(self) -> None:
        """See `Feed.reset`."""
        self.notes.closing = False
        self._asked, self._accepted, self._requests = {}, set(), 0
        self._frames = self._subscriptions(list(self._names))

    def again(self, symbols: Sequence[str]) -> list[str]:
        """See `Feed.again`."""
        wanted = native_names(symbols, to_binance)
        self._symbols |= wanted
        return self._subscriptions(restore(self.notes, self._names, wanted))

    def receive(self, frame: Frame, received_us: int) -> list[Trade]:
        """See `Feed.receive`."""
        envelope = read(_ENVELOPE, frame)
        payload = envelope.data if envelope.stream else frame
        head = read(_HEAD, payload)
        match head.kind:
            case "trade":
                trade = read(_TRADE, payload)
                if trade.origin == "MARKET":
                    return self._given(trade, head.kind, received_us)
                self.notes.ignored[trade.origin] += 1
                if symbol := self._symbols.get(trade.symbol):
                    self.notes.spent.append((symbol, trade.id))
            case "aggTrade":
                return self._given(read(_AGGREGATE, payload), head.kind, received_us)
            case "serverShutdown":
                self.notes.closing = True
            case kind:
                self._other(head, kind or envelope.stream.partition("@")[2])
        return []

    def _given(
        self, trade: _Trade | _Aggregate, kind: str, received_us: int
    ) -> list[Trade]:
        symbol = self._symbols.get(trade.symbol) or from_binance(trade.symbol)
        if self._kinds.setdefault(symbol, kind) != kind:
            self.notes.ignored[kind] += 1
            return []
        return [
            Trade(
                venue=self.venue,
                symbol=symbol,
                price=price_of(trade.price, self.notes),
                size=size_of(trade.size, self.notes),
                side="sell" if trade.buyer_is_maker else "buy",
                event_us=epoch_us(trade.time),
                received_us=received_us,
                trade_id=str(trade.id),
                seq=trade.id,
            )
        ]

    def _subscriptions(self, names: list[str]) -> list[str]:
        if not names:
            return []
        # One message for all: the venue takes five a second.
        self._requests += 1
        self._asked[self._requests] = names
        streams = [f"{name.lower()}@{self._stream}" for name in names]
        request = {"method": "SUBSCRIBE", "params": streams, "id": self._requests}
        return [encode(request)]

    def _other(self, head: _Head, kind: str) -> None:
        asked = self._asked.pop(head.id, []) if isinstance(head.id, int) else []
        reason = head.error.msg if head.error else head.msg
        if reason:
            self._refused(reason, [n for n in asked if n not in self._accepted])
        elif kind:
            self.notes.ignored[kind] += 1
        else:
            self._accepted.update(asked)

    def _refused(self, reason: str, names: list[str]) -> None:
        # A refusal does not say which of the streams it is about: each half is asked
        # for by itself, until it is one.
        if len(names) > 1:
            half = len(names) // 2
            self._frames += self._subscriptions(names[:half])
            self._frames += self._subscriptions(names[half:])
        else:
            refuse(self.notes, self._names, reason, names)
