"""Bars being built: the mutable form of `model.Bar` while a batch is folded."""

from penstock.model import Bar

__all__ = ["OpenBar"]


class OpenBar:
    """One interval of a ticker, aligned to the epoch; trades are added in stream order.

    Sums are plain left folds over the trades, so that they come out the same however
    the trades are divided into batches.

    Attributes:
        trades: How many trades; 0 before the first interval.
    """

    __slots__ = (
        "close",
        "end_us",
        "gaps",
        "high",
        "interval_us",
        "low",
        "notional",
        "open",
        "start_us",
        "ticker",
        "trades",
        "volume",
    )

    def __init__(self, ticker: str, interval_us: int, saved: Bar | None) -> None:
        """Go on with `saved`; without it, be over before the first trade."""
        self.ticker, self.interval_us = ticker, interval_us
        if saved is None or saved.interval_us != interval_us:
            # One of another length, from before the rules changed, stays as written.
            self.begin(-interval_us, 0.0, 0.0, 0)
            self.trades = 0
            return
        self.begin(saved.start_us, saved.open, 0.0, saved.gaps)
        self.high, self.low, self.close = saved.high, saved.low, saved.close
        self.volume, self.notional = saved.volume, saved.notional
        self.trades = saved.trades

    def begin(self, event_us: int, price: float, size: float, gap: int) -> None:
        """Begin the interval that a first trade falls into."""
        self.start_us = start_us = event_us - event_us % self.interval_us
        self.end_us = start_us + self.interval_us
        self.open = self.high = self.low = self.close = price
        self.volume, self.notional = size, price * size
        self.trades, self.gaps = 1, gap

    def add(self, price: float, size: float, gap: int) -> None:
        """Count one trade."""
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += size
        self.notional += price * size
        self.trades += 1
        self.gaps += gap

    def take(self, trades: int, highest: float, lowest: float, close: float) -> None:
        """Take over trades that were counted elsewhere; their sums come separately."""
        if highest > self.high:
            self.high = highest
        if lowest < self.low:
            self.low = lowest
        self.close = close
        self.trades += trades

    def save(self) -> Bar:
        """Return the bar as it stands."""
        return Bar(
            ticker=self.ticker,
            start_us=self.start_us,
            interval_us=self.interval_us,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            notional=self.notional,
            trades=self.trades,
            gaps=self.gaps,
        )
