"""The high of a look-back window, from 60 equal buckets aligned to the epoch.

State stays small and bounded whatever the rate: one maximum per bucket.
"""

from penstock.engine.rules import BUCKETS
from penstock.model import Window

__all__ = ["SlidingHigh"]


class SlidingHigh:
    """Follows one window of a ticker while a batch is folded.

    Besides the window's 60 buckets it keeps as many older ones as an open bar can
    reach back (at most 60 more), so that a trade that comes out of order, yet not
    late, sees the 60 buckets that end with its own.

    Attributes:
        high: Highest price of the 60 newest buckets, 0.0 before the first trade.
        seen: The high as the trade last added sees it.
        start_us, end_us: Bounds of the newest bucket.
    """

    __slots__ = (
        "_maxima",
        "_newest",
        "_window_us",
        "end_us",
        "high",
        "seen",
        "start_us",
    )

    def __init__(self, window_us: int, bar_us: int, saved: Window | None) -> None:
        self._window_us = window_us
        kept = BUCKETS + min(BUCKETS, -(-bar_us * BUCKETS // window_us))
        self._maxima = [0.0] * kept
        if saved is None:
            # A bucket before the epoch, so that the first trade opens its own.
            self._enter(-kept)
        else:
            old = saved.maxima[-kept:]
            self._maxima[kept - len(old) :] = old
            self._enter(saved.newest)
        self.high = self.seen = max(self._maxima[-BUCKETS:])

    def add(self, event_us: int, price: float) -> None:
        """Count a trade in its bucket, and set `high` and `seen`."""
        if event_us >= self.end_us:
            self._advance(event_us)
        elif event_us < self.start_us:
            self._add_older(event_us, price)
            return
        maxima = self._maxima
        if price > maxima[-1]:
            maxima[-1] = price
            if price > self.high:
                self.high = price
        self.seen = self.high

    def raise_newest(self, price: float) -> None:
        """Count a price of the newest bucket that is known not to exceed `high`."""
        if price > self._maxima[-1]:
            self._maxima[-1] = price

    def save(self) -> Window:
        """Return what has to be remembered."""
        return Window(self._newest, tuple(self._maxima))

    def _add_older(self, event_us: int, price: float) -> None:
        maxima = self._maxima
        place = len(maxima) - 1 + event_us * BUCKETS // self._window_us - self._newest
        self.seen = price
        if place >= 0:
            maxima[place] = max(maxima[place], price)
            self.seen = max(maxima[max(0, place - BUCKETS + 1) : place + 1])
            self.high = max(maxima[-BUCKETS:])

    def _advance(self, event_us: int) -> None:
        maxima, bucket = self._maxima, event_us * BUCKETS // self._window_us
        new = min(bucket - self._newest, len(maxima))
        leaving = maxima[-BUCKETS : new - BUCKETS] if new < BUCKETS else maxima
        had_high = self.high in leaving
        del maxima[:new]
        maxima.extend([0.0] * new)
        self._enter(bucket)
        if had_high:
            self.high = max(maxima[-BUCKETS:])

    def _enter(self, bucket: int) -> None:
        # Bucket b holds the events with b <= event x 60 / window < b + 1, exactly,
        # also where a sixtieth of the window is no whole number of microseconds.
        self._newest = bucket
        self.start_us = -(-bucket * self._window_us // BUCKETS)
        self.end_us = -(-(bucket + 1) * self._window_us // BUCKETS)
