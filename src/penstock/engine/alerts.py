"""Watches: what one alert rule remembers of a ticker, and when it fires.

A rule fires once per episode: firing disarms it, and it re-arms when the price has
recovered.  Between these, `quiet` says at which prices nothing can happen at all.
"""

from decimal import Decimal
from math import inf
from typing import Protocol

from penstock.engine.exact import ABOVE, BELOW, MONEY, exact
from penstock.engine.rules import AlertRule, BelowRule, DropRule
from penstock.engine.window import SlidingHigh

__all__ = ["BelowWatch", "DropWatch", "Watch", "watch"]


class Watch(Protocol):
    """One alert rule at work on one ticker.

    Attributes:
        rule_id: The rule's id.
        armed: False from firing until re-arming.
    """

    rule_id: str
    armed: bool

    def see(self, price: float) -> bool:
        """Take in the price of a trade on time; tell whether the rule fires."""

    def level(self) -> float:
        """Return the price that the rule compares with, when it has just fired."""

    def reference(self) -> float | None:
        """Return the high that `level` was taken from, None where there is none."""

    def quiet(self) -> tuple[float, float]:
        """Return (low, top]: prices at which the rule certainly does nothing."""


class BelowWatch:
    """Fires under a fixed price."""

    __slots__ = ("_below", "_from", "_rearm", "_to", "armed", "rule_id")

    def __init__(self, rule: BelowRule, *, armed: bool) -> None:
        self.rule_id, self.armed, self._below = rule.id, armed, rule.below
        self._rearm = MONEY.multiply(rule.below, MONEY.add(Decimal(1), rule.rearm))
        self._from, self._to = float(self._below) * ABOVE, float(self._rearm) * BELOW

    def see(self, price: float) -> bool:
        """See `Watch.see`."""
        if self.armed:
            if price <= self._from and exact(price) < self._below:
                self.armed = False
                return True
        elif price >= self._to and exact(price) >= self._rearm:
            self.armed = True
        return False

    def level(self) -> float:
        """See `Watch.level`."""
        return float(self._below)

    def reference(self) -> float | None:
        """See `Watch.reference`."""
        return None

    def quiet(self) -> tuple[float, float]:
        """See `Watch.quiet`."""
        return (self._from, inf) if self.armed else (-inf, self._to)


class DropWatch:
    """Fires when a price is a fraction under the window's high."""

    __slots__ = (
        "_fire",
        "_from",
        "_rearm",
        "_to",
        "_window",
        "armed",
        "rule_id",
    )

    def __init__(self, rule: DropRule, window: SlidingHigh, *, armed: bool) -> None:
        self.rule_id, self.armed, self._window = rule.id, armed, window
        self._fire = MONEY.subtract(Decimal(1), rule.drop)
        self._rearm = MONEY.subtract(Decimal(1), MONEY.divide(rule.drop, Decimal(2)))
        self._from = float(self._fire) * ABOVE
        self._to = float(self._rearm) * BELOW

    def see(self, price: float) -> bool:
        """See `Watch.see`."""
        high = self._window.seen
        if self.armed:
            if price <= high * self._from and self._is_under(price):
                self.armed = False
                return True
        elif price >= high * self._to and self._is_back(price):
            self.armed = True
        return False

    def level(self) -> float:
        """See `Watch.level`."""
        return float(MONEY.multiply(exact(self._window.seen), self._fire))

    def reference(self) -> float | None:
        """See `Watch.reference`."""
        return self._window.seen

    def quiet(self) -> tuple[float, float]:
        """See `Watch.quiet`."""
        high = self._window.high
        return (high * self._from, inf) if self.armed else (-inf, high * self._to)

    def _is_under(self, price: float) -> bool:
        return exact(price) <= MONEY.multiply(exact(self._window.seen), self._fire)

    def _is_back(self, price: float) -> bool:
        # The fall, (high - price) / high, is less than half the drop.
        return exact(price) > MONEY.multiply(exact(self._window.seen), self._rearm)


def watch(rule: AlertRule, window: SlidingHigh | None, *, armed: bool) -> Watch:
    """Put a rule to work; a `DropRule` needs its window."""
    if isinstance(rule, BelowRule):
        return BelowWatch(rule, armed=armed)
    if window is None:
        raise ValueError(f"rule {rule.id} needs its window of {rule.window_us} us")
    return DropWatch(rule, window, armed=armed)
