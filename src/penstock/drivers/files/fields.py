"""What stands in one cell of a file: text to the model's values, exactly.

Whatever is wrong is a BadRecordError that says what was expected and what was found.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from penstock.codec import decode_trade, encode_trade
from penstock.errors import BadRecordError
from penstock.feeds import BadFrameError, Notes
from penstock.feeds.base import excerpt
from penstock.feeds.symbols import from_binance
from penstock.feeds.values import price_of, size_of
from penstock.model import MAX_AMOUNT, MAX_SEQ, MAX_TIME_US, Side, Trade

__all__ = [
    "check_names",
    "price",
    "seq_of",
    "side",
    "size",
    "standard_symbol",
    "time_us",
    "trade_id_of",
]

_MAX_ID_CHARACTERS = 128  # as the model has it

# float64 carries 15 digits there and back; longer text takes the careful way.
_PLAIN_DIGITS = 15

_SIDES: dict[str, Side | None] = {
    "": None,
    "unknown": None,
    "none": None,
    "null": None,
    "buy": "buy",
    "b": "buy",
    "sell": "sell",
    "s": "sell",
    # Only the answer to "was the buyer the maker?" is written so.
    "true": "sell",
    "false": "buy",
}

# From March 1973 a time's magnitude tells its unit: seconds have 9 to 11 digits,
# milliseconds 12 to 14, and so on.  Anything less is no time of a trade, but may be a
# date written without hyphens.
_FROM_SECONDS = 10**8
_FROM_MILLISECONDS = 10**11
_FROM_MICROSECONDS = 10**14
_FROM_NANOSECONDS = 10**17

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_IN_DOLLARS = re.compile(r"([A-Z0-9.]+)(USD)")


def price(text: str, notes: Notes) -> float:
    """Read a price.

    Raises:
        BadRecordError: It is not a finite number above 0.
    """
    if len(text) > _PLAIN_DIGITS:
        return price_of(_decimal("price", text), notes)
    try:
        value = float(text)
    except ValueError as e:
        raise _bad_number("price", text) from e
    # `price_of` says what is wrong.
    return (
        value if 0 < value <= MAX_AMOUNT else price_of(_decimal("price", text), notes)
    )


def size(text: str, notes: Notes) -> float:
    """Read a size.

    Raises:
        BadRecordError: It is not a finite number, or below 0.
    """
    if len(text) > _PLAIN_DIGITS:
        return size_of(_decimal("size", text), notes)
    try:
        value = float(text)
    except ValueError as e:
        raise _bad_number("size", text) from e
    return value if 0 <= value <= MAX_AMOUNT else size_of(_decimal("size", text), notes)


def side(text: str) -> Side | None:
    """Read the taker's side, or whether the buyer was the maker.

    >>> [side(text) for text in ("buy", "SELL", "true", "")]
    ['buy', 'sell', 'sell', None]

    Raises:
        BadRecordError: It is something else.
    """
    try:
        return _SIDES[text] if text in _SIDES else _SIDES[text.strip().lower()]
    except KeyError as e:
        raise BadRecordError(
            f"a side is buy or sell, or empty; found {excerpt(text)}"
        ) from e


def trade_id_of(text: str) -> str | None:
    """Read a venue's id; None where there is none.

    Raises:
        BadRecordError: It is too long for the wire.
    """
    if len(text) > _MAX_ID_CHARACTERS:
        raise BadRecordError(
            f"an id has at most {_MAX_ID_CHARACTERS} characters; found {excerpt(text)}"
        )
    return text or None


def seq_of(trade_id: str) -> int:
    """Read a venue's id as a number; 0 where it is none that can be a `seq`.

    >>> [seq_of(trade_id) for trade_id in ("42", "a-1", "")]
    [42, 0, 0]
    """
    if not (trade_id.isascii() and trade_id.isdecimal()):
        return 0
    number = int(trade_id[:40])
    return number if number <= MAX_SEQ else 0


def time_us(text: str) -> int:
    """Read a time since the epoch, its unit told by its magnitude, or ISO 8601.

    Digits after the microseconds are cut; ISO 8601 without a zone is UTC.

    >>> [time_us(t) for t in ("1723161255.34", "1723161255340", "2024-08-08 23:54:15")]
    [1723161255340000, 1723161255340000, 1723161255000000]

    Raises:
        BadRecordError: It is neither, or a number from before March 1973, or after
            the model's last year.
    """
    whole, _, fraction = text.partition(".")
    try:
        if whole.isdecimal() and (fraction.isdecimal() or not fraction):
            return _in_range(_since_epoch_us(int(whole), fraction))
        return _in_range(_iso_us(text))
    except ValueError as e:
        raise BadRecordError(
            "a time is seconds, ms, us or ns since 1970, or ISO 8601 such as "
            f"2024-08-08T23:54:15Z; found {excerpt(text)}"
        ) from e


def _since_epoch_us(whole: int, fraction: str) -> int:
    if _FROM_SECONDS <= whole < _FROM_MILLISECONDS:
        return whole * 1_000_000 + int(f"{fraction:0<6.6}")
    if _FROM_MILLISECONDS <= whole < _FROM_MICROSECONDS:
        return whole * 1_000 + int(f"{fraction:0<3.3}")
    if _FROM_MICROSECONDS <= whole < _FROM_NANOSECONDS:
        return whole
    if whole >= _FROM_NANOSECONDS:
        return whole // 1_000
    raise ValueError(whole)


def _iso_us(text: str) -> int:
    moment = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _in_range(us: int) -> int:
    if 0 <= us <= MAX_TIME_US:
        return us
    raise ValueError(us)


@lru_cache(maxsize=65_536)
def standard_symbol(text: str) -> str:
    """Write a market's name as BASE-QUOTE.

    >>> [standard_symbol(s) for s in ("btc/usdt", "ETH_EUR", "SOLUSDT", "BTCUSD")]
    ['BTC-USDT', 'ETH-EUR', 'SOL-USDT', 'BTC-USD']

    Raises:
        BadRecordError: Where its base ends cannot be told.
    """
    symbol = text.strip().upper().replace("/", "-").replace("_", "-")
    if "-" not in symbol:
        symbol = _divided(symbol)
    check_names("any", symbol)
    return symbol


def _divided(symbol: str) -> str:
    try:
        return from_binance(symbol)
    except BadFrameError as e:
        in_dollars = _IN_DOLLARS.fullmatch(symbol)
        if in_dollars:
            return "-".join(in_dollars.groups())
        raise BadRecordError(
            f"cannot tell where the base of {excerpt(symbol)} ends; "
            "pass --symbol BASE-QUOTE"
        ) from e


def check_names(venue: str, symbol: str) -> None:
    """Check that the wire takes a venue and a symbol.

    Raises:
        BadRecordError: It does not; says what it takes.
    """
    probe = Trade(
        venue=venue, symbol=symbol, price=1.0, size=0.0, event_us=0, received_us=0
    )
    decode_trade(encode_trade(probe))


def _decimal(name: str, text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as e:
        raise _bad_number(name, text) from e


def _bad_number(name: str, text: str) -> BadRecordError:
    return BadRecordError(f"a {name} must be a number; found {excerpt(text)}")
