"""Numbers and times as venues write them, to the model's floats and microseconds.

Exact where the model can hold the value; where it cannot, the loss is counted.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from math import inf
from typing import Annotated

from msgspec import Meta

from penstock.feeds.base import BadFrameError, Notes
from penstock.model import MAX_AMOUNT, MAX_SEQ, MAX_TIME_US

__all__ = ["TradeId", "epoch_us", "iso_us", "price_of", "size_of", "unix_us"]

# 0 means "no seq" in the model.
TradeId = Annotated[int, Meta(ge=1, le=MAX_SEQ)]

# float64 carries this many significant digits there and back.  No traps: what is no
# number becomes NaN, which then fails the range check.
_FIFTEEN = Context(prec=15, traps=[])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Times in milliseconds stay below this until the year 5138, those in microseconds
# have been above it since March 1973.
_MILLISECONDS_END = 100_000_000_000_000

_UNIX = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,18}))?")


def price_of(value: Decimal, notes: Notes) -> float:
    """Turn a price into a float of at most 15 significant digits.

    Raises:
        BadFrameError: Not above 0, or above MAX_AMOUNT.
    """
    kept = _FIFTEEN.plus(value)
    price = float(kept)
    if not 0 < price < inf:
        raise BadFrameError(f"a price must be above 0 and finite; found {kept}")
    return _kept("price", price, kept != value, notes)


def size_of(value: Decimal, notes: Notes) -> float:
    """Turn a size into a float of at most 15 significant digits.

    Raises:
        BadFrameError: Below 0, or above MAX_AMOUNT.
    """
    kept = _FIFTEEN.plus(value)
    size = float(kept)
    if not 0 <= size < inf:
        raise BadFrameError(f"a size must be 0 or above and finite; found {kept}")
    return _kept("size", size, kept != value, notes)


def iso_us(text: str) -> int:
    """Read an ISO 8601 time with its zone; digits after the sixth are cut.

    >>> iso_us("2026-08-09T21:05:48.228846999Z")
    1786309548228846

    Raises:
        BadFrameError: Another form, or outside the years 1970 to 2255.
    """
    try:
        us = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, TypeError) as e:  # TypeError: there is no zone
        raise _bad_time("ISO 8601 with its zone", text) from e
    return _in_range(us, text)


def unix_us(text: str) -> int:
    """Read seconds since the epoch, in decimal; digits after the sixth are cut.

    >>> unix_us("1617666461.465618")
    1617666461465618

    Raises:
        BadFrameError: Another form, or outside the years 1970 to 2255.
    """
    parts = _UNIX.fullmatch(text)
    if parts is None:
        raise _bad_time("seconds since 1970", text)
    seconds, fraction = parts.groups(default="")
    return _in_range(int(seconds) * 1_000_000 + int(f"{fraction:0<6.6}"), text)


def epoch_us(value: int) -> int:
    """Read a time in milliseconds or microseconds, told apart by its magnitude.

    >>> [epoch_us(t) for t in (1723161255342, 1723161255342018)]
    [1723161255342000, 1723161255342018]

    Raises:
        BadFrameError: Outside the years 1970 to 2255.
    """
    us = value * 1000 if value < _MILLISECONDS_END else value
    return _in_range(us, str(value))


def _kept(name: str, value: float, is_rounded: bool, notes: Notes) -> float:
    if value > MAX_AMOUNT:
        raise BadFrameError(f"a {name} must be at most 1e18; found {value:g}")
    if is_rounded:
        notes.rounded += 1
    return value


def _in_range(us: int, text: str) -> int:
    if not 0 <= us <= MAX_TIME_US:
        raise _bad_time("between 1970 and 2255", text)
    return us


def _bad_time(expected: str, text: str) -> BadFrameError:
    return BadFrameError(f"a trade's time must be {expected}; found {text[:40]!r}")
