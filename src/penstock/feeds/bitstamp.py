"""Bitstamp's websocket: `live_trades`.

A subscription names one channel: a client's frame may have 512 bytes.  Ids rise within
a market but are spent on all markets together, so that a jump says nothing; neither a
snapshot nor a last trade comes on subscribing, nothing numbers the messages, and so
what was missed cannot be told.

An error never names the channel that it is about.  Once as many subscriptions are
unanswered as errors have come, those are the refused ones.  A market that does not
exist, well spelt, is no error to the venue: it is acknowledged, and then silent.

From www.bitstamp.net/websocket/v2; how it answers what is wrong, from a probe of the
public stream that was published in September 2026.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.feeds.base import Frame, Newest, Notes, encode, read, refuse, restore
from penstock.feeds.symbols import from_bitstamp, native_names, to_bitstamp
from penstock.feeds.values import TradeId, epoch_us, price_of, size_of
from penstock.model import Side, Trade

__all__ = ["BitstampFeed"]

_CHANNEL = "live_trades_"
_TAKER: dict[Literal[0, 1], Side] = {0: "buy", 1: "sell"}


class _Message(Struct):
    event: str
    channel: str = ""
    data: Raw = Raw(b"{}")


class _Trade(Struct):
    # Amount and price come as numbers too, which a float made before they were sent.
    id: TradeId
    amount_str: Decimal
    price_str: Decimal
    type: Literal[0, 1]
    microtimestamp: int


class _Error(Struct):
    message: str = ""


_MESSAGE = Decoder(_Message)
_TRADE = Decoder(_Trade, strict=False)  # its time is a number in quotes
_ERROR = Decoder(_Error)


class BitstampFeed:
    """Reads Bitstamp's live trades; see `Feed`.

    Args:
        symbols: See `Feed`; a symbol given here is told by name, so that a quote asset
            need not be a known one.
    """

    venue = "bitstamp"
    contiguous = False

    def __init__(self, symbols: Sequence[str] = ()) -> None:
        self.notes = Notes()
        self._names = native_names(symbols, to_bitstamp)
        self._symbols = dict(self._names)
        self._newest = Newest(self.notes)
        self._unanswered: set[str] = set()
        self._errors: list[str] = []
        self._frames: list[str] = []
        self.reset()

    def to_send(self) -> list[str]:
        """See `Feed.to_send`."""
        frames, self._frames = self._frames, []
        return frames

    def reset(self) -> None:
        """See `Feed.reset`."""
        self.notes.closing = False
        self._unanswered, self._errors = set(self._names), []
        self._frames = _subscriptions(list(self._names))

    def again(self, symbols: Sequence[str]) -> list[str]:
        """See `Feed.again`."""
        wanted = native_names(symbols, to_bitstamp)
        self._unanswered |= wanted.keys()
        return _subscriptions(restore(self.notes, self._names, wanted))

    def receive(self, frame: Frame, received_us: int) -> list[Trade]:
        """See `Feed.receive`."""
        message = read(_MESSAGE, frame)
        match message.event:
            case "trade" if message.channel.startswith(_CHANNEL):
                return self._trade(message, received_us)
            case "bts:subscription_succeeded":
                self._unanswered.discard(message.channel.removeprefix(_CHANNEL))
                self._judge()
            case "bts:error":
                self._errors.append(read(_ERROR, message.data).message)
                self._judge()
            case "bts:request_reconnect":
                self.notes.closing = True
            case "bts:heartbeat":
                pass
            case event:
                self.notes.ignored[event] += 1
        return []

    def _trade(self, message: _Message, received_us: int) -> list[Trade]:
        name = message.channel.removeprefix(_CHANNEL)
        trade = read(_TRADE, message.data)
        made = Trade(
            venue=self.venue,
            symbol=self._symbols.get(name) or from_bitstamp(name),
            price=price_of(trade.price_str, self.notes),
            size=size_of(trade.amount_str, self.notes),
            side=_TAKER[trade.type],
            event_us=epoch_us(trade.microtimestamp),
            received_us=received_us,
            trade_id=str(trade.id),
            seq=trade.id,
        )
        return self._newest.admit((made,))

    def _judge(self) -> None:
        if len(self._errors) < len(self._unanswered) or not self._errors:
            return
        unanswered, self._unanswered = self._unanswered, set()
        errors, self._errors = self._errors, []
        refuse(self.notes, self._names, errors[-1], sorted(unanswered))


def _subscriptions(names: list[str]) -> list[str]:
    return [
        encode({"event": "bts:subscribe", "data": {"channel": _CHANNEL + name}})
        for name in names
    ]
