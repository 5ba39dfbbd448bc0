"""Settings as people write them: durations, fractions, numbers, sizes, rates, choices.

Each reader takes one value, from TOML or the command line, and gives it back in the
program's unit, without rounding.  What it cannot read raises ValueError, whose text is
what may stand there.  Nothing here knows a key or a file.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from math import inf, isfinite
from typing import TypeVar

__all__ = [
    "duration_us",
    "flag",
    "fraction",
    "number",
    "one_of",
    "rate_per_s",
    "size_bytes",
    "text",
    "whole",
    "within",
]

_Kind = TypeVar("_Kind")
_Ordered = TypeVar("_Ordered", int, float, Decimal)

# Digits are bounded, so that no text makes a number that is slow to compute with.
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_SIZE = re.compile(r"([0-9]{1,12})(B|kB|MB|GB|KiB|MiB|GiB)")

_US = {"ms": 10**3, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9} | {
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def _exactly(kind: type[_Kind], expected: str) -> Callable[[object], _Kind]:
    def read(value: object) -> _Kind:
        # Not isinstance: true and false are no numbers here.
        if type(value) is kind:
            return value
        raise ValueError(expected)

    return read


text = _exactly(str, "text in quotes")
flag = _exactly(bool, "true or false")
whole = _exactly(int, "a whole number")


def number(value: object) -> Decimal:
    """Read a number; as text it may have more digits than TOML's floats carry.

    Raises:
        ValueError: Something else, or NaN or infinite.

    >>> number(0.1), number("0.00000123")
    (Decimal('0.1'), Decimal('0.00000123'))
    """
    if isinstance(value, float) and isfinite(value):
        return Decimal(repr(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    try:
        return Decimal(whole(value))
    except ValueError as e:
        raise ValueError('a number, such as 85000 or "0.00001234"') from e


def fraction(value: object) -> Decimal:
    """Read a fraction, written as 0.05 or "5%".

    Raises:
        ValueError: Neither.

    >>> fraction(0.05) == fraction("5%") == Decimal("0.05")
    True
    """
    is_percent = isinstance(value, str) and value.endswith("%")
    try:
        amount = number(str(value)[:-1] if is_percent else value)
    except ValueError as e:
        raise ValueError('a fraction, such as 0.05 or "5%"') from e
    # An exponent in the text, unlike a division, never rounds.
    return Decimal(f"{amount:f}e-2") if is_percent else amount


def duration_us(value: object) -> int:
    """Read a duration such as "500ms" or "1.5s", in microseconds.

    Raises:
        ValueError: Something else, as a number without a unit, or a duration that is
            not whole microseconds.

    >>> [duration_us(written) for written in ("500ms", "1.5s", "5m")]
    [500000, 1500000, 300000000]
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            'a duration with its unit, such as "500ms", "30s", "5m", "24h" or "7d"'
        )
    us = Decimal(match[1]) * _US[match[2]]
    if us % 1:
        raise ValueError('a whole number of microseconds, such as "1.5ms"')
    return int(us)


def size_bytes(value: object) -> int:
    """Read a size such as 5000, "5kB" or "1MiB", in bytes.

    Raises:
        ValueError: Something else.

    >>> size_bytes("5MB"), size_bytes("1MiB")
    (5000000, 1048576)
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    try:
        return int(match[1]) * _BYTES[match[2]] if match else whole(value)
    except ValueError as e:
        raise ValueError('a size, such as 5000, "5kB", "5MB" or "1MiB"') from e


def rate_per_s(value: object) -> float:
    """Read a rate per second; "max", as fast as possible, is infinite.

    Raises:
        ValueError: Something else.

    >>> rate_per_s(200), rate_per_s("max")
    (200.0, inf)
    """
    try:
        return inf if value == "max" else float(number(value))
    except ValueError as e:
        raise ValueError('a rate per second, such as 200, or "max"') from e


def one_of(choices: Sequence[str]) -> Callable[[object], str]:
    """Make a reader of one of `choices`, which names the nearest when it refuses."""
    listed = " or ".join(f'"{choice}"' for choice in choices)

    def read(value: object) -> str:
        if isinstance(value, str) and value in choices:
            return value
        close = get_close_matches(str(value).lower(), choices, n=1)
        raise ValueError(f'{listed} (did you mean "{close[0]}"?)' if close else listed)

    return read


def within(
    read: Callable[[object], _Ordered],
    low: object,
    high: object,
    *,
    above: bool = False,
    below: bool = False,
) -> Callable[[object], _Ordered]:
    """Make a reader that takes what `read` takes from `low` to `high`.

    Args:
        read: The reader.
        low: The least value, as `read` reads it.
        high: The greatest value, likewise.
        above: Whether `low` itself is refused.
        below: Whether `high` itself is refused.
    """
    least, greatest = read(low), read(high)
    expected = (
        f"{'above' if above else 'at least'} {_written(low)} "
        f"and {'below' if below else 'at most'} {_written(high)}"
    )

    def bounded(value: object) -> _Ordered:
        result = read(value)
        too_low = result <= least if above else result < least
        too_high = result >= greatest if below else result > greatest
        if too_low or too_high:
            raise ValueError(expected)
        return result

    return bounded


def _written(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
