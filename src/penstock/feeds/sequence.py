"""Numbers a source's trades: seq where the venue has none, gaps, and what is not new.

Pure: state per ticker, no I/O.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace as _replace

from penstock.model import Trade

__all__ = ["NUMBERS_PER_US", "Sequencer"]

# Room for this many trades in one microsecond before they spill into the next.
NUMBERS_PER_US = 1024


class Sequencer:
    """Admits each trade of a source once, in order, numbered.

    Args:
        marks: Highest seq per ticker that the stream holds; what is not above it was
            appended before.
        contiguous: Whether the source's own numbers rise by exactly one per ticker,
            so that a jump is a loss.

    Attributes:
        duplicates: How many trades were not admitted.
        missing: How many trades the admitted ones' gaps say are missing.
    """

    def __init__(self, marks: Mapping[str, int], *, contiguous: bool) -> None:
        self._marks = dict(marks)
        self._contiguous = contiguous
        self._tracks: dict[tuple[str, str], _Track] = {}
        self.duplicates = self.missing = 0

    def begin_source(self, *, contiguous: bool) -> None:
        """Go on with another source of the same run, such as the next file.

        One that begins where the one before ended, or later, is its continuation: its
        numbers go on, also within a microsecond that they share.  One that begins
        earlier is another reading of the same time, and is numbered as if alone.
        """
        self._contiguous = contiguous
        for track in self._tracks.values():
            track.begins = True

    def admit(self, trades: Iterable[Trade]) -> list[Trade]:
        """Return those of `trades` that are new, with `seq` and `gap` set."""
        tracks = self._tracks
        admitted = []
        for trade in trades:
            names = (trade.venue, trade.symbol)
            track = tracks.get(names)
            if track is None:
                mark = self._marks.get(trade.ticker, 0)
                track = tracks[names] = _Track(mark)
            seq, gap = trade.seq, trade.gap
            if not seq:
                seq = track.number(trade.event_us)
            if seq <= track.last:
                self.duplicates += 1
                continue
            if self._contiguous and trade.seq and track.last:
                gap = max(gap, seq - track.last - 1)
            track.last = seq
            self.missing += gap
            changed = seq != trade.seq or gap != trade.gap
            admitted.append(_replace(trade, seq=seq, gap=gap) if changed else trade)
        return admitted


class _Track:
    """Where one ticker stands.

    Attributes:
        last: Highest seq admitted, in this run or before.
        begins: Whether the next trade is the first of a source.
    """

    __slots__ = ("_given", "begins", "last")

    def __init__(self, last: int) -> None:
        self.last = last
        # The last number given in this run.  Apart from `last`, so that reading a
        # file again gives each of its trades the same number again.
        self._given = 0
        self.begins = False

    def number(self, event_us: int) -> int:
        """Return the next number of a trade that its venue does not number."""
        seq = event_us * NUMBERS_PER_US
        if self.begins:
            self.begins = False
            if event_us < self._given // NUMBERS_PER_US:
                self._given = 0
        if seq <= self._given:
            seq = self._given + 1
        self._given = seq
        return seq
