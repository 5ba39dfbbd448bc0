"""Which trades are missing, and in what order the others may go on.

Pure: no I/O and no clock; the caller says what time it is, on a clock that never goes
back.  Trades are taken as they arrive and given back per ticker in the order of their
ids, each once:

* Where ids count by one, a jump holds back the ticker's newer trades until the missing
  ones have come, by themselves or fetched, or were waited for long enough.  What did
  not come is the `gap` of the trade after it, computed from the ids of the trades that
  are passed on, and never from what anybody says.
* Where ids rise otherwise, nothing can be counted; but after a lost connection, what
  the venue still has is fetched before newer trades go on.
* Where there are no ids, what a venue repeats on a new connection is told by its time.

A ticker never waits for another.
"""

from collections.abc import Collection, Iterable, Mapping
from math import inf

from msgspec.structs import replace as _replace

from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.status import TickerStatus
from penstock.drivers.live.track import Track, Wanted
from penstock.model import MAX_SEQ, Trade, ticker_of

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
        fetchable: Venues whose past trades can be had at all.
        timing: How long to wait, and for how many.
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
                is_fetchable = trade.venue in self._fetchable
                track.start(contiguous=contiguous, fetchable=is_fetchable)
            counts, seq = track.counts, trade.seq
            if track.knows(seq, trade.event_us):
                counts.duplicates += 1
                continue
            counts.seen_s = now_s
            counts.latencies_us.append(trade.received_us - trade.event_us)
            if seq > track.next:
                self._hold(track, trade, now_s, out)
            else:
                track.release(trade, out)
                if track.held:
                    self._go_on(track, out)
        return out

    def fill(
        self, wanted: Wanted, trades: Iterable[Trade], now_s: float
    ) -> list[Trade]:
        """Take trades that were fetched; return what may go on.

        Args:
            wanted: What they were fetched for.
            trades: Those of them that came, oldest first; what is known already, or
                was given up, is left out.
            now_s: The time.
        """
        track = self._begin(wanted.venue, wanted.symbol)
        out: list[Trade] = []
        for trade in trades:
            seq = trade.seq
            if seq <= track.last or seq in track.held:
                continue
            fetched = _replace(trade, backfilled=True)
            if seq > track.next:
                self._hold(track, fetched, now_s, out)
            else:
                track.release(fetched, out)
                self._go_on(track, out)
        self._settle(track)
        return out

    def answered(self, wanted: Wanted, now_s: float) -> list[Trade]:
        """Note that `wanted` will bring no more; return what need not wait for it."""
        track = self._begin(wanted.venue, wanted.symbol)
        track.ask_s = now_s + self._timing.retry_s
        out: list[Trade] = []
        if not track.is_contiguous:
            track.next = MAX_SEQ
            self._go_on(track, out)
        self._checks -= wanted.last is None
        track.is_checking = False
        self._settle(track)
        return out

    def heard_of(self, venue: str, symbol: str, seq: int, now_s: float) -> None:
        """Note that the venue speaks of a trade; it is fetched unless it comes soon."""
        track = self._begin(venue, symbol)
        if not track.is_contiguous or seq <= max(track.last, track.known):
            return
        track.known, track.known_s = seq, now_s
        if track not in self._waiting:
            track.ask_s = now_s + _HEARSAY * self._timing.grace_s
            self._waiting.add(track)

    def check(self, venue: str, symbol: str, now_s: float) -> None:
        """Have the venue asked for anything newer than the ticker's last trade."""
        track = self._begin(venue, symbol)
        if not track.last or not track.is_contiguous or venue not in self._fetchable:
            return
        track.is_checking = True
        if track not in self._waiting:
            track.ask_s = now_s + self._timing.grace_s
            self._waiting.add(track)

    def resumed(self, venue: str, symbol: str, now_s: float) -> None:
        """Note that the ticker comes by a new connection from here on.

        What was missed in between shows by the ids where they count by one.
        """
        track = self._begin(venue, symbol)
        track.is_new, track.floor_us = True, track.newest_us
        if track.counts.since_s is None:
            track.counts.since_s = now_s

    def wanted(self, now_s: float) -> list[Wanted]:
        """Return what is to be fetched now; each needs its `answered` in the end."""
        asked = []
        for track in list(self._waiting):
            self._settle(track)
            if track not in self._waiting or track.venue not in self._fetchable:
                continue
            is_check = not (track.held or track.known)
            if track.ask_s > now_s or (is_check and self._checks >= _CHECKS):
                continue
            self._checks += is_check
            asked.append(track.want(self._timing.max_backfill))
            track.ask_s = inf
        return asked

    def due(self, now_s: float) -> list[Trade]:
        """Return the trades that have waited for long enough, with their gaps."""
        out: list[Trade] = []
        for track in list(self._waiting):
            patience_s = self._patience_s(track)
            if track.held:
                self._give_up(track, now_s - patience_s, self._timing.max_held, out)
            if track.known and now_s - track.known_s >= patience_s:
                track.known = 0
            self._settle(track)
        return out

    def flush(self) -> list[Trade]:
        """Return all that waits, with its gaps."""
        out: list[Trade] = []
        for track in list(self._waiting):
            self._give_up(track, inf, 0, out)
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
        """Return the id of the ticker's newest trade passed on, 0 before the first."""
        return self._begin(venue, symbol).last

    def _begin(self, venue: str, symbol: str) -> Track:
        track = self._tracks.get((venue, symbol))
        if track is None:
            last = self._marks.get(ticker_of(venue, symbol), 0)
            track = self._tracks[venue, symbol] = Track(venue, symbol, last)
        return track

    def _hold(self, track: Track, trade: Trade, now_s: float, out: list[Trade]) -> None:
        if track not in self._waiting:
            grace_s = 0.0 if track.is_checking else self._timing.grace_s
            track.ask_s = now_s + grace_s
            self._waiting.add(track)
        if not track.hold(trade, now_s):
            track.counts.duplicates += 1
        if len(track.held) > self._timing.max_held:
            self._give_up(track, -inf, self._timing.max_held // 2, out)

    def _go_on(self, track: Track, out: list[Trade]) -> None:
        """Release what follows on what was just released."""
        if track.is_contiguous:
            while item := track.held.pop(track.next, None):
                track.release(item[0], out)
            track.front = min(track.held, default=0)
        else:
            self._give_up(track, inf, 0, out)
        self._settle(track)

    def _give_up(
        self, track: Track, before_s: float, keep: int, out: list[Trade]
    ) -> None:
        """Release what has waited since `before_s`, and what is above `keep` trades."""
        held = track.held
        expired = max(
            (s for s, (_, since) in held.items() if since <= before_s), default=0
        )
        for seq in sorted(held):
            if seq > max(expired, track.next) and len(held) <= keep:
                break
            track.release(held.pop(seq)[0], out)
        track.front = min(held, default=0)

    def _settle(self, track: Track) -> None:
        if track.known <= track.last:
            track.known = 0
        if not (track.held or track.known or track.is_checking):
            self._waiting.discard(track)

    def _patience_s(self, track: Track) -> float:
        if track.venue in self._fetchable:
            return self._timing.patience_s
        return self._timing.grace_s
