"""Kraken's websockets v2 and v1, as they talk."""

import json
from collections.abc import Sequence

from penstock.feeds.symbols import to_kraken, to_kraken_v1
from penstock.model import Trade
from tests.servers.market import decimal, text
from tests.servers.speech import Speech, iso, seconds, write

_SNAPSHOT_TRADES = 50
_TIMES = {
    "time_in": "2023-09-25T09:04:31.742599Z",
    "time_out": "2023-09-25T09:04:31.742648Z",
}


class V2(Speech):
    """`trade`, with its snapshot; an acknowledgement per symbol."""

    heartbeat_when_idle = True

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._symbols = {to_kraken(symbol): symbol for symbol in self.market.symbols}

    def greet(self) -> list[str]:
        data = [{"api_version": "v2", "system": "online", "version": "2.0.10"}]
        return [write({"channel": "status", "type": "update", "data": data})]

    def hear(self, text: str) -> list[str]:
        message = json.loads(text)
        extra = {k: message[k] for k in ("req_id",) if k in message}
        if message.get("method") == "ping":
            return [write({"method": "pong", **extra, **_TIMES})]
        if message.get("method") != "subscribe":
            return [write({"error": "Unsupported event", "success": False, **_TIMES})]
        replies = []
        for pair in message["params"]["symbol"]:
            replies += self._subscribe(pair, message["params"], extra)
        return replies

    def tell(self, trades: Sequence[Trade]) -> str:
        return self._trades("update", trades)

    def heartbeat(self) -> list[str]:
        return [write({"channel": "heartbeat"})] if self.symbols else []

    def _subscribe(self, pair: str, params: dict, extra: dict) -> list[str]:
        reply = {"method": "subscribe", **extra, **_TIMES}
        if pair not in self._symbols:
            error = f"Currency pair not supported {pair}"
            return [write({"error": error, "success": False, "symbol": pair, **reply})]
        if self._symbols[pair] in self.symbols:
            error = "Already subscribed"
            return [write({"error": error, "success": False, "symbol": pair, **reply})]
        wants_snapshot = params.get("snapshot", False)
        result = {"channel": "trade", "snapshot": wants_snapshot, "symbol": pair}
        replies = [write({"result": result, "success": True, **reply})]
        symbol = self._symbols[pair]
        past = self.market.past(symbol, self.begin(symbol), _SNAPSHOT_TRADES)
        if wants_snapshot and past:
            replies.append(self._trades("snapshot", past))
        return replies

    def _trades(self, kind: str, trades: Sequence[Trade]) -> str:
        data = [
            {
                "symbol": to_kraken(trade.symbol),
                "side": trade.side,
                "price": decimal(trade.price),
                "qty": decimal(trade.size),
                "ord_type": "market",
                "trade_id": trade.seq,
                "timestamp": iso(trade.event_us),
            }
            for trade in trades
        ]
        return write({"channel": "trade", "type": kind, "data": data})


class V1(Speech):
    """`trade` without ids; an acknowledgement per pair."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._symbols = {to_kraken_v1(symbol): symbol for symbol in self.market.symbols}

    def greet(self) -> list[str]:
        status = {"event": "systemStatus", "status": "online", "version": "1.8.3"}
        return [write({"connectionID": 12257565262583683815, **status})]

    def hear(self, text: str) -> list[str]:
        message = json.loads(text)
        if message.get("event") == "ping":
            return [write({"event": "pong", "reqid": message.get("reqid")})]
        replies = []
        for pair in message["pair"]:
            reply = {"event": "subscriptionStatus", "pair": pair}
            reply["subscription"] = message["subscription"]
            if pair in self._symbols:
                self.begin(self._symbols[pair])
                named = {"channelID": 321, "channelName": "trade"}
                replies.append(write({**named, **reply, "status": "subscribed"}))
            else:
                reply["errorMessage"] = f"Currency pair not supported {pair}"
                replies.append(write({**reply, "status": "error"}))
        return replies

    def tell(self, trades: Sequence[Trade]) -> str:
        rows = [
            [
                text(trade.price),
                text(trade.size),
                str(seconds(trade.event_us)),
                (trade.side or "buy")[0],
                "m",
                "",
            ]
            for trade in trades
        ]
        return write([321, rows, "trade", to_kraken_v1(trades[0].symbol)])

    def heartbeat(self) -> list[str]:
        return [write({"event": "heartbeat"})] if self.symbols else []
