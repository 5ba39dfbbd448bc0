"""Buy the dip, sell at a profit: what a trade does to a ticker's paper position.

Money is Decimal to the last digit: entry = price x (1 + slippage), exit = price x
(1 - slippage), quantity = notional / entry rounded down to 8 decimals, fee =
fee_bps / 10000 x quantity x fill on each side, 34 digits, half even.
"""

from decimal import Decimal
from math import inf
from typing import Literal

from penstock.engine.exact import ABOVE, BELOW, MONEY, exact, floor_quotient
from penstock.engine.rules import StrategyRule
from penstock.engine.window import SlidingHigh
from penstock.model import CompletedTrade, Position

__all__ = ["Trader"]

Reason = Literal["take_profit", "stop_loss"]

_ONE = Decimal(1)
_LOT = Decimal("1e-8")


class Trader:
    """One strategy at work on one ticker.

    Attributes:
        position: The open position, None when flat.
        sold_us: Event time of the last sale, 0 before the first.
    """

    __slots__ = (
        "_buy_to",
        "_dip",
        "_rule",
        "_sell_from",
        "_stop",
        "_stop_to",
        "_target",
        "_window",
        "position",
        "sold_us",
    )

    def __init__(
        self,
        rule: StrategyRule,
        window: SlidingHigh,
        position: Position | None,
        sold_us: int,
    ) -> None:
        self._rule, self._window = rule, window
        self._dip = MONEY.subtract(_ONE, rule.dip)
        self._buy_to = float(self._dip) * ABOVE
        self.sold_us = sold_us
        self._hold(position)

    def may_act(self, price: float) -> bool:
        """Tell whether `see` could do something; False is certain."""
        if self.position is None:
            return price <= self._window.seen * self._buy_to
        return not self._stop_to < price < self._sell_from

    def see(
        self, ticker: str, price: float, event_us: int, ref: str
    ) -> Position | CompletedTrade | None:
        """Take in a trade on time; return what was opened or completed, if anything.

        At most one of the two happens on one trade.  `ref` names the trade within its
        ticker.
        """
        if self.position is not None:
            return self._sell(self.position, price, event_us, ref)
        return self._buy(ticker, price, event_us, ref)

    def quiet(self) -> tuple[float, float]:
        """Return (low, top]: prices at which certainly nothing is bought or sold."""
        if self.position is None:
            return self._window.high * self._buy_to, inf
        return self._stop_to, self._sell_from

    def _hold(self, position: Position | None) -> None:
        self.position = position
        self._target = self._stop = Decimal(0)
        if position is None:
            return
        rule, entry = self._rule, position.entry_price
        self._target = MONEY.multiply(entry, MONEY.add(_ONE, rule.take_profit))
        if rule.stop_loss is not None:
            self._stop = MONEY.multiply(entry, MONEY.subtract(_ONE, rule.stop_loss))
        self._sell_from = float(self._target) * BELOW
        self._stop_to = float(self._stop) * ABOVE

    def _buy(
        self, ticker: str, price: float, event_us: int, ref: str
    ) -> Position | None:
        if not self.may_act(price) or self._is_cooling(event_us):
            return None
        if exact(price) > MONEY.multiply(exact(self._window.seen), self._dip):
            return None
        entry = MONEY.multiply(exact(price), MONEY.add(_ONE, self._slippage()))
        quantity = floor_quotient(self._rule.notional, entry, _LOT)
        if not quantity:
            return None  # the notional buys less than the smallest lot
        self._hold(
            Position(
                id=f"{ticker}/position/{ref}",
                ticker=ticker,
                quantity=quantity,
                entry_price=entry,
                entry_fee=self._fee(quantity, entry),
                entry_us=event_us,
            )
        )
        return self.position

    def _is_cooling(self, event_us: int) -> bool:
        return bool(self.sold_us) and event_us < self.sold_us + self._rule.cooldown_us

    def _sell(
        self, held: Position, price: float, event_us: int, ref: str
    ) -> CompletedTrade | None:
        reason = self._reason_to_sell(price)
        if reason is None:
            return None
        fill = MONEY.multiply(exact(price), MONEY.subtract(_ONE, self._slippage()))
        fees = MONEY.add(held.entry_fee, self._fee(held.quantity, fill))
        gain = MONEY.multiply(held.quantity, MONEY.subtract(fill, held.entry_price))
        profit = MONEY.subtract(gain, fees)
        cost = MONEY.multiply(held.quantity, held.entry_price)
        self._hold(None)
        self.sold_us = event_us
        return CompletedTrade(
            id=f"{held.ticker}/trade/{ref}",
            position_id=held.id,
            ticker=held.ticker,
            reason=reason,
            quantity=held.quantity,
            entry_price=held.entry_price,
            exit_price=fill,
            entry_us=held.entry_us,
            exit_us=event_us,
            fees=fees,
            profit=profit,
            return_=MONEY.divide(profit, cost),
        )

    def _reason_to_sell(self, price: float) -> Reason | None:
        if price >= self._sell_from and exact(price) >= self._target:
            return "take_profit"
        if price <= self._stop_to and exact(price) <= self._stop:
            return "stop_loss"
        return None

    def _slippage(self) -> Decimal:
        return MONEY.divide(self._rule.slippage_bps, Decimal(10_000))

    def _fee(self, quantity: Decimal, fill: Decimal) -> Decimal:
        rate = MONEY.divide(self._rule.fee_bps, Decimal(10_000))
        return MONEY.multiply(MONEY.multiply(rate, quantity), fill)
