"""A part's bytes as runs of whole lines, numbered from 1."""

from collections.abc import Iterator
from typing import NamedTuple

from penstock.drivers.files.raw import Part

__all__ = ["MAX_KEPT_BYTES", "Kept", "Lines", "whole_lines"]

# A line longer than this is no frame of any venue (the longest known has 5 MB); what
# is kept of it fits in memory many times over.
MAX_KEPT_BYTES = 16 * 1024 * 1024


class Lines(NamedTuple):
    r"""Some lines that follow one another.

    Attributes:
        first: The first one's number.
        data: Their bytes; only at the end of the part the last \n may be missing.
        fault: Why this, a single line, is not to be used; "" if it may be.
    """

    first: int
    data: bytes
    fault: str = ""


def whole_lines(part: Part) -> Iterator[Lines]:
    """Yield a part's lines in runs, a chunk at a time.

    A line above MAX_KEPT_BYTES is cut there.  So is the last line of a damaged part,
    unless its end was reached: a number that is cut off may look like another one.
    """
    number = 1
    line = Kept()
    for chunk in part.chunks():
        end = chunk.rfind(b"\n") + 1
        if not end:
            line.add(chunk)
            continue
        start = 0
        if line.dropped_bytes or line.too_long(chunk.find(b"\n")):
            start = chunk.find(b"\n") + 1
            line.add(chunk[: start - 1])
            yield Lines(number, line.take(), line.complaint())
            number += 1
            line = Kept()
        data = line.take() + chunk[start:end]
        if data:
            yield Lines(number, data)
            number += data.count(b"\n")
        line = Kept()
        line.add(chunk[end:])
    if line.kept_bytes:
        fault = part.damage and "cut off where the file ends early"
        yield Lines(number, line.take(), line.complaint() or fault)


class Kept:
    """Bytes that come piece by piece, of which so many are kept as fit in memory."""

    def __init__(self) -> None:
        self.kept_bytes = self.dropped_bytes = 0
        self._pieces: list[bytes] = []

    def too_long(self, more_bytes: int) -> bool:
        """Tell whether so many more would be too many."""
        return self.kept_bytes + more_bytes > MAX_KEPT_BYTES

    def add(self, piece: bytes) -> None:
        """Keep a piece, or what still fits of it."""
        kept = piece[: MAX_KEPT_BYTES - self.kept_bytes]
        self._pieces.append(kept)
        self.kept_bytes += len(kept)
        self.dropped_bytes += len(piece) - len(kept)

    def take(self) -> bytes:
        """Return what was kept."""
        return b"".join(self._pieces)

    def complaint(self) -> str:
        """Say what was dropped; "" if nothing was."""
        if not self.dropped_bytes:
            return ""
        return (
            f"{self.kept_bytes + self.dropped_bytes:,} bytes without an end; "
            f"only the first {self.kept_bytes:,} are kept"
        )
