"""Processes that are known by a lock that they hold on a file for as long as they live.

The system lets go of the lock when a process ends, however that comes about: so no
process id is ever taken for another's, and what was killed is in nobody's way.
"""

import fcntl
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from penstock.errors import BusyError, ConfigError

__all__ = ["end", "is_held", "take_hold", "wait_until_free"]

_LOOK_S = 0.02


def take_hold(path: Path) -> IO[bytes]:
    """Lock the file at `path`, and make it if needed: it is held until it is closed.

    A child that inherits the descriptor goes on holding it.

    Raises:
        BusyError: Another process holds it.
        ConfigError: It cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as e:
        raise ConfigError(
            f"the sandbox's folder {path.parent} cannot be used: {e.strerror or e}."
        ) from e
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as e:
        file.close()
        raise BusyError(f"another process has {path}.") from e
    return file


def is_held(path: Path) -> bool:
    """Tell whether a process holds the file at this moment."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def wait_until_free(path: Path, patience_s: float) -> bool:
    """Wait until nobody holds the file, and return whether it came to that in time."""
    deadline = time.monotonic() + patience_s
    while is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_S)
    return True


def end(
    pid: int,
    path: Path,
    *,
    patience_s: float,
    child: "subprocess.Popen[bytes] | None" = None,
) -> bool:
    """End the process that holds the file, and return whether it did by itself.

    Args:
        pid: The process.
        path: The file.
        patience_s: How long it is given after SIGTERM, and after SIGKILL again.
        child: The process, if it is this one's child: it is reaped.
    """
    by_itself = True
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, number)
        by_itself = number == signal.SIGTERM
        if wait_until_free(path, patience_s):
            break
    if child:
        if child.stdin:
            child.stdin.close()
        child.wait()
    return by_itself
