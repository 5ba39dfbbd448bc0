"""Venues' past trades over REST: what to ask for, and how to read the answers.

Pure: no I/O.  A venue that lists the newest trades first is asked backwards from the
last that is wanted, one that lists the oldest first forwards from the first.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.drivers.live.endpoints import RestKind
from penstock.drivers.live.track import Wanted
from penstock.errors import BadRecordError
from penstock.feeds import BadFrameError, Notes
from penstock.feeds.base import read
from penstock.feeds.symbols import to_binance, to_coinbase, to_kraken_v1
from penstock.feeds.values import TradeId, epoch_us, iso_us, price_of, size_of
from penstock.model import Side, Trade

__all__ = ["HISTORIES", "History", "Query", "RefusedError", "remaining"]

_PAGE = 1000  # most trades that any of these venues gives at once
# How far back to begin where only the end of a gap is known by its time.
_BEFORE_US = 600_000_000


class RefusedError(BadRecordError):
    """The venue answers that it will not: too many requests, or no such market.

    Attributes:
        is_limit: Whether too much was asked.
    """

    def __init__(self, reason: str, *, is_limit: bool) -> None:
        self.is_limit = is_limit
        super().__init__(reason)


class Query(NamedTuple):
    """A GET request.

    Attributes:
        path: After the address.
        params: The query, in order.
    """

    path: str
    params: Mapping[str, str | int]


class History(NamedTuple):
    """How a venue is asked for past trades.

    Attributes:
        query: What to ask for next.
        read: An answer's trades, oldest first, with the time of receipt.  Raises
            BadFrameError where it cannot be read, RefusedError where it is a refusal.
        newest_first: In which direction it pages.
    """

    query: Callable[[Wanted], Query]
    read: Callable[[bytes, Wanted, int], list[Trade]]
    newest_first: bool


class _Row(NamedTuple):
    id: int
    price: Decimal
    size: Decimal
    side: Side
    event_us: int


class _CoinbaseRow(Struct):
    trade_id: TradeId
    price: Decimal
    size: Decimal
    side: Side
    time: str

    def row(self) -> _Row:
        # `side` is the maker's, as on the websocket.
        taker: Side = "sell" if self.side == "buy" else "buy"
        return _Row(self.trade_id, self.price, self.size, taker, iso_us(self.time))


class _BinanceRow(Struct, rename="camel"):
    id: TradeId
    price: Decimal
    qty: Decimal
    time: int
    is_buyer_maker: bool

    def row(self) -> _Row:
        side: Side = "sell" if self.is_buyer_maker else "buy"
        return _Row(self.id, self.price, self.qty, side, epoch_us(self.time))


class _AggregateRow(
    Struct, rename={"id": "a", "price": "p", "qty": "q", "time": "T", "maker": "m"}
):
    id: TradeId
    price: Decimal
    qty: Decimal
    time: int
    maker: bool  # whether the buyer is

    def row(self) -> _Row:
        side: Side = "sell" if self.maker else "buy"
        return _Row(self.id, self.price, self.qty, side, epoch_us(self.time))


class _KrakenRow(Struct, array_like=True):
    price: Decimal
    volume: Decimal
    time: Decimal
    side: Literal["b", "s"]
    type: str
    misc: str
    trade_id: TradeId

    def row(self) -> _Row:
        side: Side = "buy" if self.side == "b" else "sell"
        event_us = epoch_us(int(self.time * 1_000_000))
        return _Row(self.trade_id, self.price, self.volume, side, event_us)


class _KrakenAnswer(Struct):
    error: list[str] = []
    result: dict[str, Raw] = {}


_COINBASE = Decoder(list[_CoinbaseRow])
_BINANCE = Decoder(list[_BinanceRow])
_AGGREGATES = Decoder(list[_AggregateRow])
_KRAKEN = Decoder(_KrakenAnswer)
_KRAKEN_ROWS = Decoder(list[_KrakenRow])


def remaining(wanted: Wanted, page: list[Trade], history: History) -> Wanted | None:
    """Return what is still wanted after a page, None if no more is to be had.

    Args:
        wanted: What was asked for.
        page: What came, oldest first.
        history: Whose page it is.
    """
    if not page:
        return None
    if history.newest_first:
        last = page[0].seq - 1
        has_moved = wanted.last is None or last < wanted.last
        left = wanted._replace(last=last)
    else:
        newest = page[-1]
        has_moved = newest.seq >= wanted.first
        left = wanted._replace(first=newest.seq + 1, after_us=newest.event_us)
    is_done = left.last is not None and left.last < left.first
    return left if has_moved and not is_done else None


def _coinbase_query(wanted: Wanted) -> Query:
    # docs.cdp.coinbase.com/exchange/rest-api/pagination: `after` is older than.
    after = {} if wanted.last is None else {"after": wanted.last + 1}
    path = f"/products/{to_coinbase(wanted.symbol)}/trades"
    return Query(path, {"limit": _limit(wanted), **after})


def _binance_query(wanted: Wanted) -> Query:
    return _from_id("/api/v3/historicalTrades", wanted)


def _aggregate_query(wanted: Wanted) -> Query:
    return _from_id("/api/v3/aggTrades", wanted)


def _from_id(path: str, wanted: Wanted) -> Query:
    params: dict[str, str | int] = {
        "symbol": to_binance(wanted.symbol),
        "fromId": wanted.first,
        "limit": _limit(wanted),
    }
    return Query(path, params)


def _usdm_query(wanted: Wanted) -> Query:
    # The newest thousand are all there is without a key.
    params: dict[str, str | int] = {"symbol": to_binance(wanted.symbol), "limit": _PAGE}
    return Query("/fapi/v1/trades", params)


def _kraken_query(wanted: Wanted) -> Query:
    after_us = wanted.after_us or max(wanted.before_us - _BEFORE_US, 0)
    # `since` is in nanoseconds and leaves out its own: others may share that moment.
    params: dict[str, str | int] = {
        "pair": to_kraken_v1(wanted.symbol).replace("/", ""),
        "since": max(after_us * 1000 - 1, 0),
        "count": _PAGE,
    }
    return Query("/0/public/Trades", params)


def _limit(wanted: Wanted) -> int:
    return _PAGE if wanted.last is None else min(wanted.last - wanted.first + 1, _PAGE)


def _coinbase_read(body: bytes, wanted: Wanted, received_us: int) -> list[Trade]:
    rows = [row.row() for row in read(_COINBASE, body)]
    return _trades(rows, wanted, received_us)


def _binance_read(body: bytes, wanted: Wanted, received_us: int) -> list[Trade]:
    rows = [row.row() for row in read(_BINANCE, body)]
    return _trades(rows, wanted, received_us)


def _aggregate_read(body: bytes, wanted: Wanted, received_us: int) -> list[Trade]:
    rows = [row.row() for row in read(_AGGREGATES, body)]
    return _trades(rows, wanted, received_us)


def _kraken_read(body: bytes, wanted: Wanted, received_us: int) -> list[Trade]:
    answer = read(_KRAKEN, body)
    if answer.error:
        reason = "; ".join(answer.error)
        is_limit = "limit" in reason or "Too many" in reason
        raise RefusedError(reason, is_limit=is_limit)
    # Beside `last`, the market under a name of Kraken's own: XXBTZUSD.
    lists = [value for name, value in answer.result.items() if name != "last"]
    if len(lists) != 1:
        raise BadFrameError(f"expected one market's trades; found {len(lists)} lists")
    rows = [row.row() for row in read(_KRAKEN_ROWS, lists[0])]
    return _trades(rows, wanted, received_us)


def _trades(rows: list[_Row], wanted: Wanted, received_us: int) -> list[Trade]:
    notes = Notes()  # whose counts of rounded numbers nobody asks for here
    trades = [
        Trade(
            venue=wanted.venue,
            symbol=wanted.symbol,
            price=price_of(row.price, notes),
            size=size_of(row.size, notes),
            side=row.side,
            event_us=row.event_us,
            received_us=received_us,
            trade_id=str(row.id),
            seq=row.id,
        )
        for row in rows
    ]
    trades.sort(key=lambda trade: trade.seq)
    return trades


HISTORIES: Mapping[RestKind, History] = {
    "binance": History(_binance_query, _binance_read, newest_first=False),
    "binance-agg": History(_aggregate_query, _aggregate_read, newest_first=False),
    "binance-usdm": History(_usdm_query, _binance_read, newest_first=True),
    "coinbase": History(_coinbase_query, _coinbase_read, newest_first=True),
    "kraken": History(_kraken_query, _kraken_read, newest_first=False),
}
