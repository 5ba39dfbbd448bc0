"""Binance's market streams, as they talk: spot, and USD-M futures."""

import json
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from penstock.feeds.symbols import to_binance
from penstock.model import Trade
from tests.servers.market import text
from tests.servers.speech import Speech, write


class Streams(Speech):
    """`trade` and `aggTrade`, raw or combined, named in the URL or subscribed to.

    A stream of no market is accepted and says nothing, as at the venue.
    """

    frames_per_s = 5

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.batch = 1
        self._symbols = {to_binance(s).lower(): s for s in self.market.symbols}
        url = urlsplit(self.path)
        self._is_combined = url.path.startswith("/stream")
        named = parse_qs(url.query).get("streams", [""])[0]
        if url.path.startswith("/ws/"):
            named = url.path.removeprefix("/ws/")
        self._kinds: dict[str, str] = {}
        self._add(filter(None, named.split("/")))

    def hear(self, text: str) -> list[str]:
        message = json.loads(text)
        if message.get("method") != "SUBSCRIBE":
            error = {"code": 2, "msg": "Invalid request: unknown method"}
            return [write({"error": error, "id": message.get("id")})]
        self._add(message["params"])
        return [write({"result": None, "id": message["id"]})]

    def tell(self, trades: Sequence[Trade]) -> str:
        (trade,) = trades
        kind = self._kinds[trade.symbol]
        message = _aggregate(trade) if kind == "aggTrade" else _trade(trade)
        if trade.venue == "binance-usdm" and kind == "trade":
            message["X"] = "MARKET"
        name = f"{to_binance(trade.symbol).lower()}@{kind}"
        return self._wrapped(name, message)

    def farewell(self) -> list[str]:
        message = {"e": "serverShutdown", "E": 1_770_123_456_789}
        return [self._wrapped("!serverShutdown", message)]

    def _add(self, streams) -> None:
        for stream in streams:
            name, _, kind = stream.partition("@")
            symbol = self._symbols.get(name)
            if symbol and kind in ("trade", "aggTrade"):
                self._kinds[symbol] = kind
                self.begin(symbol)

    def _wrapped(self, stream: str, data: dict) -> str:
        return write({"stream": stream, "data": data} if self._is_combined else data)


def _trade(trade: Trade) -> dict:
    return {"e": "trade", "t": trade.seq, **_common(trade)}


def _aggregate(trade: Trade) -> dict:
    ids = {"a": trade.seq, "f": 10 * trade.seq, "l": 10 * trade.seq + 9}
    return {"e": "aggTrade", **ids, **_common(trade)}


def _common(trade: Trade) -> dict:
    event_ms = trade.event_us // 1000
    return {
        "E": event_ms + 1,
        "s": to_binance(trade.symbol),
        "p": text(trade.price),
        "q": text(trade.size),
        "T": event_ms,
        "m": trade.side == "sell",
        "M": True,
    }
