"""Where one ticker stands: what was passed on, what waits, what is missing.

Pure; `GapKeeper` says when.
"""

from collections.abc import Collection
from math import inf
from typing import Literal, NamedTuple

from msgspec.structs import replace as _replace

from penstock.drivers.live.ids import Recent
from penstock.drivers.live.status import TickerCounts
from penstock.feeds.sequence import NUMBERS_PER_US
from penstock.model import Trade

__all__ = ["Track", "Verdict", "Wanted"]

Verdict = Literal["new", "known", "late", "odd", "absurd"]

_MAX_GAP = 2**31 - 1  # see `Trade`
# A venue's ids stay below 2**44, which is three thousand times what the busiest has
# reached.  Above that, a `seq` holds how often the venue began its ids anew, so that
# it rises all the same, and the next start knows where to go on.
_ID_BITS = 44
_SPAN = 1000  # ids that venues give at once: holes so close are asked for together
# A jump that is larger is believed when other trades confirm it: where ids count by
# one, and where one numbering serves all of a venue's markets.
_FAR = 100_000
_FAR_RISING = 100_000_000
# One odd id is a mistake; so many that agree are the venue's new numbering.
_AGREEING = 3
_MOST_STRANGERS = 1_000
# A trade that is so much newer than our start was not passed on by an earlier run,
# whatever the difference between the venue's clock and ours.
_SKEW_US = 10_000_000
_DAY_US = 86_400_000_000


class Wanted(NamedTuple):
    """Trades to be fetched.

    Attributes:
        venue, symbol: Whose.
        first: The lowest id.
        last: The highest; None for whatever is newer.
        after_us: When the trade before them was made; 0 where that is not known.
        before_us: When the trade after them was made; likewise.
        is_guess: Whether where to begin in time is one, and may be too late.
        base: What is added to the venue's ids; other trades are no answer.
    """

    venue: str
    symbol: str
    first: int
    last: int | None
    after_us: int = 0
    before_us: int = 0
    is_guess: bool = False
    base: int = 0


class Track:
    """Where one ticker stands.

    Ids are those of the venue plus `base`, which rises when the venue begins anew.

    Attributes:
        last: The highest id passed on; 0 before the first.
        next: The lowest id of which nothing is known; 0 before the first.
        held: Those that wait: id to the trade, None where the venue spent the id on
            no trade, and since when.
        front: The lowest id held.
        top: The highest id that was believed.
        lost: Trades given up since the last that was passed on.
        ask_s: When to ask for what is missing, and `is_asking` whether that is under
            way.
        known: The highest id that the venue spoke of, while it has not come; else 0.
        is_checking: Whether the venue is to be asked for whatever is newer.
        is_new: Whether the current connection has yet to bring its first trade.
        blind_s: For how long nothing came before the current connection, while it is
            open whether anything was missed; else None.
        event_us: When the last trade passed on was made.
        newest_us: When the newest trade that was believed was made, -1 before the
            first, and `floor_us` what it was when the current connection began.
        strangers: Trades whose ids are odd, in the order in which they came, until it
            is known what to make of them.
        since_us: When the first trade came, and `live_us` the first one of the
            current connection, by our clock.
    """

    __slots__ = (
        "ask_s",
        "base",
        "blind_s",
        "counts",
        "event_us",
        "floor_us",
        "front",
        "held",
        "is_asking",
        "is_checking",
        "is_contiguous",
        "is_new",
        "known",
        "known_s",
        "last",
        "live_us",
        "lost",
        "newest_us",
        "next",
        "recent",
        "since_us",
        "strangers",
        "symbol",
        "top",
        "venue",
    )

    def __init__(self, venue: str, symbol: str, last: int) -> None:
        self.venue, self.symbol, self.last = venue, symbol, last
        self.base = last >> _ID_BITS << _ID_BITS
        self.counts = TickerCounts()
        self.next = last + 1 if last else 0
        self.held: dict[int, tuple[Trade | None, float]] = {}
        self.front = self.known = self.lost = 0
        self.top = last
        self.ask_s, self.known_s = inf, 0.0
        self.is_new, self.is_contiguous = True, False
        self.is_asking = self.is_checking = False
        self.blind_s: float | None = 0.0 if last else None
        self.event_us = 0
        self.newest_us = self.floor_us = self.since_us = self.live_us = -1
        self.recent = Recent()
        self.strangers: list[Trade] = []

    def start(self, trade: Trade, *, contiguous: bool) -> None:
        """Begin with a connection's first trade."""
        self.is_new, self.is_contiguous = False, contiguous
        self.live_us = trade.received_us
        if self.since_us < 0:
            self.since_us = trade.received_us
            if self.last and not trade.seq:  # see `Sequencer`
                self.newest_us = self.floor_us = self.last // NUMBERS_PER_US
        if contiguous:  # what was missed shows by the ids
            self.blind_s = None

    def numbered(self, trade: Trade) -> Trade:
        """Return a trade with its id as ids are counted here."""
        if not self.base or not trade.seq:
            return trade
        return _replace(trade, seq=trade.seq + self.base)

    def judge(self, trade: Trade) -> Verdict:
        """Tell what a trade is by its id.

        `late` is one that can no more be put in its place where ids do not count; what
        is `odd` waits for others that confirm it; what is `absurd` has an id that is
        none, or a time to come.
        """
        seq = trade.seq
        if self._is_absurd(trade):
            return "absurd"
        if not seq:
            return "new" if trade.event_us > self.floor_us else "known"
        if seq >= self.next:
            return "new" if self.is_near(seq) else "odd"
        if not self.is_contiguous and self.recent.covers(seq):
            return "known" if seq in self.recent else "late"
        known_us = self.since_us if self.newest_us < 0 else self.newest_us
        return "odd" if trade.event_us > known_us else "known"

    def _is_absurd(self, trade: Trade) -> bool:
        # Our clock may be wrong, and so may one trade's time; hardly in the same way.
        us = trade.event_us - _DAY_US
        is_to_come = us > self.newest_us >= 0 and us > trade.received_us
        return is_to_come or trade.seq >= self.base + 2**_ID_BITS

    def is_near(self, seq: int) -> bool:
        """Tell whether an id is so close to what is known that it need not wait."""
        return seq - self.top <= self.far or not self.next

    @property
    def far(self) -> int:
        """How far a jump may go without a confirmation."""
        return _FAR if self.is_contiguous else _FAR_RISING

    def meet(self, trade: Trade) -> list[Trade]:
        """Keep an odd trade; return all of its numbering once they prove that it is."""
        if any(trade.seq == other.seq for other in self.strangers):
            self.counts.duplicates += 1
        else:
            self.strangers.append(trade)
        if len(self.strangers) > _MOST_STRANGERS:
            del self.strangers[0]
            self.counts.odd += 1
        near = [t for t in self.strangers if abs(t.seq - trade.seq) <= self.far]
        is_proof = len(near) >= _AGREEING
        if trade.seq < self.next and self.newest_us < 0:
            # They may be what an earlier run passed on.
            is_proof &= trade.event_us > self.since_us + _SKEW_US
        return sorted(near, key=lambda t: t.seq) if is_proof else []

    def dismiss(self, but: Collection[Trade] = ()) -> None:
        """Forget the odd trades, and count them; `but` these are odd no more."""
        kept = {trade.seq for trade in but}
        for seq in (trade.seq for trade in self.strangers if trade.seq not in kept):
            if seq < self.next:
                self.counts.duplicates += 1
            else:
                self.counts.odd += 1
        self.strangers.clear()

    def begin_anew(self, strangers: list[Trade]) -> list[Trade]:
        """Go over to a numbering that begins again; return its trades as of now."""
        step = 2**_ID_BITS
        self.base += step
        self.next = self.top = strangers[0].seq + step
        self.known = 0
        self.counts.resets += 1
        return [_replace(trade, seq=trade.seq + step) for trade in strangers]

    def hold(self, seq: int, trade: Trade | None, now_s: float) -> bool:
        """Let a trade wait, or an id that is none; return False if it does already."""
        if seq in self.held:
            return False
        if seq < self.front or not self.held:
            self.front = seq
        self.held[seq] = trade, now_s
        self.top = max(self.top, seq)
        if trade is not None:
            self.newest_us = max(self.newest_us, trade.event_us)
        return True

    def release(self, seq: int, trade: Trade | None, out: list[Trade]) -> None:
        """Pass a trade on, with the gap before it, or an id that is none."""
        if seq:
            if self.is_contiguous:
                self.lost += seq - self.next
            self.next = seq + 1
            if seq > self.top:
                self.top = seq
        if trade is None:
            return
        if self.lost:
            trade = self._marked(trade)
        if seq:
            self.last = seq
            if not self.is_contiguous:
                self.recent.add(seq)
        self.event_us = trade.event_us
        self.newest_us = max(self.newest_us, trade.event_us)
        self.counts.trades += 1
        self.counts.backfilled += trade.backfilled
        out.append(trade)

    def _marked(self, trade: Trade) -> Trade:
        gap, self.lost = min(self.lost, _MAX_GAP), 0
        self.counts.gaps += 1
        self.counts.missing += gap
        return _replace(trade, gap=gap)

    def want(self) -> Wanted:
        """Say what is missing."""
        end = self._end()
        before = self.held[self.front][0] if self.held else None
        return Wanted(
            self.venue,
            self.symbol,
            self.next - self.base,
            None if end is None else end - self.base,
            self.event_us,
            before.event_us if before else 0,
            is_guess=not self.event_us,
            base=self.base,
        )

    def _end(self) -> int | None:
        if not self.held:
            return self.known or None
        # With the first hole also those that a page has room for.
        end, below = self.front - 1, self.front
        for seq in sorted(self.held):
            if seq - self.next > _SPAN:
                break
            if seq > below + 1:
                end = seq - 1
            below = seq
        return end
