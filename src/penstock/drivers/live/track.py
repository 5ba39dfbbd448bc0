"""Where one ticker stands: what was passed on, what waits, what is missing.

Pure; `GapKeeper` says when.
"""

from math import inf
from typing import NamedTuple

from msgspec.structs import replace as _replace

from penstock.drivers.live.status import TickerCounts
from penstock.model import MAX_SEQ, Trade

__all__ = ["Track", "Wanted"]

_MAX_GAP = 2**31 - 1  # see `Trade`
_SPAN = 1000  # ids that venues give at once: holes so close are asked for together


class Wanted(NamedTuple):
    """Trades to be fetched.

    Attributes:
        venue, symbol: Whose.
        first: The lowest id.
        last: The highest; None for whatever is newer.
        after_us: When the trade before them was made; 0 where that is not known.
        before_us: When the trade after them was made; likewise.
    """

    venue: str
    symbol: str
    first: int
    last: int | None
    after_us: int = 0
    before_us: int = 0


class Track:
    """Where one ticker stands.

    Attributes:
        last: The highest id passed on; 0 before the first.
        next: The highest id that need not wait.
        held: Those that wait: id to the trade, and since when.
        front: The lowest id held.
        ask_s: When to ask for what is missing; infinite while that is under way.
        known: The highest id that the venue spoke of, while it has not come; else 0.
        is_checking: Whether the venue is to be asked for whatever is newer.
        is_new: Whether the current connection has yet to bring its first trade.
        event_us: When the last trade passed on was made.
        newest_us: The highest of these times, and `floor_us` what it was when the
            current connection began.
    """

    __slots__ = (
        "ask_s",
        "counts",
        "event_us",
        "floor_us",
        "front",
        "held",
        "is_checking",
        "is_contiguous",
        "is_new",
        "known",
        "known_s",
        "last",
        "newest_us",
        "next",
        "symbol",
        "venue",
    )

    def __init__(self, venue: str, symbol: str, last: int) -> None:
        self.venue, self.symbol, self.last = venue, symbol, last
        self.counts = TickerCounts()
        self.next = MAX_SEQ
        self.held: dict[int, tuple[Trade, float]] = {}
        self.front = self.known = 0
        self.ask_s, self.known_s = inf, 0.0
        self.is_new, self.is_contiguous = True, False
        self.is_checking = False
        self.event_us = 0
        self.newest_us = self.floor_us = -1

    def start(self, *, contiguous: bool, fetchable: bool) -> None:
        """Begin with a connection's first trade."""
        self.is_new, self.is_contiguous = False, contiguous
        if not self.last:
            return
        if contiguous:
            if self.next == MAX_SEQ:
                self.next = self.last + 1
        elif fetchable:
            # No trade may go on until the venue was asked what came before it.
            self.next, self.is_checking = 0, True

    def knows(self, seq: int, event_us: int) -> bool:
        """Tell whether a trade was passed on before."""
        if seq:
            return seq <= self.last
        return event_us <= self.floor_us

    def hold(self, trade: Trade, now_s: float) -> bool:
        """Let a trade wait; return False if it does so already."""
        seq = trade.seq
        if seq in self.held:
            return False
        if seq < self.front or not self.held:
            self.front = seq
        self.held[seq] = trade, now_s
        return True

    def release(self, trade: Trade, out: list[Trade]) -> None:
        """Pass a trade on, with the gap before it."""
        counts, seq = self.counts, trade.seq
        if seq:
            if self.is_contiguous:
                if self.last and seq > self.last + 1:
                    gap = min(seq - self.last - 1, _MAX_GAP)
                    trade = _replace(trade, gap=gap)
                    counts.gaps += 1
                    counts.missing += gap
                self.next = seq + 1
            self.last = seq
        self.event_us = trade.event_us
        if trade.event_us > self.newest_us:
            self.newest_us = trade.event_us
        counts.trades += 1
        counts.backfilled += trade.backfilled
        out.append(trade)

    def want(self, most: int) -> Wanted:
        """Say what is missing; the newest, where it is more than `most` trades."""
        first, last = self.next if self.is_contiguous else self.last + 1, self._end()
        after_us = self.event_us
        before_us = self.held[self.front][0].event_us if self.held else 0
        if self.is_contiguous and last is not None and last - first >= most:
            skipped = last - most + 1 - first
            if after_us and before_us:  # about when the first of them was made
                after_us += (before_us - after_us) * skipped // (last - first + 1)
            first += skipped
            if self.held:
                self.next = first
        return Wanted(self.venue, self.symbol, first, last, after_us, before_us)

    def _end(self) -> int | None:
        if not self.held:
            return self.known or None
        if not self.is_contiguous:
            return self.front - 1
        # With the first hole also those that a page has room for.
        end, below = self.front - 1, self.front
        for seq in sorted(self.held):
            if seq - self.next > _SPAN:
                break
            if seq > below + 1:
                end = seq - 1
            below = seq
        return end
