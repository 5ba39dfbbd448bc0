"""Venues' past trades over REST: what to ask for, and how to read the answers.

Pure: no I/O.  Each venue is asked for the oldest trades first, so that they can go on
while newer ones are fetched; how, depends on what it can be asked for:

* Binance for trades from an id on, page after page.
* Coinbase for trades before an id: for a page's worth of ids, backwards until these
  have come.  Who wants more asks again.
* Kraken for trades after a time.  Where that is a guess and was too late, further back.
* Binance's futures for the newest thousand only.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.drivers.live.endpoints import RestKind
from penstock.drivers.live.track import Wanted
from penstock.errors import BadRecordError
from penstock.feeds import BadFrameError, Notes
from penstock.feeds.base import read, read_each
from penstock.feeds.symbols import to_binance, to_coinbase, to_kraken_v1
from penstock.feeds.values import TradeId, epoch_us, iso_us, price_of, size_of, unix_us
from penstock.model import Side, Trade

__all__ = ["HISTORIES", "History", "Page", "Query", "RefusedError"]

_PAGE = 1000  # most trades that any of these venues gives at once
# How far back to begin where only the end of a gap is known by its time.
_BEFORE_US = 600_000_000
_MOST_IDS = 2 * _PAGE  # between the ends of a page; beyond that one of them is wrong
_MARGIN_US = 1_000_000
_MOST_DIGITS = 12  # of a time in seconds: more are no time


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


class Page(NamedTuple):
    """What a venue answered.

    Attributes:
        trades: Oldest first.
        spent: Ids between these that, as it shows, no trade has.
        faults: What is wrong with those that cannot be read, one sentence each.
    """

    trades: list[Trade]
    spent: Sequence[int] = ()
    faults: Sequence[str] = ()


class History(NamedTuple):
    """How a venue is asked for past trades.

    Attributes:
        query: What to ask for next.
        read: An answer, with the time of receipt.  Raises BadFrameError where nothing
            in it can be read, RefusedError where it is a refusal.
        left: What to ask for after a page of such trades; None if that was all.
    """

    query: Callable[[Wanted], Query]
    read: Callable[[bytes, Wanted, int], Page]
    left: Callable[[Wanted, Sequence[Trade]], Wanted | None]


class _Row(NamedTuple):
    id: int
    price: Decimal
    size: Decimal
    side: Side
    event_us: int


class _Readable(Protocol):
    def row(self) -> _Row:
        """Return it as all venues' rows are."""


_R = TypeVar("_R", bound=_Readable)


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
        # With an exponent it could be a text without end.
        is_time = self.time.is_finite() and abs(self.time.adjusted()) < _MOST_DIGITS
        event_us = unix_us(f"{self.time:f}" if is_time else str(self.time))
        return _Row(self.trade_id, self.price, self.volume, side, event_us)


class _KrakenAnswer(Struct):
    error: list[str] = []
    result: dict[str, Raw] = {}


_ROWS = Decoder(list[Raw])
_COINBASE = Decoder(_CoinbaseRow)
_BINANCE = Decoder(_BinanceRow)
_AGGREGATE = Decoder(_AggregateRow)
_KRAKEN = Decoder(_KrakenAnswer)
_KRAKEN_ROW = Decoder(_KrakenRow)


def _left_backwards(wanted: Wanted, page: Sequence[Trade]) -> Wanted | None:
    last = page[0].seq - 1
    # Where the newest were wanted, what is missing before them now shows by the ids.
    if wanted.last is None or not wanted.first <= last < wanted.last:
        return None
    return wanted._replace(last=last)


def _left_forwards(wanted: Wanted, page: Sequence[Trade]) -> Wanted | None:
    first = page[-1].seq + 1
    if first <= wanted.first or (wanted.last is not None and first > wanted.last):
        return None
    return wanted._replace(first=first)


def _left_by_time(wanted: Wanted, page: Sequence[Trade]) -> Wanted | None:
    oldest, newest = page[0], page[-1]
    if wanted.is_guess and oldest.seq > wanted.first:
        return _further_back(wanted, oldest, newest)
    first = max(newest.seq + 1, wanted.first)
    has_moved = newest.event_us > wanted.after_us
    if not has_moved or (wanted.last is not None and first > wanted.last):
        return None
    return wanted._replace(first=first, after_us=newest.event_us, is_guess=False)


def _further_back(wanted: Wanted, oldest: Trade, newest: Trade) -> Wanted | None:
    """Guess again when the first of the wanted was made, by how fast ids rise."""
    asked_us = min(_since_us(wanted) or oldest.event_us, oldest.event_us)
    missing, ids = oldest.seq - wanted.first, max(newest.seq - oldest.seq, 1)
    spread_us = max(newest.event_us - oldest.event_us, 0)
    back_us = missing * spread_us * 5 // (4 * ids) + _MARGIN_US
    # At least twice as far as before, so that it comes to an end.
    after_us = asked_us - max(back_us, newest.event_us - asked_us)
    return wanted._replace(after_us=after_us) if after_us > 0 else None


def _left_nothing(_wanted: Wanted, _page: Sequence[Trade]) -> None:
    return None


def _coinbase_query(wanted: Wanted) -> Query:
    # docs.cdp.coinbase.com/exchange/rest-api/pagination: `after` is older than.
    end = None if wanted.last is None else min(wanted.last + 1, wanted.first + _PAGE)
    after = {} if end is None else {"after": end}
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


def _since_us(wanted: Wanted) -> int:
    return wanted.after_us or max(wanted.before_us - _BEFORE_US, 0)


def _kraken_query(wanted: Wanted) -> Query:
    params: dict[str, str | int] = {
        "pair": to_kraken_v1(wanted.symbol).replace("/", ""),
        "count": _PAGE,
    }
    if since_us := _since_us(wanted):
        # In nanoseconds, and leaves out its own: others may share that moment.
        params["since"] = since_us * 1000 - 1
    return Query("/0/public/Trades", params)


def _limit(wanted: Wanted) -> int:
    return _PAGE if wanted.last is None else min(wanted.last - wanted.first + 1, _PAGE)


def _coinbase_read(body: bytes, wanted: Wanted, received_us: int) -> Page:
    return _page(read(_ROWS, body), _COINBASE, wanted, received_us)


def _binance_read(body: bytes, wanted: Wanted, received_us: int) -> Page:
    return _page(read(_ROWS, body), _BINANCE, wanted, received_us)


def _usdm_read(body: bytes, wanted: Wanted, received_us: int) -> Page:
    page = _binance_read(body, wanted, received_us)
    if page.faults or not page.trades:
        return page
    # It lists the newest trades without exception: an id in between is none.
    first, last = page.trades[0].seq, page.trades[-1].seq
    if last - first > _MOST_IDS:
        return page
    ids = range(max(first, wanted.first), min(last, wanted.last or last) + 1)
    known = {trade.seq for trade in page.trades}
    return page._replace(spent=[number for number in ids if number not in known])


def _aggregate_read(body: bytes, wanted: Wanted, received_us: int) -> Page:
    return _page(read(_ROWS, body), _AGGREGATE, wanted, received_us)


def _kraken_read(body: bytes, wanted: Wanted, received_us: int) -> Page:
    answer = read(_KRAKEN, body)
    if answer.error:
        reason = "; ".join(answer.error)
        is_limit = "limit" in reason or "Too many" in reason
        raise RefusedError(reason, is_limit=is_limit)
    # Beside `last`, the market under a name of Kraken's own: XXBTZUSD.
    lists = [value for name, value in answer.result.items() if name != "last"]
    if len(lists) != 1:
        raise BadFrameError(f"expected one market's trades; found {len(lists)} lists")
    return _page(read(_ROWS, lists[0]), _KRAKEN_ROW, wanted, received_us)


def _page(
    rows: list[Raw],
    decoder: "Decoder[_R]",
    wanted: Wanted,
    received_us: int,
) -> Page:
    """Read the rows of an answer, those that cannot be read left out.

    Raises:
        BadFrameError: That is all of them.
    """
    notes = Notes()  # whose counts of rounded numbers nobody asks for here

    def trade_of(raw: Raw) -> Trade:
        row = read(decoder, raw).row()
        return Trade(
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

    trades, faults = read_each(rows, trade_of)
    if faults and not trades:
        raise BadFrameError(*faults)
    trades.sort(key=lambda trade: trade.seq)
    return Page(trades, faults=faults)


HISTORIES: Mapping[RestKind, History] = {
    "binance": History(_binance_query, _binance_read, _left_forwards),
    "binance-agg": History(_aggregate_query, _aggregate_read, _left_forwards),
    "binance-usdm": History(_usdm_query, _usdm_read, _left_nothing),
    "coinbase": History(_coinbase_query, _coinbase_read, _left_backwards),
    "kraken": History(_kraken_query, _kraken_read, _left_by_time),
}
