"""The REST side of a server's market: plain HTTP/1.1, with keep-alive.

Answers what the venues' public endpoints for past trades and prices answer, from what
has happened by now.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

from penstock.feeds.symbols import to_binance, to_bitstamp, to_kraken, to_kraken_v1
from penstock.model import Trade
from tests.servers import faults
from tests.servers.market import Market, decimal, text
from tests.servers.speech import iso, seconds, write

_MAX_PAGE = 1_000
_OTHER_SIDE = {"buy": "sell", "sell": "buy", None: "buy"}


@dataclass(frozen=True)
class Asked:
    """A request as the server saw it; header names are in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at_s: float  # of the event loop's clock, for telling requests apart in time


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


class RestSide:
    """Serves the endpoints, with faults; `asked` and `connections` are the record."""

    def __init__(self, market: Market, planned: Sequence) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._market = market
        self._planned = planned
        self._counts = [0] * len(planned)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one client's requests until it goes, or a fault ends it."""
        self.connections += 1
        try:
            while asked := await _read_request(reader):
                self.asked.append(asked)
                if not await self._answer(asked, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, asked: Asked, reader, writer) -> bool:
        fault = self._due(asked.path)
        if isinstance(fault, faults.Hang):
            await reader.read()
            return False
        if isinstance(fault, faults.ResetRequest):
            linger = struct.pack("ii", 1, 0)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            return False
        keep = fault.keep if isinstance(fault, faults.PartialPage) else _MAX_PAGE
        answer = respond(self._market, asked, keep)
        match fault:
            case faults.Status():
                answer = Answer(fault.status, fault.body, fault.headers)
            case faults.Malform():
                answer = Answer(200, fault.body, {})
        is_cut = isinstance(fault, faults.Truncate)
        sent = _bytes_of(answer, is_cut=is_cut)
        if isinstance(fault, faults.Drip):
            start = len(sent) - len(answer.body)
            writer.write(sent[:start])
            for i in range(start, len(sent)):
                writer.write(sent[i : i + 1])
                await asyncio.sleep(fault.pause_s)
        else:
            writer.write(sent)
        await writer.drain()
        return not is_cut

    def _due(self, path: str):
        due = None
        for i, fault in enumerate(self._planned):
            if not path.startswith(fault.path):
                continue
            if fault.at <= self._counts[i] < fault.at + fault.times:
                due = due or fault
            self._counts[i] += 1
        return due


async def _read_request(reader: asyncio.StreamReader) -> Asked | None:
    line = await reader.readline()
    if not line.strip():
        return None
    headers = {}
    while (header := await reader.readline()).strip():
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    url = urlsplit(line.split()[1].decode("latin-1"))
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    now_s = asyncio.get_running_loop().time()
    return Asked(unquote(url.path), query, headers, now_s)


def _bytes_of(answer: Answer, *, is_cut: bool) -> bytes:
    head = {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.body)),
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    body = answer.body[: len(answer.body) // 2] if is_cut else answer.body
    return "\r\n".join([*lines, "", ""]).encode() + body


def respond(market: Market, asked: Asked, keep: int) -> Answer:
    """Answer a request as the venue whose path it is; `keep` cuts pages of trades."""
    query = asked.query
    match asked.path.strip("/").split("/"):
        case ["products", product, "trades"]:
            return _coinbase_trades(market, product, query, keep)
        case ["products", product, "ticker"]:
            return _coinbase_ticker(market, product)
        case ["v2", "prices", pair, "spot"]:
            return _coinbase_spot(market, pair)
        case ["0", "public", "Trades"]:
            return _kraken_trades(market, query, keep)
        case ["api" | "fapi", _, name] if name in _NAMED:
            return _NAMED[name](market, query, keep)
    return _error(404, {"message": "NotFound"})


def _ok(body: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(200, write(body).encode(), headers or {})


def _error(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {})


def _coinbase_trades(
    market: Market, product: str, query: dict[str, str], keep: int
) -> Answer:
    if product not in market.symbols:
        return _error(404, {"message": "NotFound"})
    trades = market.of(product)
    if "after" in query:
        trades = [t for t in trades if t.seq < int(query["after"])]
    limit = min(int(query.get("limit", _MAX_PAGE)), _MAX_PAGE, keep)
    if "before" in query:  # the page next to the cursor, as for `after`
        page = [t for t in trades if t.seq > int(query["before"])][:limit]
    else:
        page = trades[-limit:]
    page.reverse()
    headers = {}
    if page:
        headers = {"CB-BEFORE": str(page[0].seq), "CB-AFTER": str(page[-1].seq)}
    rows = [
        {
            "trade_id": t.seq,
            "side": _OTHER_SIDE[t.side],
            "size": text(t.size),
            "price": text(t.price),
            "time": iso(t.event_us),
        }
        for t in page
    ]
    return _ok(rows, headers)


def _coinbase_ticker(market: Market, product: str) -> Answer:
    last = market.past(product, market.position, 1)
    if not last:
        return _error(404, {"message": "NotFound"})
    (trade,) = last
    price = decimal(trade.price)
    return _ok(
        {
            "ask": f"{price + 1:f}",
            "bid": f"{price - 1:f}",
            "volume": "6482.03259157",
            "trade_id": trade.seq,
            "price": text(trade.price),
            "size": text(trade.size),
            "time": iso(trade.event_us),
            "rfq_volume": "71.158151",
            "conversions_volume": "0.00",
        }
    )


def _coinbase_spot(market: Market, pair: str) -> Answer:
    last = market.past(pair, market.position, 1)
    if not last:
        error = {"id": "not_found", "message": "Invalid base currency"}
        return _error(404, {"errors": [error]})
    base, currency = pair.split("-")
    amount = text(last[0].price)
    return _ok({"data": {"amount": amount, "base": base, "currency": currency}})


def _binance_symbol(market: Market, name: str) -> str | None:
    return {to_binance(s): s for s in market.symbols}.get(name)


def _binance_trades(market: Market, query: dict[str, str], keep: int, row) -> Answer:
    symbol = _binance_symbol(market, query.get("symbol", ""))
    if symbol is None:
        return _error(400, {"code": -1121, "msg": "Invalid symbol."})
    limit = min(int(query.get("limit", "500")), _MAX_PAGE)
    trades = market.of(symbol)
    if "fromId" in query:
        page = [t for t in trades if t.seq >= int(query["fromId"])][:limit]
    else:
        page = trades[-limit:]
    return _ok([row(trade) for trade in page[:keep]])


def _historical(trade: Trade) -> dict:
    return {
        "id": trade.seq,
        "price": text(trade.price),
        "qty": text(trade.size),
        "quoteQty": f"{decimal(trade.price) * decimal(trade.size):f}",
        "time": trade.event_us // 1000,
        "isBuyerMaker": trade.side == "sell",
        "isBestMatch": True,
    }


def _recent_future(trade: Trade) -> dict:
    row = _historical(trade)
    del row["isBestMatch"]
    return row


def _aggregate(trade: Trade) -> dict:
    return {
        "a": trade.seq,
        "p": text(trade.price),
        "q": text(trade.size),
        "f": 10 * trade.seq,
        "l": 10 * trade.seq + 9,
        "T": trade.event_us // 1000,
        "m": trade.side == "sell",
        "M": True,
    }


def _binance_recent(market: Market, query: dict[str, str], keep: int, row) -> Answer:
    """The newest alone, whichever are asked for."""
    query = {name: value for name, value in query.items() if name != "fromId"}
    return _binance_trades(market, query, keep, row)


def _binance_markets(market: Market, query: dict[str, str], _keep: int) -> Answer:
    names = [query["symbol"]] if "symbol" in query else []
    names += json.loads(query.get("symbols", "[]"))
    if any(_binance_symbol(market, name) is None for name in names):
        return _error(400, {"code": -1121, "msg": "Invalid symbol."})
    symbols = []
    for symbol in sorted(market.symbols):
        base, quote = symbol.split("-")
        name = to_binance(symbol)
        if name in names or not names:
            assets = {"baseAsset": base, "quoteAsset": quote}
            symbols.append({"symbol": name, "status": "TRADING", **assets})
    return _ok({"timezone": "UTC", "symbols": symbols})


def _bitstamp_markets(market: Market, _query: dict[str, str], _keep: int) -> Answer:
    return _ok(
        [
            {
                "name": symbol.replace("-", "/"),
                "url_symbol": to_bitstamp(symbol),
                "trading": "Enabled",
            }
            for symbol in sorted(market.symbols)
        ]
    )


# Binance's, and Bitstamp's list of markets.
_NAMED = {
    "aggTrades": partial(_binance_trades, row=_aggregate),
    "exchangeInfo": _binance_markets,
    "historicalTrades": partial(_binance_trades, row=_historical),
    "trading-pairs-info": _bitstamp_markets,
    "trades": partial(_binance_recent, row=_recent_future),
}


def _kraken_trades(market: Market, query: dict[str, str], keep: int) -> Answer:
    pairs = {}
    for symbol in market.symbols:
        v1 = to_kraken_v1(symbol)
        named = (v1, v1.replace("/", ""), to_kraken(symbol), symbol.replace("-", ""))
        pairs.update(dict.fromkeys(named, symbol))
    pair = query.get("pair", "")
    if pair not in pairs:
        return _ok({"error": ["EQuery:Unknown asset pair"]})
    count = min(int(query.get("count", _MAX_PAGE)), _MAX_PAGE)
    trades = market.of(pairs[pair])
    if "since" in query:  # nanoseconds, exclusive; a time in seconds will do as well
        since = int(query["since"])
        since_ns = since if since > 10**12 else since * 10**9
        page = [t for t in trades if t.event_us * 1000 > since_ns][:count]
    else:
        page = trades[-count:]
    page = page[:keep]
    rows = [
        [
            text(t.price),
            text(t.size),
            seconds(t.event_us),
            (t.side or "buy")[0],
            "m",
            "",
            t.seq,
        ]
        for t in page
    ]
    last = str(page[-1].event_us * 1000) if page else query.get("since", "0")
    return _ok({"error": [], "result": {pair: rows, "last": last}})
