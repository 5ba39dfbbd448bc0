"""The bytes of a file, unpacked: what it is packed with is told by its first bytes.

A file is one part, or, as a zip archive, a part per member.  At most a few megabytes
are in memory at a time, however large the file.  Damage is no error here: all that can
be read is given, and then the part says what was wrong.
"""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile, ZipExtFile, ZipFile, ZipInfo

from penstock.errors import SourceError

__all__ = ["CHUNK_BYTES", "Part", "RawFile"]

# Some thousand trades of most formats: enough that the work per chunk does not show,
# little enough that progress does.
CHUNK_BYTES = 192 * 1024

# A recorder may begin with a list of all markets; one such has 1.3 MB.
_FURTHER_BYTES = 8 * 1024 * 1024

# Half a kilobyte of zstd holds at most 16 MB (blocks of one repeated byte), and larger
# steps are no faster.
_ZSTD_STEP_BYTES = 512

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"PK\x03\x04", b"PK\x05\x06")
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, BadZipFile)

_Read = Callable[[int], bytes]  # like `read1`: up to so many bytes, b"" at the end


class RawFile:
    """An open file.  Close it, or use it in a `with` statement.

    Args:
        path: The file; a pipe will do, unless what comes is a zip archive or Parquet.

    Attributes:
        path: The file.
        size_bytes: Its size as it is stored; 0 where that is not known, as of a pipe.

    Raises:
        SourceError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            self._file = path.open("rb")
        self.size_bytes = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> "RawFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing again does nothing."""
        self._file.close()

    @property
    def consumed_bytes(self) -> int:
        """How many of `size_bytes` have been read."""
        return self._file.tell() if self.size_bytes else 0

    def parts(self) -> Iterator["Part"]:
        """Yield the parts, each to be read before the next is asked for.

        Raises:
            SourceError: It cannot be read or unpacked.
        """
        with _told(self.path):
            magic = self._file.peek(4)[:4]
        if magic in _ZIP:
            yield from self._members()
        else:
            yield Part(self.path.name, self.path, self._reader(magic))

    def _reader(self, magic: bytes) -> _Read:
        if magic.startswith(_GZIP):
            return gzip.GzipFile(fileobj=self._file).read1
        if magic == _ZSTD:
            return _unzstd(self._file, self.path)
        return self._file.read1

    def _members(self) -> Iterator["Part"]:
        try:
            archive = ZipFile(self._file)
        except BadZipFile as e:
            raise SourceError(
                f"{self.path}: a damaged zip archive ({e}); it may have been cut off "
                "on its way: fetch it again"
            ) from e
        with archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield self._member(archive, member)

    def _member(self, archive: ZipFile, member: ZipInfo) -> "Part":
        try:
            unpacked = cast("ZipExtFile", archive.open(member))
        except (RuntimeError, NotImplementedError) as e:
            # Encrypted, or packed in a way that Python does not know.
            raise SourceError(
                f"{self.path}: {e}; unpack it and name {member.filename!r} instead"
            ) from e
        return Part(f"{self.path.name}!{member.filename}", self.path, unpacked.read1)


class Part:
    """A file's unpacked bytes, or a zip archive's member's.

    Args:
        name: For messages and places: the file's name, `!` and the member's.
        path: The file.
        read: Returns up to so many of the bytes; none at the end.
        chunk_bytes: How many of them to deal out at a time.

    Attributes:
        name: See above.
        path: See above.
        head: Its first bytes, some CHUNK_BYTES of them.
        damage: Why it ended early; "" so far.
        fraction: How much of it has been read, where a reader opens `path` itself
            instead of taking the chunks; None otherwise.
    """

    def __init__(
        self, name: str, path: Path, read: _Read, *, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        self.name, self.path = name, path
        self.damage = ""
        self.fraction: float | None = None
        self._read = read
        self._chunk_bytes = chunk_bytes
        self.head = self._next().removeprefix(b"\xef\xbb\xbf")  # a byte order mark

    def look_further(self) -> None:
        """Make the head so long that it shows frames behind any preamble."""
        pieces = [self.head]
        for _ in range(_FURTHER_BYTES // self._chunk_bytes):
            pieces.append(self._next())
        self.head = b"".join(pieces)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, once, the head and then chunks of CHUNK_BYTES or so.

        Raises:
            SourceError: The disk or the network failed.
        """
        chunk = self.head
        while chunk:
            yield chunk
            chunk = self._next()

    def _next(self) -> bytes:
        pieces: list[bytes] = []
        wanted = self._chunk_bytes
        while wanted > 0 and not self.damage:
            try:
                with _told(self.path):
                    piece = self._read(wanted)
            except _DAMAGE as e:
                self.damage = f"{self.name} ends early or is damaged: {e}"
                break
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)


def _unzstd(file: BufferedReader, path: Path) -> _Read:
    """Make a reader of what `file`, packed with zstd, holds."""
    pieces = _unzstd_pieces(file, _zstandard(path))
    held, at = b"", 0

    def read(wanted: int) -> bytes:
        nonlocal held, at
        if at >= len(held):
            held, at = next(pieces, b""), 0
        at += wanted
        return held[at - wanted : at]

    return read


def _unzstd_pieces(file: BufferedReader, zstd: Any) -> Iterator[bytes]:  # noqa: ANN401
    """Yield what is unpacked, step by step; `zstd` is the module.

    Raises:
        EOFError: The file is damaged, or ends within a frame.
    """
    unpacker = None  # of the frame that has begun
    packed = file.read(_ZSTD_STEP_BYTES)
    while packed:
        unpacker = unpacker or zstd.ZstdDecompressor().decompressobj()
        try:
            piece = unpacker.decompress(packed)
        except zstd.ZstdError as e:
            raise EOFError(str(e)) from e
        if piece:
            yield piece
        packed = b""
        if unpacker.eof:  # another frame may follow
            packed, unpacker = unpacker.unused_data, None
        packed = packed or file.read(_ZSTD_STEP_BYTES)
    if unpacker:
        raise EOFError("its last zstd frame is not complete")


def _zstandard(path: Path) -> Any:  # noqa: ANN401 (a module)
    try:
        import zstandard  # noqa: PLC0415 (an extra, needed for few files)
    except ImportError as e:
        raise SourceError(
            f"{path}: packed with zstd, which needs the package zstandard: "
            'pip install "penstock[cli]"'
        ) from e
    return zstandard


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a SourceError."""
    try:
        yield
    except FileNotFoundError as e:
        raise SourceError(f"{path}: there is no such file") from e
    except IsADirectoryError as e:
        raise SourceError(
            f"{path}: a directory; name the files in it, such as {path / '*.gz'}"
        ) from e
    except PermissionError as e:
        raise SourceError(
            f"{path}: no permission to read it; ask its owner, or run `chmod u+r` on it"
        ) from e
    except gzip.BadGzipFile:  # an OSError by descent, and damage by meaning
        raise
    except OSError as e:
        raise SourceError(f"{path}: cannot be read: {e.strerror or e}") from e
