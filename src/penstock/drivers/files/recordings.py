"""Recordings, as `penstock record` writes them: the same trades as when it was live.

Frames go through their venue's feed, one per connection.  Their trades wait until the
recording says that they were passed on, together with those that were fetched: in the
order of the ids, each once, with the gaps that stayed.  What a recording that was cut
off says nothing of is given at its end.  See `drivers.recorder` for the lines.
"""

from base64 import b64decode
from collections.abc import Iterator
from typing import Literal

from msgspec import Raw, Struct
from msgspec.json import Decoder
from msgspec.structs import replace

from penstock.codec import decode_trade
from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.lines import whole_lines
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError, SourceError
from penstock.feeds import BadFrameError, Feed, Frame, Notes, make_feed
from penstock.feeds.base import read
from penstock.feeds.values import unix_us
from penstock.model import Trade

__all__ = ["RecordingReader"]


class _Line(Struct):
    t: Literal["connect", "recv", "fetched", "passed"]
    ts: Raw
    feed: str = ""
    conn: int = 1
    data: str = ""
    data64: str = ""
    trade: Raw = Raw(b"{}")
    to: dict[str, int] = {}
    gaps: dict[str, dict[int, int]] = {}

    @property
    def frame(self) -> Frame:
        return b64decode(self.data64) if self.data64 else self.data


_LINE = Decoder(_Line)


class _Ticker:
    """What waits of a ticker, and how far it has come.

    Attributes:
        floor_us: Where the venue has no ids: what is not newer came before, by an
            earlier connection.
    """

    __slots__ = ("contiguous", "floor_us", "last", "newest_us", "waiting")

    def __init__(self) -> None:
        self.last = 0
        self.newest_us = self.floor_us = -1
        self.contiguous = False
        self.waiting: dict[int, Trade] = {}

    def pass_on(self, to: int, gaps: dict[int, int]) -> Iterator[Trade]:
        """Yield what waits, up to an id."""
        for seq in sorted(seq for seq in self.waiting if seq <= to):
            trade = self.waiting.pop(seq)
            gap = gaps.get(seq, 0)
            self.last = seq
            yield replace(trade, gap=gap) if gap else trade

    def drop_missing(self, gaps: dict[int, int]) -> None:
        """Forget what came after it was given up."""
        for seq, gap in gaps.items():
            for late in [n for n in self.waiting if seq - gap <= n < seq]:
                del self.waiting[late]

    def rest(self) -> Iterator[Trade]:
        """Yield all that waits, with gaps as the ids show them."""
        gaps, last = {}, self.last
        for seq in sorted(self.waiting):
            if self.contiguous and last and seq > last + 1:
                gaps[seq] = seq - last - 1
            last = seq
        yield from self.pass_on(last, gaps)


class RecordingReader:
    """Reads a recording, of any feeds."""

    contiguous = False  # its gaps are marked already

    def __init__(self) -> None:
        self._feeds: dict[tuple[str, int], Feed] = {}
        self._tickers: dict[str, _Ticker] = {}
        self._notes = Notes()

    @property
    def notes(self) -> Notes:
        """See `Reader.notes`."""
        notes = Notes()
        for feed in self._feeds.values():
            notes.refused |= feed.notes.refused
            notes.errors += feed.notes.errors
            notes.rounded += feed.notes.rounded
            notes.missed += feed.notes.missed
        return notes

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the trades, and the lines and frames that cannot be read."""
        for lines in whole_lines(part):
            if lines.fault:
                place = f"{part.name}:{lines.first}"
                yield Run([], [BadItem(place, lines.data, lines.fault)])
            else:
                yield self._read_lines(part.name, lines.first, lines.data)
        rest = [trade for t in self._tickers.values() for trade in t.rest()]
        yield Run(rest, [])

    def _read_lines(self, name: str, first: int, data: bytes) -> Run:
        trades: list[Trade] = []
        bad: list[BadItem] = []
        for number, text in enumerate(data.split(b"\n"), first):
            if not text:
                continue
            try:
                trades += self._read_line(read(_LINE, text))
            except BadFrameError as e:
                trades += self._take(e.trades, contiguous=False)
                bad.append(BadItem(f"{name}:{number}", text, str(e)))
            except (BadRecordError, SourceError, ValueError) as e:
                bad.append(BadItem(f"{name}:{number}", text, str(e)))
        return Run(trades, bad)

    def _read_line(self, line: _Line) -> list[Trade]:
        if line.t == "recv":
            return self._receive(line)
        if line.t == "fetched":
            return self._take([decode_trade(bytes(line.trade))], contiguous=False)
        if line.t == "connect":
            self._feeds[line.feed, line.conn] = feed = make_feed(line.feed)
            for name, ticker in self._tickers.items():
                if name.startswith(f"{feed.venue}:"):
                    ticker.floor_us = ticker.newest_us
            return []
        return self._pass_on(line)

    def _receive(self, line: _Line) -> list[Trade]:
        key = line.feed, line.conn
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = make_feed(line.feed)
        received_us = unix_us(bytes(line.ts).decode())
        late = feed.notes.late
        trades = feed.receive(line.frame, received_us)
        if feed.notes.late != late:
            # It leaves out what comes after a newer trade, which may have waited.
            trades = make_feed(line.feed).receive(line.frame, received_us)
        return self._take(trades, contiguous=feed.contiguous)

    def _take(self, trades: list[Trade], *, contiguous: bool) -> list[Trade]:
        """Let trades wait; return those without an id, which do not."""
        ready = []
        for trade in trades:
            ticker = self._tickers.setdefault(trade.ticker, _Ticker())
            ticker.contiguous = ticker.contiguous or contiguous
            if trade.seq:
                if trade.seq > ticker.last:
                    ticker.waiting.setdefault(trade.seq, trade)
            elif trade.event_us > ticker.floor_us:
                ticker.newest_us = max(ticker.newest_us, trade.event_us)
                ready.append(trade)
        return ready

    def _pass_on(self, line: _Line) -> list[Trade]:
        passed: list[Trade] = []
        for name, to in line.to.items():
            ticker = self._tickers.get(name)
            if ticker is not None:
                gaps = line.gaps.get(name, {})
                ticker.drop_missing(gaps)
                passed += ticker.pass_on(to, gaps)
                ticker.last = max(ticker.last, to)
        return passed
