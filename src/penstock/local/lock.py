"""One process per data directory: a lock that the system releases when it ends.

The lock is on the file, not its content: what a process that was killed has written
there locks nobody out.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from penstock.errors import BusyError, ConfigError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["is_locked", "locked"]

_NAME = "lock"
_NOBODY = "another process"

# Windows locks bytes and keeps others from reading them: one far behind the content.
_LOCKED_BYTE = 1 << 30


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Keep other processes out of `data_dir` for the block, and make it if needed.

    Raises:
        BusyError: A process has it; says which.
        ConfigError: It cannot be made, written or locked.
    """
    path = data_dir / _NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as e:
        raise ConfigError(
            f"data directory {data_dir} cannot be used: {e.strerror or e} "
            f"({e.filename}). Make it writable, or pass another --data-dir."
        ) from e
    with file:
        _lock(file, data_dir)
        _sign(file)
        yield


def _sign(file: IO[str]) -> None:
    # For whoever finds the directory in use.  A full disk may refuse it, and the
    # database will say so better than this can.
    with suppress(OSError):
        file.truncate(0)
        file.write(f"{os.getpid()} {_command()}\n")
        file.flush()


def is_locked(data_dir: Path) -> bool:
    """Tell whether a process has `data_dir` at this moment."""
    try:
        with (data_dir / _NAME).open("r+", encoding="utf-8") as file:
            _try_to_lock(file)  # closing it lets go at once
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(file: IO[str], data_dir: Path) -> None:
    try:
        _try_to_lock(file)
    except BlockingIOError as e:
        raise BusyError(
            f"data directory {data_dir} is in use by {_owner(file)}. Stop it, or pass "
            "another --data-dir."
        ) from e
    except OSError as e:
        raise ConfigError(
            f"data directory {data_dir} cannot be locked: {e.strerror or e}. Put it on "
            "a local disk, or pass another --data-dir."
        ) from e


def _try_to_lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as e:
            raise BlockingIOError(*e.args) from e
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(file: IO[str]) -> str:
    file.seek(0)
    process, _, command = file.read().strip().partition(" ")
    return f"process {process} ({command})" if process else _NOBODY


def _command() -> str:
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
