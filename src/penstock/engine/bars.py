"""Bars being built: the mutable form of `model.Bar` while a batch is folded."""

from penstock.model import Bar

__all__ = ["OpenBar"]


class OpenBar:
    """One interval of a ticker, aligned to the epoch; trades are added in stream order.

    Sums are plain left folds over the trades, so that they come out the same however
    the trades are divided into batches.
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

    def __init__(
        self,
        ticker: str,
        interval_us: int,
        event_us: int,
        price: float,
        size: float,
        gap: int,
    ) -> None:
        """Begin the interval that a first trade falls into."""
        self.ticker, self.interval_us = ticker, interval_us
        self.start_us = event_us - event_us % interval_us
        self.end_us = self.start_us + interval_us
        self.open = self.high = self.low = self.close = price
        self.volume, self.notional = size, price * size
        self.trades, self.gaps = 1, gap

    @classmethod
    def resume(cls, bar: Bar) -> "OpenBar":
        """Go on with a bar that was saved while open."""
        self = cls(bar.ticker, bar.interval_us, bar.start_us, bar.open, 0.0, bar.gaps)
        self.high, self.low, self.close = bar.high, bar.low, bar.close
        self.volume, self.notional, self.trades = bar.volume, bar.notional, bar.trades
        return self

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

    def take(
        self,
        trades: int,
        highest: float,
        lowest: float,
        close: float,
        volume: float,
        notional: float,
    ) -> None:
        """Take over trades that were counted elsewhere, and the sums that they gave."""
        if highest > self.high:
            self.high = highest
        if lowest < self.low:
            self.low = lowest
        self.close = close
        self.volume, self.notional = volume, notional
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
