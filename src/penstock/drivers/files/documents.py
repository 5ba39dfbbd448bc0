"""JSON that is not penstock's: ccxt's unified trades, and freqtrade's.

ccxt's are objects, in an array or one a line.  freqtrade's are one array of
`[ms, id, type, side, price, amount, cost]`, whose type and cost are left out.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.json import Decoder

from penstock.drivers.files.arrays import elements
from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.fields import (
    check_names,
    seq_of,
    side,
    standard_symbol,
    time_us,
    trade_id_of,
)
from penstock.drivers.files.lines import whole_lines
from penstock.drivers.files.options import Options
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError
from penstock.feeds import Notes
from penstock.feeds.base import read
from penstock.feeds.values import epoch_us, price_of, size_of
from penstock.model import Trade

__all__ = ["DocumentReader", "ccxt_reader", "ccxt_trade", "freqtrade_reader"]


class _CcxtTrade(Struct):
    price: Decimal
    symbol: str | None = None
    timestamp: int | None = None
    datetime: str | None = None
    id: str | int | None = None
    side: str | None = None
    amount: Decimal | None = None


class _FreqtradeTrade(Struct, array_like=True):
    ms: int
    id: str | int | None
    type: str | None
    side: str | None
    price: Decimal
    amount: Decimal


# Not strict: numbers may stand in quotes.
_CCXT = Decoder(_CcxtTrade, strict=False)
_FREQTRADE = Decoder(_FreqtradeTrade, strict=False)


class DocumentReader:
    """Reads parts that hold one trade per element of an array, or per line.

    Args:
        trade: Makes an item's trade; raises BadRecordError where it is none.
        notes: Where `trade` counts what it rounds.
        flat: Whether the elements of an array have no brackets in them.
    """

    contiguous = None  # whether the ids are is told by the first of them

    def __init__(
        self, trade: Callable[[bytes], Trade], notes: Notes, *, flat: bool = False
    ) -> None:
        self.notes = notes
        self._trade = trade
        self._flat = flat

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the part's trades and bad items, a chunk at a time."""
        is_array = part.head.lstrip().startswith(b"[")
        for items in _in_array(part, flat=self._flat) if is_array else _in_lines(part):
            trades: list[Trade] = []
            bad: list[BadItem] = []
            for item in items:
                if item.reason:
                    bad.append(item)
                    continue
                try:
                    trades.append(self._trade(item.data))
                except BadRecordError as e:
                    bad.append(item._replace(reason=str(e)))
            yield Run(trades, bad)


def ccxt_reader(options: Options) -> DocumentReader:
    """Make a reader of ccxt's unified trades."""
    notes = Notes()
    return DocumentReader(ccxt_trade(options, notes), notes)


def ccxt_trade(options: Options, notes: Notes) -> Callable[[bytes], Trade]:
    """Make what reads one of ccxt's unified trades, and counts in `notes`."""
    venue = options.venue or "ccxt"

    def trade(data: bytes) -> Trade:
        item = read(_CCXT, data)
        symbol = options.symbol or _ccxt_symbol(item.symbol)
        if item.timestamp is not None:
            event_us = epoch_us(item.timestamp)
        else:
            event_us = time_us(item.datetime or "")
        trade_id = "" if item.id is None else str(item.id)
        return Trade(
            venue=venue,
            symbol=symbol,
            price=price_of(item.price, notes),
            size=0.0 if item.amount is None else size_of(item.amount, notes),
            side=side(item.side or ""),
            event_us=event_us,
            received_us=event_us,
            trade_id=trade_id_of(trade_id),
            seq=seq_of(trade_id),
        )

    return trade


def freqtrade_reader(options: Options) -> DocumentReader:
    """Make a reader of freqtrade's trades; `options` name the symbol."""
    notes = Notes()
    symbol, venue = options.symbol or "", options.venue or "freqtrade"
    check_names(venue, symbol)

    def trade(data: bytes) -> Trade:
        item = read(_FREQTRADE, data)
        event_us = epoch_us(item.ms)
        trade_id = "" if item.id is None else str(item.id)
        return Trade(
            venue=venue,
            symbol=symbol,
            price=price_of(item.price, notes),
            size=size_of(item.amount, notes),
            side=side(item.side or ""),
            event_us=event_us,
            received_us=event_us,
            trade_id=trade_id_of(trade_id),
            seq=seq_of(trade_id),
        )

    return DocumentReader(trade, notes, flat=True)


def _ccxt_symbol(symbol: str | None) -> str:
    if not symbol:
        raise BadRecordError("the trade names no symbol; pass --symbol BASE-QUOTE")
    if ":" in symbol:
        # A future and the spot market of the same name are two tickers, and which
        # venue ccxt asked is not in the trade.
        raise BadRecordError(
            f"{symbol!r} is a contract; pass --symbol and, with the market type in "
            "it, --venue, such as --symbol BTC-USDT --venue binance-usdm"
        )
    return standard_symbol(symbol)


# Bad until it has been read: an item without a reason may yet be a trade.
def _in_array(part: Part, *, flat: bool) -> Iterator[Iterable[BadItem]]:
    for run in elements(part, flat=flat):
        yield [BadItem(f"{part.name}[{e.number}]", e.data, e.fault) for e in run]


def _in_lines(part: Part) -> Iterator[Iterable[BadItem]]:
    for run in whole_lines(part):
        lines = [run.data] if run.fault else run.data.split(b"\n")
        yield [
            BadItem(f"{part.name}:{number}", line, run.fault)
            for number, line in enumerate(lines, run.first)
            if line.strip()
        ]
