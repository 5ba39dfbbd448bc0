"""Objects as files under one folder: an object's key is its path.

A key that ends where another goes on (`a` and `a/b`) cannot be stored beside it, as
it could on S3.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from penstock.errors import UnavailableError

__all__ = ["LocalObjects"]

_TEMPORARY = ".tmp-"

_FREE_SPACE = "Free some space, or move the data directory to a larger disk."
_PERMISSIONS = "Make it readable and writable for this user."
_NO_FOLDER = "Move away the file that stands where a folder of this path must be."
_REMEDIES = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EFBIG: "Raise the limit on the size of files (`ulimit -f`).",
    errno.EMFILE: "Raise the limit on open files (`ulimit -n`).",
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: "Mount the disk writable, or pass another --data-dir.",
    errno.EISDIR: "Move away the folder that stands there.",
    errno.EEXIST: _NO_FOLDER,
    errno.ENOTDIR: _NO_FOLDER,
}
_OTHERWISE = "Look for the disk's errors in the system's log."


class LocalObjects:
    """An `ObjectStore` in the folder `root`, which is made when it is needed.

    Attributes:
        root: Where the objects are.
    """

    def __init__(self, root: Path, *, fsync: bool) -> None:
        """With `fsync`, a stored object survives a power failure."""
        self.root = root
        self._fsync = fsync

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`.

        Raises:
            UnavailableError: It may or may not have been stored.
            ValueError: `key` cannot be a path under a folder.
        """
        path = self._path(key)
        # One thread writes one file at a time.
        temporary = path.with_name(f"{_TEMPORARY}{os.getpid()}-{get_ident()}")
        with _translated_errors("store", path):
            self._make_folder(path.parent)
            try:
                self._write(temporary, data)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            self._sync_folder(path.parent)

    def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`.

        Raises:
            UnavailableError: The file cannot be read.
            ValueError: `key` cannot be a path under a folder.
        """
        path = self._path(key)
        with _translated_errors("read", path):
            try:
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def keys(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore.keys`.

        Raises:
            UnavailableError: A folder cannot be read.
        """
        return self._keys("", prefix)

    def remove_leftovers(self) -> None:
        """Delete what interrupted `put`s have left; nobody may be storing meanwhile.

        Raises:
            UnavailableError: A folder cannot be read or written.
        """
        with _translated_errors("tidy", self.root):
            for folder, _, names in os.walk(self.root):
                for name in names:
                    if name.startswith(_TEMPORARY):
                        Path(folder, name).unlink()

    def _path(self, key: str) -> Path:
        for part in key.split("/"):
            if part in ("", ".", "..") or part.startswith(_TEMPORARY) or "\0" in part:
                raise ValueError(
                    f"an object's key is names between slashes, none of them empty, "
                    f"'.', '..' or beginning with {_TEMPORARY!r}; found {key!r}"
                )
        return self.root / key

    def _keys(self, folder: str, prefix: str) -> Iterator[str]:
        for name in self._names(folder):
            key = folder + name
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._keys(key, prefix)
            elif key.startswith(prefix):
                yield key

    def _names(self, folder: str) -> list[str]:
        # A folder's name with its slash sorts among files as all keys in it do.
        path = self.root / folder
        with _translated_errors("list", path):
            try:
                with os.scandir(path) as entries:
                    return sorted(
                        f"{entry.name}/" if entry.is_dir() else entry.name
                        for entry in entries
                        if not entry.name.startswith(_TEMPORARY)
                    )
            except FileNotFoundError:
                return []

    def _write(self, path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data)
            if self._fsync:
                file.flush()
                os.fsync(file.fileno())

    def _make_folder(self, path: Path) -> None:
        if not path.is_dir():
            self._make_folder(path.parent)
            path.mkdir(exist_ok=True)
            self._sync_folder(path.parent)

    def _sync_folder(self, path: Path) -> None:
        # A new name is on the disk only once its folder is.  Windows cannot, and
        # does not need to.
        if not self._fsync or sys.platform == "win32":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _translated_errors(doing: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        remedy = _REMEDIES.get(e.errno or 0, _OTHERWISE)
        raise UnavailableError(
            f"cannot {doing} {path}: {e.strerror or e}. {remedy}"
        ) from e
