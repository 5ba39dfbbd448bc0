"""Floats filter, Decimal decides: how prices meet thresholds, and money's arithmetic.

A float comparison that comes within NEAR of a threshold, or beyond it, is settled in
Decimal; so a float can say at most "certainly not".
"""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal

__all__ = ["ABOVE", "BELOW", "MONEY", "exact", "floor_quotient"]

NEAR = 1e-9  # relative; float64 arithmetic errs by less than 1e-15 here
ABOVE = 1 + NEAR
BELOW = 1 - NEAR

# Money's context, spelt out: the thread's own could have been changed by anyone.
MONEY = Context(prec=34, rounding=ROUND_HALF_EVEN)

# Wide enough for the quotient of any two float64 prices with 8 decimals.
_WIDE = Context(prec=700, rounding=ROUND_DOWN)


def exact(price: float) -> Decimal:
    """Return the decimal that a float was read from, up to 15 significant digits."""
    return Decimal(repr(price))


def floor_quotient(dividend: Decimal, divisor: Decimal, step: Decimal) -> Decimal:
    """Divide and round down to a whole number of `step`s (a power of ten)."""
    return _WIDE.quantize(_WIDE.divide(dividend, divisor), step)
