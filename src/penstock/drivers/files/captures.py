"""Captures of a venue's frames: each line's stamp and frame, through the venue's feed.

Three recorders' lines are known, and may even be mixed:

* cryptofeed: `<epoch seconds>: <frame>`, besides `<address> <-> <seconds>` where it
  connected, `<address> <- <seconds>: <frame>` for what it sent, and the like;
* hftbacktest: `<epoch ns> <frame>`;
* JSON objects: `{"t":"recv","ts":<epoch seconds>,"data":"<frame>"}`, where `t` is
  "connect" for a new connection and anything else for what does not matter here.

`received_us` is the stamp.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.lines import whole_lines
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError
from penstock.feeds import BadFrameError, Feed, Frame, Notes
from penstock.feeds.base import excerpt, read
from penstock.feeds.values import unix_us
from penstock.model import Trade

__all__ = ["CaptureReader", "Received", "parse_line"]

_NOT_RECEIVED = re.compile(rb"\S+ (<->|<-|->) [0-9]|(configuration|header): ")
_CONNECTED = b"<->"

_NS_DIGITS = 19  # of a time in nanoseconds from 2001 to 2286


class _Line(Struct):
    t: str
    ts: Raw = Raw(b"0")
    data: Raw = Raw(b'""')


_LINE = Decoder(_Line)
_TEXT = Decoder(str)


class Received(NamedTuple):
    """A line of a capture.

    Attributes:
        frame: What was received; empty for anything else.
        received_us: When.
        is_connect: Whether the line says that a connection was made.
    """

    frame: Frame
    received_us: int = 0
    is_connect: bool = False


class CaptureReader:
    """Reads the frames of one venue through `feed`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    @property
    def notes(self) -> Notes:
        """See `Reader.notes`."""
        return self._feed.notes

    @property
    def contiguous(self) -> bool:
        """See `Reader.contiguous`."""
        return self._feed.contiguous

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the trades, and the lines and frames that cannot be read."""
        for lines in whole_lines(part):
            if lines.fault:
                place = f"{part.name}:{lines.first}"
                yield Run([], [BadItem(place, lines.data, lines.fault)])
            else:
                yield self._read_lines(part.name, lines.first, lines.data)

    def _read_lines(self, name: str, first: int, data: bytes) -> Run:
        trades: list[Trade] = []
        bad: list[BadItem] = []
        receive = self._feed.receive
        for number, line in enumerate(data.split(b"\n"), first):
            try:
                frame, received_us, is_connect = parse_line(line)
                if frame:
                    trades += receive(frame, received_us)
                elif is_connect:
                    self._feed.reset()
            except BadFrameError as e:
                trades += e.trades
                bad.append(BadItem(f"{name}:{number}", line, str(e)))
            except BadRecordError as e:
                bad.append(BadItem(f"{name}:{number}", line, str(e)))
        return Run(trades, bad)


def parse_line(line: bytes) -> Received:
    """Divide a line of a capture.

    Raises:
        BadRecordError: It is of none of the known recorders.
    """
    stamp, _, frame = line.partition(b" ")
    if stamp.isdigit() and len(stamp) == _NS_DIGITS:
        return Received(frame, int(stamp) // 1_000)
    if stamp[:1].isdigit() and stamp.endswith(b":"):
        return Received(frame, unix_us(stamp[:-1].decode()))
    if line.startswith(b"{"):
        return _parse_object(line)
    other = _NOT_RECEIVED.match(line)
    if other:
        return Received(b"", is_connect=other[1] == _CONNECTED)
    if not line.strip():
        return Received(b"")
    raise BadRecordError(
        "expected a frame's time, in seconds with a colon or in nanoseconds, and the "
        f"frame; found {excerpt(line)}"
    )


def _parse_object(line: bytes) -> Received:
    parsed = read(_LINE, line)
    if parsed.t != "recv":
        return Received(b"", is_connect=parsed.t == "connect")
    return Received(
        read(_TEXT, parsed.data), unix_us(bytes(parsed.ts).decode(errors="replace"))
    )
