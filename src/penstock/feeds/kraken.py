"""Kraken's websockets: v2, and v1, which is frozen and still served.

Either version's messages are read whichever is subscribed to: v2's trades are objects,
v1's are arrays, and no message of one looks like a message of the other.

v2 numbers the trades of each market; a snapshot of past trades comes on subscribing.
v1 has no ids: its trades come with seq 0, and two alike are two trades.  A feed that is
made for v1 has a venue of its own, `kraken-v1`: numbered by time, its trades would make
v2's look like old ones.
"""

from collections.abc import Iterable, Sequence
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
from penstock.feeds.symbols import from_kraken, native_names, to_kraken, to_kraken_v1
from penstock.feeds.values import TradeId, iso_us, price_of, size_of, unix_us
from penstock.model import Side, Trade

__all__ = ["KrakenFeed"]

_V1_SIDES: dict[Literal["b", "s"], Side] = {"b": "buy", "s": "sell"}


class _Head(Struct):
    channel: str = ""
    method: str = ""
    event: str = ""
    type: str = ""
    data: Raw = Raw(b"[]")


class _Trade(Struct):
    trade_id: TradeId
    symbol: str
    price: Decimal
    qty: Decimal
    side: Side
    timestamp: str


class _V1Trade(Struct, array_like=True):
    price: Decimal
    volume: Decimal
    time: str
    side: Literal["b", "s"]


class _Result(Struct):
    symbol: str | None = None


class _Reply(Struct, rename={"error_message": "errorMessage", "complaint": "Error"}):
    # v2 says `error` and names a symbol, here or in `result`; v1 says `errorMessage`
    # and `pair`; `Error` comes alone, when too much was sent.
    error: str | None = None
    error_message: str | None = None
    complaint: str | None = None
    symbol: str | None = None
    result: _Result | None = None
    pair: str | None = None


_HEAD = Decoder(_Head)
_REPLY = Decoder(_Reply)
_TRADE = Decoder(_Trade)
_V1_TRADE = Decoder(_V1Trade)
_ITEMS = Decoder(list[Raw])
_TEXT = Decoder(str)


class KrakenFeed:
    """Reads either Kraken websocket; see `Feed`.

    Args:
        symbols: See `Feed`.
        version: Which websocket to subscribe to; 1 is the venue `kraken-v1`.
    """

    def __init__(
        self, symbols: Sequence[str] = (), *, version: Literal[1, 2] = 2
    ) -> None:
        self.notes = Notes()
        self.venue = "kraken" if version > 1 else "kraken-v1"
        self.contiguous = version > 1
        self._version = version
        self._to_native = to_kraken if version > 1 else to_kraken_v1
        self._names = native_names(symbols, self._to_native)
        self._newest = Newest(self.notes)
        self._frames: list[str] = []
        self.reset()

    def to_send(self) -> list[str]:
        """See `Feed.to_send`."""
        frames, self._frames = self._frames, []
        return frames

    def reset(self) -> None:
        """See `Feed.reset`."""
        self._frames = self._subscriptions(list(self._names))

    def again(self, symbols: Sequence[str]) -> list[str]:
        """See `Feed.again`."""
        wanted = native_names(symbols, self._to_native)
        return self._subscriptions(restore(self.notes, self._names, wanted))

    def receive(self, frame: Frame, received_us: int) -> list[Trade]:
        """See `Feed.receive`."""
        if frame[:1] in ("[", b"["):
            return self._v1_data(frame, received_us)
        head = read(_HEAD, frame)
        match head.channel:
            case "trade":
                return self._trades(head, received_us)
            case "heartbeat" | "status":
                pass
            case "":
                self._reply(head, frame)
            case other:
                self.notes.ignored[other] += 1
        return []

    def _subscriptions(self, pairs: list[str]) -> list[str]:
        if not pairs:
            return []
        subscribe: dict[str, object]
        if self._version == 1:
            subscribe = {
                "event": "subscribe",
                "pair": pairs,
                "subscription": {"name": "trade"},
            }
        else:
            # The snapshot fills what a lost connection missed, where that was little.
            subscribe = {
                "method": "subscribe",
                "params": {"channel": "trade", "symbol": pairs, "snapshot": True},
            }
        return [encode(subscribe)]

    def _trades(self, head: _Head, received_us: int) -> list[Trade]:
        trades, faults = read_each(
            read(_ITEMS, head.data), lambda raw: self._trade(raw, received_us)
        )
        trades.sort(key=lambda trade: trade.seq)
        new = self._newest.admit(trades, history=head.type == "snapshot")
        if faults:
            raise BadFrameError(*faults, trades=new)
        return new

    def _trade(self, raw: Raw, received_us: int) -> Trade:
        trade = read(_TRADE, raw)
        return Trade(
            venue=self.venue,
            symbol=from_kraken(trade.symbol),
            price=price_of(trade.price, self.notes),
            size=size_of(trade.qty, self.notes),
            side=trade.side,
            event_us=iso_us(trade.timestamp),
            received_us=received_us,
            trade_id=str(trade.trade_id),
            seq=trade.trade_id,
        )

    def _v1_data(self, frame: Frame, received_us: int) -> list[Trade]:
        match read(_ITEMS, frame):
            case [_, data, *_, channel, pair]:
                pass
            case _:
                raise BadFrameError(
                    f"expected [id, data, channel, pair]; found {excerpt(frame)}"
                )
        name = read(_TEXT, channel)
        if name != "trade":
            self.notes.ignored[name] += 1
            return []
        symbol = from_kraken(read(_TEXT, pair))
        trades, faults = read_each(
            read(_ITEMS, data), lambda raw: self._v1_trade(raw, symbol, received_us)
        )
        if faults:
            raise BadFrameError(*faults, trades=trades)
        return trades

    def _v1_trade(self, raw: Raw, symbol: str, received_us: int) -> Trade:
        trade = read(_V1_TRADE, raw)
        return Trade(
            venue=self.venue,
            symbol=symbol,
            price=price_of(trade.price, self.notes),
            size=size_of(trade.volume, self.notes),
            side=_V1_SIDES[trade.side],
            event_us=unix_us(trade.time),
            received_us=received_us,
        )

    def _reply(self, head: _Head, frame: Frame) -> None:
        reply = read(_REPLY, frame)
        reason = reply.error or reply.error_message or reply.complaint
        if reason:
            refuse(self.notes, self._names, reason, _named(reply, reason))
        elif not (head.method or head.event):
            raise BadFrameError(
                f"expected a channel, method or event; found {excerpt(frame)}"
            )


def _named(reply: _Reply, reason: str) -> Iterable[str]:
    # A reply may leave the symbol to the words of its reason.
    result = reply.result.symbol if reply.result else None
    named = reply.symbol or result or reply.pair
    return [named] if named else words(reason)
