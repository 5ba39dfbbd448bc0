r"""Writes down what venues send: frames with their times, and what became of them.

A recording is lines of JSON, each an object whose `t` says what it is:

    {"t":"connect","ts":1732146000.000001,"feed":"coinbase","conn":1}
    {"t":"recv","ts":1732146000.123456,"feed":"coinbase","conn":1,"data":"{\"type\"..."}
    {"t":"fetched","ts":1732146000.5,"trade":{"venue":"coinbase",...}}
    {"t":"passed","ts":1732146000.6,"to":{"coinbase:BTC-USD":1081862675}}

`recv` is a frame as it came; `data64` has it in base 64 where it is no text.
`fetched` is a trade that was asked for over REST, to fill a gap.  `passed` says, where
it differs from the order of the frames as much as where it does not, up to which id the
trades of a ticker were passed on by then, and in `gaps`, by id, how many were missing
for good before one: so that replaying takes the same trades in the same order.

Knows files and lines, and no venue.
"""

import gzip
import importlib
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from time import gmtime, strftime
from typing import BinaryIO

from msgspec import UNSET, Struct, UnsetType

from penstock.codec import encode_json, encode_trade
from penstock.errors import SourceError, UnavailableError
from penstock.model import Trade

__all__ = ["Packed", "Recorder", "packing_of"]

_HELD_BYTES = 1 << 20  # lines in memory are written at the latest then

_Pack = Callable[[bytes], bytes]


class _Line(Struct):
    t: str
    ts: float
    feed: str | UnsetType = UNSET
    conn: int | UnsetType = UNSET
    data: str | UnsetType = UNSET
    data64: str | UnsetType = UNSET
    to: dict[str, int] | UnsetType = UNSET
    gaps: dict[str, dict[str, int]] | UnsetType = UNSET


def packing_of(path: Path) -> _Pack:
    """Return what packs data for a file of that name: zstd, gzip or nothing.

    What is packed at a time can be unpacked by itself, whatever follows.

    Raises:
        SourceError: zstd needs a package that is not installed.
    """
    if path.suffix == ".gz":
        return gzip.compress
    if path.suffix != ".zst":
        return bytes
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError as e:
        raise SourceError(
            f"{path}: zstd needs the package zstandard: pip install 'penstock[cli]'. "
            "A name that ends in .gz or .jsonl needs none."
        ) from e
    pack: _Pack = zstandard.ZstdCompressor().compress
    return pack


class Packed:
    """Files that grow by whole packed pieces, one after another.

    Args:
        path: The file; where there are to be several, each has the time at which it
            was begun before its first dot.
        are_many: Whether there are.

    Attributes:
        paths: Those that were begun.
        written_bytes: In the last one.

    Raises:
        SourceError: It cannot be packed like that.
    """

    def __init__(self, path: Path, *, are_many: bool) -> None:
        self._path, self._are_many = path, are_many
        self._pack = packing_of(path)
        self._file: BinaryIO | None = None
        self.paths: list[Path] = []
        self.written_bytes = 0

    def begin(self) -> None:
        """Begin the next file.

        Raises:
            SourceError: There is one already, or it cannot be made.
        """
        self.close()
        path = self._path
        if self._are_many:
            stem, dot, rest = path.name.partition(".")
            begun = strftime("%Y%m%dT%H%M%SZ", gmtime())
            path = path.with_name(f"{stem}-{begun}{dot}{rest}")
            if path in self.paths:  # within a second
                path = path.with_name(f"{stem}-{begun}-{len(self.paths)}{dot}{rest}")
        try:
            self._file = path.open("xb")
        except FileExistsError as e:
            raise SourceError(f"{path} exists already: name another file") from e
        except OSError as e:
            raise SourceError(f"{path} cannot be written: {e.strerror or e}") from e
        self.paths.append(path)
        self.written_bytes = 0

    def write(self, data: bytes) -> None:
        """Pack data and write it, so that it is there even if the process is killed.

        Raises:
            UnavailableError: The disk is full or failed.
        """
        if self._file is None:
            self.begin()
        packed = self._pack(data)
        try:
            if self._file is not None:
                self._file.write(packed)
                self._file.flush()
        except OSError as e:
            raise UnavailableError(
                f"{self.paths[-1]} cannot be written: {e.strerror or e}"
            ) from e
        self.written_bytes += len(packed)

    def close(self) -> None:
        """Close the file, and remove one that is empty; again does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self.written_bytes:
                self.paths.pop().unlink()


class Recorder:
    """Turns frames and trades into lines.

    `tap` may be called by another thread than the rest, and never fails; what cannot
    be written is told by `flush`.

    Args:
        files: Where the lines go.
        clock_us: The time, in microseconds since the epoch.

    Attributes:
        frames, fetched: How many were recorded.
    """

    def __init__(self, files: Packed, clock_us: Callable[[], int]) -> None:
        self._files, self._clock_us = files, clock_us
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._held_bytes = 0
        self.frames = self.fetched = 0

    def tap(self, connection: str, us: int, frame: bytes | None) -> None:
        """Take a frame, or, as None, that a connection was made."""
        feed, _, number = connection.partition("#")
        conn = int(number or 1)
        line = _Line("connect", us / 1e6, feed, conn)
        if frame is not None:
            line.t = "recv"
            try:
                line.data = bytes(frame).decode()
            except UnicodeDecodeError:
                line.data64 = b64encode(frame).decode()
        with self._lock:
            self.frames += frame is not None
            self._add(encode_json(line))

    def take(self, trades: Iterable[Trade]) -> None:
        """Take trades as they were passed on, in order."""
        to: dict[str, int] = {}
        gaps: dict[str, dict[str, int]] = {}
        ts = self._clock_us() / 1e6
        lines = []
        for trade in trades:
            if trade.seq:
                to[trade.ticker] = trade.seq
            if trade.gap:
                gaps.setdefault(trade.ticker, {})[str(trade.seq)] = trade.gap
            if trade.backfilled:
                lines.append(
                    b'{"t":"fetched","ts":%.6f,"trade":%s}'
                    % (ts, encode_trade(trade).rstrip())
                )
        with self._lock:
            self.fetched += len(lines)
            for line in lines:
                self._add(line)
            if to:
                self._add(encode_json(_Line("passed", ts, to=to, gaps=gaps or UNSET)))

    @property
    def is_due(self) -> bool:
        """Whether so much is in memory that it should be written now."""
        return self._held_bytes > _HELD_BYTES

    def flush(self) -> None:
        """Write what was taken.

        Raises:
            SourceError: The file cannot be made.
            UnavailableError: The disk is full or failed.
        """
        with self._lock:
            lines, self._lines, self._held_bytes = self._lines, [], 0
        if lines:
            self._files.write(b"\n".join(lines) + b"\n")

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._held_bytes += len(line)
