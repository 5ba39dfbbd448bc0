"""Tables whose columns stand fast: tardis, bitcoincharts, LEAN.

tardis: exchange,symbol,timestamp,local_timestamp,id,side,price,amount under a header.
bitcoincharts: unix second,price,amount.  LEAN: a zip archive a day, in which times are
milliseconds since midnight, of New York for equities and of UTC for crypto.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock.drivers.files.columns import Names, trades_of
from penstock.drivers.files.fields import price, size, standard_symbol
from penstock.drivers.files.options import Options
from penstock.drivers.files.raw import Part
from penstock.drivers.files.tables import Layout, first_row
from penstock.errors import BadRecordError, SourceError
from penstock.feeds import Notes
from penstock.feeds.symbols import from_kraken
from penstock.model import Trade

__all__ = [
    "TARDIS_HEADER",
    "bitcoincharts_layout",
    "lean_bars_layout",
    "lean_date",
    "lean_layout",
    "tardis_layout",
]

TARDIS_HEADER = (
    "exchange",
    "symbol",
    "timestamp",
    "local_timestamp",
    "id",
    "side",
    "price",
    "amount",
)
_TARDIS_FIELDS = {
    "venue": "exchange",
    "symbol": "symbol",
    "event_us": "timestamp",
    "received_us": "local_timestamp",
    "trade_id": "id",
    "side": "side",
    "price": "price",
    "size": "amount",
}
# tardis's names of what has another name here: the market type is part of a venue.
_TARDIS_VENUES = {
    "binance-futures": "binance-usdm",
    "binance-delivery": "binance-coinm",
}

_DATE = re.compile(r"(?<![0-9])([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?![0-9])")
_LEAN_MEMBER = re.compile(r"[0-9]{8}_([A-Za-z0-9.]+)_")

_YEARS = range(1970, 2255)  # whose times the model takes
_HOURS = 24
_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_PRICE_UNITS = 10_000  # in a dollar, of equities

_TICK_CELLS = 6  # ms, price, shares, exchange, conditions, suspicious
_BAR_CELLS = 6  # ms, open, high, low, close, volume


def tardis_layout(part: Part, options: Options, notes: Notes) -> Layout:
    """Make the layout of a tardis.dev file of trades.

    Raises:
        SourceError: A column is missing.
    """
    top = first_row(part)
    missing = [name for name in TARDIS_HEADER if name not in top.cells]
    if missing:
        raise SourceError(
            f"{part.name}: expected the columns {','.join(TARDIS_HEADER)}; "
            f"found no {', '.join(missing)} in {','.join(top.cells)[:120]!r}"
        )
    columns = {field: top.cells.index(name) for field, name in _TARDIS_FIELDS.items()}
    names = Names(options.symbol, options.venue, _tardis_venue, _tardis_symbol)
    make = trades_of(columns, len(top.cells), names, notes)
    return Layout(make, header_lines=top.number)


def bitcoincharts_layout(_part: Part, options: Options, notes: Notes) -> Layout:
    """Make the layout of a history of bitcoincharts.com."""
    columns = {"event_us": 0, "price": 1, "size": 2}
    names = Names(options.symbol, options.venue or "bitcoincharts")
    return Layout(trades_of(columns, len(columns), names, notes))


def lean_layout(part: Part, options: Options, notes: Notes) -> Layout:
    """Make the layout of LEAN's equity ticks; trades, in dollars.

    The exchange, the conditions and the mark of a suspicious trade are left out.

    Raises:
        SourceError: No name says the date or the symbol, or this machine does not
            know New York's time.
    """
    us_of = _clock(lean_date(part), _new_york(part.name))
    symbol = options.symbol or f"{_lean_name(part)}-USD"
    venue = options.venue or "lean"

    def trade(row: Sequence[str]) -> Trade:
        if len(row) != _TICK_CELLS:
            raise BadRecordError(f"expected {_TICK_CELLS} columns; found {len(row)}")
        try:
            units = int(row[1])
        except ValueError as e:
            raise BadRecordError(
                f"a price is a whole number of 1/10,000 dollars; found {row[1][:40]!r}"
            ) from e
        if units <= 0:
            raise BadRecordError(f"a price must be above 0; found {units}")
        event_us = us_of(row[0])
        return Trade(
            venue=venue,
            symbol=symbol,
            price=units / _PRICE_UNITS,  # the float nearest to the decimal
            size=size(row[2], notes),
            event_us=event_us,
            received_us=event_us,
        )

    return Layout(trade)


def lean_bars_layout(part: Part, options: Options, notes: Notes) -> Layout:
    """Make the layout of LEAN's one-second bars of crypto.

    A bar becomes one trade, of its volume at its closing price, in the last
    microsecond of its second: no decision can then come before what it rests on.  The
    highs and lows within the second are lost.

    Raises:
        SourceError: No name says the date or the symbol.
    """
    us_of = _clock(lean_date(part), UTC)
    symbol = options.symbol or _bars_symbol(part)
    venue = options.venue or "lean"

    def trade(row: Sequence[str]) -> Trade:
        if len(row) != _BAR_CELLS:
            raise BadRecordError(f"expected {_BAR_CELLS} columns; found {len(row)}")
        event_us = us_of(row[0]) + 999_999
        return Trade(
            venue=venue,
            symbol=symbol,
            price=price(row[4], notes),
            size=size(row[5], notes),
            event_us=event_us,
            received_us=event_us,
        )

    return Layout(trade)


def lean_date(part: Part) -> date:
    """Read the date in a part's name: an archive's member's, before the archive's.

    Raises:
        SourceError: There is none.
    """
    _, _, member = part.name.partition("!")
    for name in (member, part.path.name):
        for found in _DATE.finditer(name):
            try:
                day = date(*map(int, found.groups()))
            except ValueError:  # such as month 13
                continue
            if day.year in _YEARS:
                return day
    raise SourceError(
        f"{part.name}: LEAN's times count from midnight, and no date is in the name; "
        "rename the file to YYYYMMDD_trade.zip"
    )


def _clock(day: date, zone: tzinfo) -> Callable[[str], int]:
    """Make a reader of that day's times: milliseconds to microseconds since 1970."""
    # Summer time begins and ends on the hour, so that each hour has one offset.
    hours_us = [
        (datetime(day.year, day.month, day.day, hour, tzinfo=zone) - _EPOCH)
        // _MICROSECOND
        for hour in range(_HOURS)
    ]

    def us(text: str) -> int:
        try:
            of_day_us = int(text) * 1_000 if text.isdecimal() else _thousandths(text)
        except (ValueError, ArithmeticError) as e:
            raise BadRecordError(
                f"a time is milliseconds since midnight; found {text[:40]!r}"
            ) from e
        hour, rest_us = divmod(of_day_us, _HOUR_US)
        if not 0 <= hour < _HOURS:
            raise BadRecordError(
                f"a time is below 86,400,000 ms, a day; found {text[:40]!r}"
            )
        return hours_us[hour] + rest_us

    return us


def _thousandths(text: str) -> int:
    return int(Decimal(text) * 1_000)


def _new_york(name: str) -> ZoneInfo:
    try:
        return ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError as e:
        raise SourceError(
            f"{name}: its times are New York's, and this machine has no table of time "
            "zones: pip install tzdata"
        ) from e


def _lean_name(part: Part) -> str:
    found = _LEAN_MEMBER.search(part.name.partition("!")[2] or part.name)
    if found:
        return found[1].upper()
    raise SourceError(
        f"{part.name}: no symbol is in the name, as it is in 20131008_spy_Trade_Tick"
        ".csv; pass --symbol, such as --symbol SPY-USD"
    )


def _bars_symbol(part: Part) -> str:
    try:
        return standard_symbol(_lean_name(part))
    except BadRecordError as e:
        raise SourceError(f"{part.name}: {e}") from e


def _tardis_venue(exchange: str) -> str:
    return _TARDIS_VENUES.get(exchange, exchange)


def _tardis_symbol(venue: str, text: str) -> str:
    if venue == "kraken":
        return from_kraken(text)
    return standard_symbol(text)
