"""Recordings, as `penstock record` writes them: what the driver passed on, as it did.

The frames are not read again: which of their trades went on, in what order and with
which gaps was a matter of time, and is in the recording.  See `drivers.recorder` for
the lines.
"""

from base64 import b64decode
from collections.abc import Iterator

from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.codec import decode_trade
from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.lines import whole_lines
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError
from penstock.feeds import Notes
from penstock.feeds.base import read
from penstock.model import Trade

__all__ = ["RecordingReader"]


class _Line(Struct):
    # Whatever else there is, and whatever else it may be, is not for replaying.
    t: str
    trades: list[Raw] = []
    place: str = ""
    reason: str = ""
    data: str = ""
    data64: str = ""


_LINE = Decoder(_Line)


class RecordingReader:
    """Reads a recording, of any feeds."""

    contiguous = False  # its gaps are marked already

    def __init__(self) -> None:
        self.notes = Notes()

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the trades, what could not be read, and the lines that cannot be."""
        for lines in whole_lines(part):
            if lines.fault:
                place = f"{part.name}:{lines.first}"
                yield Run([], [BadItem(place, lines.data, lines.fault)])
            else:
                yield _read_lines(part.name, lines.first, lines.data)


def _read_lines(name: str, first: int, data: bytes) -> Run:
    trades: list[Trade] = []
    bad: list[BadItem] = []
    for number, text in enumerate(data.split(b"\n"), first):
        if not text:
            continue
        place = f"{name}:{number}"
        try:
            line = read(_LINE, text)
            if line.t == "unread":
                bad.append(_unread(line))
        except (BadRecordError, ValueError) as e:
            bad.append(BadItem(place, text, str(e)))
            continue
        for item in line.trades:
            try:
                trades.append(decode_trade(bytes(item)))
            except BadRecordError as e:
                bad.append(BadItem(place, bytes(item), str(e)))
    return Run(trades, bad)


def _unread(line: _Line) -> BadItem:
    data = b64decode(line.data64) if line.data64 else line.data.encode()
    return BadItem(line.place, data, line.reason)
