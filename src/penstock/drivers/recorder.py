r"""Writes down what venues send, and what the driver made of it.

A recording is lines of JSON, each an object whose `t` says what it is:

    {"t":"connect","ts":1732146000.000001,"feed":"coinbase","conn":1,"symbols":["BTC-USD"]}
    {"t":"send","ts":1732146000.000002,"feed":"coinbase","conn":1,"data":"{\"type\"..."}
    {"t":"recv","ts":1732146000.123456,"feed":"coinbase","conn":1,"data":"{\"type\"..."}
    {"t":"passed","ts":1732146000.6,"trades":[{"venue":"coinbase",...}]}
    {"t":"unread","ts":1732146000.7,"place":"coinbase:...","reason":"...","data":"..."}

`send` and `recv` are frames as they went and came; `data64` has what is no text in
base 64.  `passed` are the trades that the driver passed on then, in that order, each
once, with gaps and numbers: what replaying takes.  `unread` is what it could not read.

Knows files and lines, and no venue.
"""

import gzip
import importlib
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from time import gmtime, strftime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from penstock.codec import encode_json
from penstock.drivers.files.batch import BadItem
from penstock.errors import SourceError, UnavailableError
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade

__all__ = ["Packed", "Recorder", "packing_of"]

_HELD_BYTES = 1 << 20  # lines in memory are written at the latest then

_Pack = Callable[[bytes], bytes]


class _Line(Struct):
    t: str
    ts: float
    feed: str | UnsetType = UNSET
    conn: int | UnsetType = UNSET
    symbols: Sequence[str] | UnsetType = UNSET
    trades: Sequence[Trade] | UnsetType = UNSET
    place: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    data: str | UnsetType = UNSET
    data64: str | UnsetType = UNSET


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
        self._file: FileIO | None = None
        self.paths: list[Path] = []
        self.written_bytes = 0

    def begin(self) -> None:
        """Begin the next file.

        Raises:
            SourceError: There is one already, or it cannot be made.
        """
        self.close()
        self._open()

    def _open(self) -> FileIO:
        path = self._path
        if self._are_many:
            stem, dot, rest = path.name.partition(".")
            begun = strftime("%Y%m%dT%H%M%SZ", gmtime())
            path = path.with_name(f"{stem}-{begun}{dot}{rest}")
            if path in self.paths:  # within a second
                path = path.with_name(f"{stem}-{begun}-{len(self.paths)}{dot}{rest}")
        try:
            self._file = file = path.open("xb", buffering=0)
        except FileExistsError as e:
            raise SourceError(f"{path} exists already: name another file") from e
        except FileNotFoundError as e:
            raise SourceError(
                f"{path} cannot be written: there is no directory {path.parent}; "
                "make it first"
            ) from e
        except OSError as e:
            raise SourceError(f"{path} cannot be written: {e.strerror or e}") from e
        self.paths.append(path)
        self.written_bytes = 0
        return file

    def write(self, data: bytes) -> None:
        """Pack data and write it, so that it is there even if the process is killed.

        Raises:
            UnavailableError: The disk is full or failed.
        """
        file = self._file or self._open()
        packed = self._pack(data)
        try:
            _write(file, packed)
        except OSError as e:
            with suppress(OSError):  # or what follows it could not be unpacked
                file.truncate(self.written_bytes)
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

    def discard(self) -> None:
        """Remove the file, whatever is in it."""
        self.written_bytes = 0
        self.close()


def _write(file: FileIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


class Recorder:
    """Turns what comes and goes, and what became of it, into lines.

    As a `Tap` it may be called by another thread than the rest, and never fails; what
    cannot be written is told by `flush`.

    Args:
        files: Where the lines go.
        clock_us: The time, in microseconds since the epoch.

    Attributes:
        frames: How many were recorded.
    """

    def __init__(self, files: Packed, clock_us: Callable[[], int]) -> None:
        self._files, self._clock_us = files, clock_us
        # Numbers what the venue does not, as it is where trades are stored: a file
        # cannot know what numbers the one before it came to.
        self._sequencer = Sequencer({}, contiguous=False)
        self._lock = threading.Lock()
        self._connects: dict[str, bytes] = {}
        self._lines: list[bytes] = []
        self._held_bytes = 0
        self.frames = 0

    def connected(self, connection: str, us: int, symbols: Sequence[str]) -> None:
        """See `Tap.connected`."""
        line = encode_json(_line("connect", connection, us, symbols=symbols))
        with self._lock:
            self._connects[connection] = line
            self._add(line)

    def received(self, connection: str, us: int, frame: bytes) -> None:
        """See `Tap.received`."""
        line = encode_json(_with_data(_line("recv", connection, us), frame))
        with self._lock:
            self.frames += 1
            self._add(line)

    def sent(self, connection: str, us: int, message: str) -> None:
        """See `Tap.sent`."""
        line = encode_json(_line("send", connection, us, data=message))
        with self._lock:
            self._add(line)

    def take(self, trades: Sequence[Trade], unread: Sequence[BadItem]) -> None:
        """Take what the driver passed on, in order."""
        ts = self._clock_us() / 1e6
        lines = []
        if trades:
            lines.append(_Line("passed", ts, trades=self._sequencer.admit(trades)))
        for item in unread:
            line = _Line("unread", ts, place=item.place, reason=item.reason)
            lines.append(_with_data(line, item.data))
        with self._lock:
            for line in lines:
                self._add(encode_json(line))

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

    def begin_next(self) -> None:
        """Begin the next file, which tells first what is connected.

        Raises:
            SourceError: See `flush`, which this does.
            UnavailableError: Likewise.
        """
        self.flush()
        self._files.begin()
        with self._lock:
            self._lines[:0] = self._connects.values()

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        self._held_bytes += len(line)


def _line(t: str, connection: str, us: int, **more: Any) -> _Line:  # noqa: ANN401 (the fields' own)
    feed, _, number = connection.partition("#")
    return _Line(t, us / 1e6, feed, int(number or 1), **more)


def _with_data(line: _Line, data: bytes) -> _Line:
    try:
        line.data = bytes(data).decode()
    except UnicodeDecodeError:
        line.data64 = b64encode(data).decode()
    return line
