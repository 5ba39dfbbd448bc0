"""Processes that are known by a lock that they hold on a file for as long as they live.

The system lets go of the lock when a process ends, however that comes about: so no
process id is ever taken for another's, and what was killed is in nobody's way.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from penstock.errors import BusyError, ConfigError

__all__ = ["end", "is_held", "launch", "log_end", "take_hold", "wait_until_free"]

_LOOK_S = 0.02
_QUOTED = 2000  # characters


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


def launch(
    command: Sequence[str | Path],
    *,
    folder: Path,
    log: Path,
    variables: Mapping[str, str] | None = None,
    is_tied: bool = False,
    inherits: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a process in the background, apart from this one's terminal.

    Args:
        command: The program and its arguments.
        folder: Where it works.
        log: A file that takes what it prints; what was there goes.
        variables: Its whole environment; None is this process's.
        is_tied: Its standard input ends when this process does, for it to notice.
        inherits: Descriptors of this process that it gets.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (nothing of it comes from outside)
            command,
            stdin=subprocess.PIPE if is_tied else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
            cwd=folder,
            pass_fds=inherits,
            start_new_session=True,  # Ctrl-C is not for it
        )
    _CHILDREN[process.pid] = process
    return process


# Those that this process has started: it is their parent, and reaps them.
_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}


def end(pid: int, path: Path, *, patience_s: float) -> bool:
    """End the process that holds the file, and return whether it did by itself.

    Args:
        pid: The process.
        path: The file.
        patience_s: How long it is given after SIGTERM, and after SIGKILL again.
    """
    by_itself = True
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, number)
        by_itself = number == signal.SIGTERM
        if wait_until_free(path, patience_s):
            break
    if child := _CHILDREN.pop(pid, None):
        if child.stdin:
            child.stdin.close()
        child.wait()
    return by_itself


def log_end(log: Path) -> str:
    """Return the last lines of a log, for an error to quote."""
    return log.read_text(encoding="utf-8", errors="replace")[-_QUOTED:].strip()
