"""A producer beside the emulator, whose container service runs nothing."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from penstock.errors import UnavailableError
from penstock.sandbox.process import end, is_held, launch, log_end, take_hold

__all__ = ["find_producer", "start_producer", "stop_producer"]

_LOCK, _PID, _LOG = "producer.lock", "producer.pid", "producer.log"
_STARTED = b"started"  # `penstock produce` says so, once it has its stream
_START_S = 60
_LOOK_S = 0.05
_STOP_S = 20


def start_producer(
    command: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> None:
    """Start a process in the background, unless one runs, and wait until it says so.

    Args:
        command: Its program and arguments.
        folder: The emulator's.
        variables: Its whole environment.

    Raises:
        UnavailableError: It ended, or does not begin; the text says what it said.
    """
    if find_producer(folder) is not None:
        return
    with take_hold(folder / _LOCK) as lock:
        process = launch(
            command,
            folder=folder,
            log=folder / _LOG,
            variables=variables,
            inherits=[lock.fileno()],
        )
    (folder / _PID).write_text(f"{process.pid}", encoding="utf-8")
    log = folder / _LOG
    deadline = time.monotonic() + _START_S
    while _STARTED not in log.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            raise UnavailableError(f"the producer did not start: {log_end(log)}")
        time.sleep(_LOOK_S)


def find_producer(folder: Path) -> int | None:
    """Return the process id of the producer on `folder`, if one runs."""
    if not is_held(folder / _LOCK):
        return None
    with suppress(FileNotFoundError, ValueError):
        return int((folder / _PID).read_text(encoding="utf-8"))
    return None


def stop_producer(folder: Path) -> None:
    """Stop the producer on `folder`, if one runs."""
    pid = find_producer(folder)
    if pid is not None:
        end(pid, folder / _LOCK, patience_s=_STOP_S)
