"""What the operator wants done: thresholds as exact fractions, times in microseconds.

Values only: `engine.alerts`, `engine.strategy` and `engine.step` act on them.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct

__all__ = [
    "BUCKETS",
    "AlertRule",
    "BelowRule",
    "DropRule",
    "Resolution",
    "Rules",
    "StrategyRule",
    "applies",
    "duration_text",
]

BUCKETS = 60  # a window's high is kept in this many equal buckets

Resolution = Literal["tick", "1s", "1m"]

_UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000))


class BelowRule(Struct, frozen=True, kw_only=True, tag="below"):
    """Fires when a price is under `below`; re-arms at `below` x (1 + `rearm`)."""

    ticker: str = "*"
    below: Decimal
    rearm: Decimal = Decimal("0.005")

    @property
    def id(self) -> str:
        """Name the rule within its ticker; a change of `rearm` is the same rule."""
        return f"below:{self.below.normalize():f}"


class DropRule(Struct, frozen=True, kw_only=True, tag="drop"):
    """Fires when a price is `drop` under the window's high; re-arms at half of it."""

    ticker: str = "*"
    drop: Decimal
    window_us: int

    @property
    def id(self) -> str:
        """Name the rule within its ticker."""
        return f"drop:{self.drop.normalize():f}:{duration_text(self.window_us)}"


AlertRule = BelowRule | DropRule


class StrategyRule(Struct, frozen=True, kw_only=True):
    """Buy the dip, take the profit; fractions of a price, 0.05 is five percent.

    Attributes:
        ticker: Which tickers are traded: "*", a symbol, or venue:SYMBOL.
        window_us: Look-back over which the high is taken.
        dip: Buy at `high` x (1 - dip) or lower.
        take_profit: Sell at entry x (1 + take_profit) or higher.
        stop_loss: Sell at entry x (1 - stop_loss) or lower; None is off.
        cooldown_us: No buy before this long after a sale, by event time.
        notional: Spent per position, in the quote currency.
        fee_bps: Hundredths of a percent of the notional traded, on each side.
        slippage_bps: How much worse than the trade's price a fill is.
    """

    ticker: str = "*"
    window_us: int = 300_000_000
    dip: Decimal = Decimal("0.01")
    take_profit: Decimal = Decimal("0.05")
    stop_loss: Decimal | None = None
    cooldown_us: int = 0
    notional: Decimal = Decimal(1000)
    fee_bps: Decimal = Decimal(10)
    slippage_bps: Decimal = Decimal(0)


class Rules(Struct, frozen=True, kw_only=True):
    """All that decides what the step does.

    Attributes:
        bar_us: Length of a bar; a multiple of `history`'s resolution.
        history: Resolution of the history rows.
        alerts: Any number; two of the same id for one ticker count as one.
        strategy: None where nothing is to be traded.
    """

    bar_us: int = 60_000_000
    history: Resolution = "1s"
    alerts: tuple[AlertRule, ...] = ()
    strategy: StrategyRule | None = None

    def of(self, ticker: str) -> "Rules":
        """Keep only what applies to `ticker`; of two rules of one id, the last."""
        alerts = {r.id: r for r in self.alerts if applies(r.ticker, ticker)}
        strategy = self.strategy
        if strategy is not None and not applies(strategy.ticker, ticker):
            strategy = None
        return Rules(
            bar_us=self.bar_us,
            history=self.history,
            alerts=tuple(alerts.values()),
            strategy=strategy,
        )


def applies(pattern: str, ticker: str) -> bool:
    """Tell whether a rule written for `pattern` is meant for `ticker`.

    >>> [applies(p, "kraken:BTC-USD") for p in ("*", "BTC-USD", "coinbase:BTC-USD")]
    [True, True, False]
    """
    return pattern in ("*", ticker, ticker.partition(":")[2])


def duration_text(us: int) -> str:
    """Write a duration as penstock.toml does, in its largest whole unit.

    >>> [duration_text(us) for us in (300_000_000, 90_000_000, 1_500_000)]
    ['5m', '90s', '1500ms']
    """
    for unit, length in _UNITS:
        if us and us % length == 0:
            return f"{us // length}{unit}"
    return f"{us // 1_000_000}s" if us % 1_000_000 == 0 else f"{us // 1000}ms"
