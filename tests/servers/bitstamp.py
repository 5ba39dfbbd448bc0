"""Bitstamp's websocket, as it talks."""

import json
import re
from collections.abc import Sequence

from penstock.model import Trade
from tests.servers.market import decimal, text
from tests.servers.speech import Speech, write

_CHANNEL = "live_trades_"
_WELL_SPELT = re.compile(r"live_trades_[a-z0-9-]+")


class LiveTrades(Speech):
    """`live_trades_...`, a channel per market.

    One of no market is acknowledged and says nothing, as at the venue.
    """

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.batch = 1
        self._symbols = {_native(symbol): symbol for symbol in self.market.symbols}

    def hear(self, text: str) -> list[str]:
        message = json.loads(text)
        if message.get("event") == "bts:heartbeat":
            data = {"status": "success"}
            return [write({"event": "bts:heartbeat", "channel": "", "data": data})]
        channel = message.get("data", {}).get("channel", "")
        if message.get("event") != "bts:subscribe" or not channel:
            return [_error("Bad subscription string.")]
        if not _WELL_SPELT.fullmatch(channel):
            return [_error("Invalid channel provided.")]
        name = channel.removeprefix(_CHANNEL)
        if name in self._symbols:
            self.begin(self._symbols[name])
        reply = {"event": "bts:subscription_succeeded", "channel": channel, "data": {}}
        return [write(reply)]

    def tell(self, trades: Sequence[Trade]) -> str:
        (trade,) = trades
        return write(
            {
                "data": {
                    "id": trade.seq,
                    "timestamp": str(trade.event_us // 1_000_000),
                    "amount": decimal(trade.size),
                    "amount_str": text(trade.size),
                    "price": decimal(trade.price),
                    "price_str": text(trade.price),
                    "type": 0 if trade.side == "buy" else 1,
                    "microtimestamp": str(trade.event_us),
                    "buy_order_id": 1_451_234_567_890_432,
                    "sell_order_id": 1_451_234_567_890_433,
                },
                "channel": _CHANNEL + _native(trade.symbol),
                "event": "trade",
            }
        )

    def farewell(self) -> list[str]:
        return [write({"event": "bts:request_reconnect", "channel": "", "data": None})]


def _native(symbol: str) -> str:
    return symbol.replace("-", "").lower()


def _error(message: str) -> str:
    data = {"code": None, "message": message}
    return write({"event": "bts:error", "channel": "", "data": data})
