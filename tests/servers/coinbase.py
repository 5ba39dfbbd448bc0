"""Coinbase Exchange and Coinbase Advanced Trade, as their websockets talk."""

import json
from collections.abc import Sequence

from penstock.model import Trade
from tests.servers.market import text
from tests.servers.speech import Speech, iso, write

_OTHER_SIDE = {"buy": "sell", "sell": "buy", None: "buy"}
_SNAPSHOT_TRADES = 100


class Exchange(Speech):
    """`matches`, `ticker` and `heartbeat`; one bad product fails the subscription."""

    deadline_s = 5.0

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.batch = 1
        self._channels: dict[str, set[str]] = {}

    def hear(self, text: str) -> list[str]:
        message = json.loads(text)
        if message.get("type") != "subscribe":
            return [_error("Unknown message type", "")]
        asked = _asked(message)
        unknown = {p for products in asked.values() for p in products}
        unknown -= self.market.symbols
        if unknown:
            reason = f"{min(unknown)} is not a valid product"
            return [_error("Failed to subscribe", reason)]
        replies = []
        for channel, products in asked.items():
            self._channels.setdefault(channel, set()).update(products)
            for product in products:
                self.begin(product)
                last = self.newest(product)
                if channel == "matches" and last:
                    replies.append(self._match(last, "last_match"))
                if channel == "ticker" and last:
                    replies.insert(0, self._ticker(last))  # which comes before it
        channels = [
            {"name": name, "product_ids": sorted(products)}
            for name, products in self._channels.items()
        ]
        # It need not come first.
        return [*replies, write({"type": "subscriptions", "channels": channels})]

    def tell(self, trades: Sequence[Trade]) -> str:
        (trade,) = trades
        if trade.symbol in self._channels.get("matches", ()):
            return self._match(trade, "match")
        return self._ticker(trade)

    def beside(self, trades: Sequence[Trade]) -> list[str]:
        (trade,) = trades
        both = self._channels.get("matches", set()) & self._channels.get(
            "ticker", set()
        )
        return [self._ticker(trade)] if trade.symbol in both else []

    def heartbeat(self) -> list[str]:
        heartbeats = []
        for product in sorted(self._channels.get("heartbeat", ())):
            last = self.newest(product)
            heartbeats.append(
                write(
                    {
                        "type": "heartbeat",
                        "last_trade_id": last.seq if last else 0,
                        "product_id": product,
                        "sequence": 7 * last.seq if last else 0,
                        "time": iso(last.event_us if last else 0),
                    }
                )
            )
        return heartbeats

    def _match(self, trade: Trade, kind: str) -> str:
        return write(
            {
                "type": kind,
                "trade_id": trade.seq,
                "maker_order_id": "8d275e33-4b41-4648-b135-b407f85c6897",
                "taker_order_id": "460227d8-3765-4185-8b7f-d9ee118403a2",
                "side": _OTHER_SIDE[trade.side],
                "size": text(trade.size),
                "price": text(trade.price),
                "product_id": trade.symbol,
                "sequence": 7 * trade.seq,  # of which this channel is a part
                "time": iso(trade.event_us),
            }
        )

    def _ticker(self, trade: Trade) -> str:
        return write(
            {
                "type": "ticker",
                "sequence": 7 * trade.seq,
                "product_id": trade.symbol,
                "price": text(trade.price),
                "side": trade.side,
                "time": iso(trade.event_us),
                "trade_id": trade.seq,
                "last_size": text(trade.size),
            }
        )


class Advanced(Speech):
    """`market_trades` and `heartbeats`, one channel a subscription."""

    deadline_s = 5.0

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self._channels: dict[str, list[str]] = {}
        self._sequence_num = 0
        self._heartbeats = 41_691

    def hear(self, text: str) -> list[str]:
        message = json.loads(text)
        if message.get("type") != "subscribe" or "channel" not in message:
            return [_error("invalid request", "")]
        channel, products = message["channel"], message.get("product_ids", [])
        unknown = sorted(set(products) - self.market.symbols)
        if unknown:
            reason = f"{unknown[0]} is not a valid product"
            return [_error("failure to subscribe", reason)]
        subscribed = self._channels.setdefault(channel, [])
        subscribed += [p for p in products if p not in subscribed]
        replies = []
        if channel == "market_trades":
            replies += [self._snapshot(product) for product in products]
        events = [{"subscriptions": self._channels}]
        return [*replies, self._envelope("subscriptions", events)]

    def tell(self, trades: Sequence[Trade]) -> str:
        return self._trades("update", trades)

    def heartbeat(self) -> list[str]:
        if "heartbeats" not in self._channels:
            return []
        self._heartbeats += 1
        event = {
            "current_time": "2026-08-09 21:05:48.854840045 +0000 UTC m=+41691.26",
            "heartbeat_counter": self._heartbeats,
        }
        return [self._envelope("heartbeats", [event])]

    def _snapshot(self, product: str) -> str:
        past = self.market.past(product, self.begin(product), _SNAPSHOT_TRADES)
        return self._trades("snapshot", past)

    def _trades(self, kind: str, trades: Sequence[Trade]) -> str:
        newest_first = [
            {
                "product_id": trade.symbol,
                "trade_id": str(trade.seq),
                "price": text(trade.price),
                "size": text(trade.size),
                "time": iso(trade.event_us),
                "side": _OTHER_SIDE[trade.side].upper(),
            }
            for trade in reversed(trades)
        ]
        events = [{"type": kind, "trades": newest_first}]
        return self._envelope("market_trades", events)

    def _envelope(self, channel: str, events: list) -> str:
        number, self._sequence_num = self._sequence_num, self._sequence_num + 1
        return write(
            {
                "channel": channel,
                "timestamp": "2026-08-09T21:05:48.228846629Z",
                "sequence_num": number,
                "events": events,
            }
        )


def _asked(message: dict) -> dict[str, list[str]]:
    products = message.get("product_ids", [])
    asked: dict[str, list[str]] = {}
    for channel in message["channels"]:
        if isinstance(channel, str):
            asked[channel] = products
        else:
            asked[channel["name"]] = channel.get("product_ids", products)
    return asked


def _error(message: str, reason: str) -> str:
    return write({"type": "error", "message": message, "reason": reason})
