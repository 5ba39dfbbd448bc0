"""Tables whose columns have names: which one holds what, and a trade of a row.

A column is found by what it is usually called, or by what `--columns` says.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from penstock.drivers.files.fields import (
    check_names,
    price,
    seq_of,
    side,
    size,
    standard_symbol,
    time_us,
    trade_id_of,
)
from penstock.drivers.files.options import Options
from penstock.drivers.files.raw import Part
from penstock.drivers.files.tables import Layout, first_row
from penstock.errors import BadRecordError, SourceError
from penstock.feeds import Notes
from penstock.model import Trade

__all__ = ["FIELDS", "Names", "csv_layout", "has_trades", "row_reader", "trades_of"]

# What the columns of each field are called, best first: as written here, or in other
# case, or with spaces, hyphens or underscores between the words.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "price": ("price", "tradeprice", "lastprice", "px"),
    "size": ("size", "qty", "quantity", "amount", "volume", "lastsize"),
    "side": ("side", "takerside", "isbuyermaker"),
    "event_us": (
        "eventus",
        *("timestamp", "time", "ts", "datetime", "date"),
        *("eventtime", "tradetime", "timestampms", "unixtime"),
    ),
    "received_us": ("receivedus", "localtimestamp", "receivetime"),
    "trade_id": ("tradeid", "id", "tid", "aggtradeid"),
    "symbol": ("symbol", "pair", "productid", "market"),
    "venue": ("venue", "exchange"),
}

# Shorter names that --columns takes as well.
_SHORT = {"time": "event_us", "received": "received_us", "id": "trade_id"}


_CACHED_NAMES = 65_536


class Names(NamedTuple):
    """How a table's venue and symbol become penstock's.

    Attributes:
        symbol: Of every row; None to take it from the row.
        venue: Of every row; None to take it from the row.
        venue_of: Reads the venue's column.
        symbol_of: Reads the symbol's column; the venue comes first.
    """

    symbol: str | None
    venue: str | None
    venue_of: Callable[[str], str] = str.lower
    symbol_of: Callable[[str, str], str] = lambda _venue, text: standard_symbol(text)

    def of(self, venue_cell: str, symbol_cell: str) -> tuple[str, str]:
        """Return a row's venue and symbol.

        Raises:
            BadRecordError: The wire does not take them.
        """
        venue = self.venue or self.venue_of(venue_cell)
        symbol = self.symbol or self.symbol_of(venue, symbol_cell)
        check_names(venue, symbol)
        return venue, symbol


def csv_layout(part: Part, options: Options, notes: Notes) -> Layout:
    """Make the layout of a table with a header, or with numbered columns.

    Raises:
        SourceError: There is no column for the price, the time or the symbol.
    """
    top = first_row(part)
    has_header = not any(map(_is_number, top.cells))
    header = top.cells if has_header else [str(n + 1) for n in range(len(top.cells))]
    if not has_header and not options.columns:
        raise SourceError(
            f"{part.name}: no header in its first line, which is "
            f"{top.divider.join(top.cells)[:80]!r}; say which column, from 1, holds "
            "what, such as --columns price=2,size=3,time=1"
        )
    return Layout(
        row_reader(part.name, header, options, notes, venue="file"),
        top.divider,
        top.number if has_header else 0,
    )


def has_trades(header: Sequence[str]) -> bool:
    """Tell whether a header names a price and a time."""
    return {"price", "event_us"} <= _usual_columns(header).keys()


def row_reader(
    name: str, header: Sequence[str], options: Options, notes: Notes, *, venue: str
) -> Callable[[Sequence[str]], Trade]:
    """Make a reader of rows under `header`.

    Args:
        name: The file's, for messages.
        header: The columns' names.
        options: The operator's.
        notes: Where to count what is rounded.
        venue: The venue where neither a column nor an option names one.

    Raises:
        SourceError: There is no column for the price, the time or the symbol.
    """
    columns = _find_columns(name, header, options.columns)
    if options.symbol is None and "symbol" not in columns:
        raise SourceError(
            f"{name}: no column names the symbol; pass --symbol, such as "
            "--symbol BTC-USD"
        )
    venue_of_all = None if "venue" in columns else venue
    names = Names(options.symbol, options.venue or venue_of_all)
    return trades_of(columns, len(header), names, notes)


def trades_of(
    columns: Mapping[str, int], width: int, names: Names, notes: Notes
) -> Callable[[Sequence[str]], Trade]:
    """Make a reader of rows of `width` cells, given each field's column from 0."""
    # A field without a column reads the empty cell that is added to each row.
    at = {field: columns.get(field, width) for field in FIELDS}
    i_price, i_size, i_side = at["price"], at["size"], at["side"]
    i_event, i_received, i_id = at["event_us"], at["received_us"], at["trade_id"]
    i_symbol, i_venue = at["symbol"], at["venue"]
    has_size = "size" in columns
    names_of = lru_cache(maxsize=_CACHED_NAMES)(names.of)

    def trade(row: Sequence[str]) -> Trade:
        if len(row) != width:
            raise BadRecordError(f"expected {width} columns; found {len(row)}")
        cells = (*row, "")
        venue, symbol = names_of(cells[i_venue], cells[i_symbol])
        event_us = time_us(cells[i_event])
        received, trade_id = cells[i_received], cells[i_id]
        return Trade(
            venue=venue,
            symbol=symbol,
            price=price(cells[i_price], notes),
            size=size(cells[i_size], notes) if has_size else 0.0,
            side=side(cells[i_side]),
            event_us=event_us,
            received_us=time_us(received) if received else event_us,
            trade_id=trade_id_of(trade_id),
            seq=seq_of(trade_id),
        )

    return trade


def _find_columns(
    name: str, header: Sequence[str], wanted: Mapping[str, str]
) -> dict[str, int]:
    """Return the column, from 0, of each field that has one."""
    columns = _usual_columns(header)
    for short, cell in wanted.items():
        columns[_SHORT.get(short, short)] = _wanted(name, header, short, cell)
    for field, short in (("price", "price"), ("event_us", "time")):
        if field not in columns:
            raise SourceError(
                f"{name}: no column for the {short} among {', '.join(header)}; "
                f"pass --columns {short}=NAME"
            )
    return columns


def _usual_columns(header: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        places.setdefault(_plain(cell), place)
    return {
        field: next(places[alias] for alias in aliases if alias in places)
        for field, aliases in FIELDS.items()
        if any(alias in places for alias in aliases)
    }


def _wanted(name: str, header: Sequence[str], field: str, cell: str) -> int:
    fields = (*FIELDS, *_SHORT)
    if field not in fields:
        raise SourceError(
            f"--columns: unknown field {field!r}. {_close(field, fields)}"
            f"Known fields: {', '.join(fields)}."
        )
    if cell not in header:
        raise SourceError(
            f"{name}: no column {cell!r}, which --columns says holds the {field}. "
            f"{_close(cell, header)}Its columns: {', '.join(header)}."
        )
    return list(header).index(cell)


def _close(word: str, words: Sequence[str]) -> str:
    close = get_close_matches(word, words, n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def _plain(cell: str) -> str:
    return "".join(filter(str.isalnum, cell.lower()))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
