"""Which trades are missing, and in what order the others may go on.

Pure: no I/O and no clock; the caller says what time it is, on a clock that never goes
back.  Trades are taken as they arrive and given back per ticker in the order of their
ids, each once:

* Where ids count by one, a jump holds back the ticker's newer trades until the missing
  ones have come, by themselves or fetched, or were waited for long enough.  What did
  not come is the `gap` of the trade after it, computed from the ids of the trades that
  are passed on, and never from what anybody says.  An id that the venue says it spent
  on no trade is none that is missing.
* Where ids rise otherwise, all trades wait a moment, so that those that overtook one
  another are put in order.  One that comes later still is a missing one.
* Where there are no ids, what a venue repeats on a new connection is told by its time.

Where nothing can be counted, a lost connection is an outage, and is counted as such,
unless the new one repeats a trade from before it.  An id that is far from all others
changes nothing until others confirm it.  A ticker never waits for another.
"""

from collections.abc import Collection, Iterable, Mapping
from math import inf

from msgspec.structs import replace as _replace

from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.status import TickerStatus
from penstock.drivers.live.track import Track, Wanted
from penstock.model import Trade, ticker_of

__all__ = ["GapKeeper"]

# How much longer than for a trade the wait is for what only a heartbeat speaks of: it
# may well have overtaken the trade.
_HEARSAY = 4
# Most questions at once for whatever is newer: a trade that waits for an older one has
# to have its turn soon.
_CHECKS = 2


class GapKeeper:
    """Puts the trades of all tickers in order.

    Args:
        marks: Highest seq per ticker that the stream holds; what is not above it was
            passed on before.
        fetchable: Venues whose past trades can be had at all; their ids count by one.
        timing: How long to wait, and for how many.

    Attributes:
        arrived: How many trades came that were new.
    """

    def __init__(
        self, marks: Mapping[str, int], fetchable: Collection[str], timing: Timing
    ) -> None:
        self._marks = dict(marks)
        self._fetchable = fetchable
        self._timing = timing
        self._tracks: dict[tuple[str, str], Track] = {}
        self._waiting: set[Track] = set()
        self._checks = 0
        self.arrived = 0

    def take(
        self, trades: Iterable[Trade], now_s: float, *, contiguous: bool
    ) -> list[Trade]:
        """Take trades as they arrived; return those, and others, that may go on.

        Args:
            trades: Of any tickers.
            now_s: The time.
            contiguous: Whether the ids of a ticker count by one.
        """
        tracks = self._tracks
        out: list[Trade] = []
        for trade in trades:
            track = tracks.get((trade.venue, trade.symbol))
            if track is None:
                track = self._begin(trade.venue, trade.symbol)
            if track.is_new:
                track.start(trade, contiguous=contiguous)
            self._sort(track, track.numbered(trade), now_s, out)
        return out

    def spent(
        self, venue: str, symbol: str, ids: Iterable[int], now_s: float
    ) -> list[Trade]:
        """Note ids that the venue spent on no trade; return what may go on.

        Only where ids count by one, but for these.
        """
        track = self._begin(venue, symbol)
        track.is_contiguous = True
        out: list[Trade] = []
        for number in ids:
            seq = number + track.base
            has_begun = track.next or track.held
            if has_begun and seq >= track.next and track.is_near(seq):
                self._place(track, seq, None, now_s, out)
        self._settle(track)
        return out

    def fill(
        self,
        wanted: Wanted,
        trades: Iterable[Trade],
        now_s: float,
        spent: Iterable[int] = (),
    ) -> list[Trade]:
        """Take trades that were fetched; return what may go on.

        Args:
            wanted: What they were fetched for.
            trades: Those of them that came, oldest first; what is known already, or
                was given up, is left out.
            now_s: The time.
            spent: Ids among those wanted of which the answer says that no trade has
                them.
        """
        track = self._begin(wanted.venue, wanted.symbol)
        out: list[Trade] = []
        if wanted.base != track.base:
            return out
        for trade in trades:
            seq = trade.seq + track.base
            is_new = seq >= track.next and seq not in track.held
            if is_new and track.is_near(seq):
                fetched = _replace(trade, seq=seq, backfilled=True)
                self._place(track, seq, fetched, now_s, out)
        out += self.spent(wanted.venue, wanted.symbol, spent, now_s)
        self._settle(track)
        return out

    def answered(self, wanted: Wanted, now_s: float) -> None:
        """Note that `wanted` will bring no more."""
        track = self._begin(wanted.venue, wanted.symbol)
        self._checks -= wanted.last is None
        track.is_asking = False
        has_helped = track.next - track.base > wanted.first
        track.ask_s = now_s if has_helped else now_s + self._timing.retry_s
        self._settle(track)

    def heard_of(self, venue: str, symbol: str, seq: int, now_s: float) -> None:
        """Note that the venue speaks of a trade; it is fetched unless it comes soon."""
        track = self._begin(venue, symbol)
        seq += track.base
        is_news = seq >= track.next and seq > track.known and track.is_near(seq)
        if not (track.is_contiguous and track.next and is_news):
            return
        track.known, track.known_s = seq, now_s
        self._await(track, now_s + _HEARSAY * self._timing.grace_s)

    def check(self, venue: str, symbol: str, now_s: float) -> None:
        """Have the venue asked for anything newer than the ticker's last trade."""
        track = self._begin(venue, symbol)
        if track.next and venue in self._fetchable:
            track.is_checking = True
            self._await(track, now_s + self._timing.grace_s)

    def resumed(
        self, venue: str, symbol: str, now_s: float, *, blind_s: float | None = None
    ) -> None:
        """Note that the ticker comes by a new connection from here on.

        Args:
            venue: The venue.
            symbol: The symbol.
            now_s: The time.
            blind_s: For how long nothing came before it; None where nothing was lost.
        """
        track = self._begin(venue, symbol)
        track.is_new, track.floor_us = True, track.newest_us
        if blind_s is not None and (track.next or track.counts.trades):
            track.blind_s = (track.blind_s or 0.0) + blind_s
        if track.counts.since_s is None:
            track.counts.since_s = now_s

    def wanted(self, now_s: float) -> list[Wanted]:
        """Return what is to be fetched now; each needs its `answered` in the end."""
        asked = []
        for track in list(self._waiting):
            self._settle(track)
            if not self._may_ask(track, now_s):
                continue
            wanted = track.want()
            if wanted.last is None:
                if self._checks >= _CHECKS:
                    continue
                self._checks += 1
                # One that is asked for meanwhile is another.
                track.is_checking = False
            track.is_asking = True
            asked.append(wanted)
        return asked

    def due(self, now_s: float) -> list[Trade]:
        """Return the trades that have waited for long enough, with their gaps."""
        out: list[Trade] = []
        for track in list(self._waiting):
            patience_s = self._patience_s(track)
            if track.held and track.is_contiguous and not track.next:
                self._open(track, now_s - patience_s, now_s, out)
            elif track.held:
                self._give_up(track, now_s - patience_s, self._timing.max_held, out)
            if track.known and now_s - track.known_s >= patience_s:
                track.known = 0
            self._settle(track)
        return out

    def flush(self) -> list[Trade]:
        """Return all that waits, with its gaps."""
        out: list[Trade] = []
        for track in self._tracks.values():
            self._give_up(track, inf, 0, out)
            track.dismiss()
            self._settle(track)
        return out

    @property
    def is_waiting(self) -> bool:
        """Whether any trade waits for a missing one."""
        return any(track.held for track in self._waiting)

    def statuses(
        self, now_s: float, quiet_s: Mapping[str, float]
    ) -> list[TickerStatus]:
        """Return a snapshot of every ticker, sorted by name.

        Args:
            now_s: The time.
            quiet_s: By venue, how long without a trade makes a ticker stale.
        """
        return [
            track.counts.status(
                ticker_of(venue, symbol),
                now_s,
                quiet_s=quiet_s.get(venue, inf),
                held=len(track.held),
            )
            for (venue, symbol), track in sorted(self._tracks.items())
        ]

    def seen_s(self, venue: str, symbol: str) -> float | None:
        """Return when a trade of the ticker last came; None before the first."""
        return self._begin(venue, symbol).counts.seen_s

    def last_of(self, venue: str, symbol: str) -> int:
        """Return the venue's id of the ticker's newest trade passed on; 0 before."""
        track = self._begin(venue, symbol)
        return max(track.last - track.base, 0)

    def _begin(self, venue: str, symbol: str) -> Track:
        track = self._tracks.get((venue, symbol))
        if track is None:
            last = self._marks.get(ticker_of(venue, symbol), 0)
            track = self._tracks[venue, symbol] = Track(venue, symbol, last)
            track.is_contiguous = venue in self._fetchable
        return track

    def _sort(self, track: Track, trade: Trade, now_s: float, out: list[Trade]) -> None:
        match track.judge(trade):
            case "new":
                self._arrive(track, trade, now_s, out)
            case "known":
                track.counts.duplicates += 1
                track.blind_s = None  # the venue goes back to before it
            case "late":
                track.lost += 1
                track.recent.add(trade.seq)
            case "odd":
                self._meet(track, trade, now_s, out)
            case "absurd":
                track.counts.odd += 1

    def _arrive(
        self, track: Track, trade: Trade, now_s: float, out: list[Trade]
    ) -> None:
        """Take a trade that is where it may be."""
        counts = track.counts
        counts.seen_s = now_s
        self.arrived += 1
        if trade.received_us > track.live_us:  # what a venue repeats comes first
            counts.latencies_us.append(trade.received_us - trade.event_us)
        if track.blind_s is not None:
            counts.outages += 1
            counts.blind_s += track.blind_s
            track.blind_s = None
        if track.strangers:
            track.dismiss()
        if not trade.seq:
            track.release(0, trade, out)
        else:
            self._place(track, trade.seq, trade, now_s, out)

    def _place(
        self,
        track: Track,
        seq: int,
        trade: Trade | None,
        now_s: float,
        out: list[Trade],
    ) -> None:
        """Pass a trade on, or an id that is none, if it is the next; else hold it."""
        if track.is_contiguous and seq == track.next:
            track.release(seq, trade, out)
            if track.held:
                self._go_on(track, out)
            return
        if not track.hold(seq, trade, now_s):
            track.counts.duplicates += trade is not None
        self._await(track, now_s + self._timing.grace_s)
        if len(track.held) > self._timing.max_held:
            self._give_up(track, -inf, self._timing.max_held // 2, out)

    def _meet(self, track: Track, trade: Trade, now_s: float, out: list[Trade]) -> None:
        """Keep an odd trade; go over to its numbering if there are enough like it."""
        agreed = track.meet(trade)
        if not agreed:
            return
        is_anew = agreed[0].seq < track.next
        track.dismiss(but=agreed)
        if is_anew:
            self._give_up(track, inf, 0, out)
            agreed = track.begin_anew(agreed)
        for each in agreed:
            self._arrive(track, each, now_s, out)

    def _open(
        self, track: Track, before_s: float, now_s: float, out: list[Trade]
    ) -> None:
        """Begin a ticker with the lowest of its first trades, once they have waited."""
        if all(since > before_s for _, since in track.held.values()):
            return
        held, track.held = track.held, {}
        track.next = track.top = track.front
        for seq in sorted(held):
            trade, since_s = held[seq]
            if trade is not None and track.judge(trade) == "odd":
                self._meet(track, trade, now_s, out)
            else:
                self._place(track, seq, trade, since_s, out)

    def _await(self, track: Track, ask_s: float) -> None:
        is_waiting = track in self._waiting
        track.ask_s = min(track.ask_s, ask_s) if is_waiting else ask_s
        self._waiting.add(track)

    def _go_on(self, track: Track, out: list[Trade]) -> None:
        """Release what follows on what was just released."""
        while item := track.held.pop(track.next, None):
            track.release(track.next, item[0], out)
        track.front = min(track.held, default=0)
        self._settle(track)

    def _give_up(
        self, track: Track, before_s: float, keep: int, out: list[Trade]
    ) -> None:
        """Release what has waited since `before_s`, and what is above `keep` trades."""
        held = track.held
        expired = max(
            (s for s, (_, since) in held.items() if since <= before_s), default=0
        )
        if not expired and len(held) <= keep:
            return
        if track.is_contiguous and not track.next:
            track.next = track.front
        for seq in sorted(held):
            if seq > max(expired, track.next) and len(held) <= keep:
                break
            track.release(seq, held.pop(seq)[0], out)
        track.front = min(held, default=0)

    def _settle(self, track: Track) -> None:
        if track.known < track.next:
            track.known = 0
        if not (track.held or track.known or track.is_checking):
            self._waiting.discard(track)

    def _may_ask(self, track: Track, now_s: float) -> bool:
        return (
            track in self._waiting
            and track.venue in self._fetchable
            and track.next > 0
            and not track.is_asking
            and track.ask_s <= now_s
        )

    def _patience_s(self, track: Track) -> float:
        if not track.is_contiguous:
            return self._timing.reorder_s
        if track.venue in self._fetchable and track.next:
            return self._timing.patience_s
        return self._timing.grace_s
