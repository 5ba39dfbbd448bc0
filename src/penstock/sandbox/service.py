"""The poller as a process that says in a file how it is doing, for others to find."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.errors import BusyError, UnavailableError
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import Emulator, find
from penstock.sandbox.poller import Poller
from penstock.sandbox.process import end, is_held, launch, log_end, take_hold
from penstock.sandbox.served import MappingStatus

__all__ = ["PollerStatus", "find_poller", "serve", "start_poller", "stop_poller"]

_LOCK, _ABOUT, _LOG = "poller.lock", "poller.json", "poller.log"
_LOOK_S = 0.02
_START_S = 30
_STOP_S = 20  # an invocation that runs is waited for


class PollerStatus(Struct, frozen=True, kw_only=True):
    """How a poller is doing.

    Attributes:
        pid: Its process.
        problem: Why the emulator could not be asked; None if it could.
        mappings: Those that it serves.
    """

    pid: int
    problem: str | None
    mappings: list[MappingStatus]


def serve(
    emulator: Emulator,
    stopping: threading.Event,
    clock_us: Callable[[], int],
    on_look: Callable[[PollerStatus], None],
) -> bool:
    """Serve an emulator's mappings until `stopping` is set.

    Args:
        emulator: Positions and the status are kept in its folder.
        stopping: Set by a signal, for instance.
        clock_us: The time, in microseconds since the epoch.
        on_look: Told how it goes, several times a second.

    Returns:
        Whether it was stopped; if not, the emulator has ended.

    Raises:
        BusyError: Another process serves them.
    """
    folder, was_stopped = emulator.folder, True

    def look() -> None:
        nonlocal was_stopped
        status = PollerStatus(
            pid=os.getpid(), problem=poller.problem, mappings=poller.status()
        )
        _write(folder / _ABOUT, status)
        on_look(status)
        if find(folder) != emulator and not stopping.is_set():
            was_stopped = False
            stopping.set()

    try:
        hold = take_hold(folder / _LOCK)
    except BusyError as e:
        raise BusyError(f"another process serves the mappings on {folder}.") from e
    with hold:
        # Or, until the first look, another's process id would stand for it.
        (folder / _ABOUT).unlink(missing_ok=True)
        with Poller(make_clients(emulator.endpoint), folder, clock_us) as poller:
            poller.run(stopping, look)
        (folder / _ABOUT).unlink()
    return was_stopped


def start_poller(command: Sequence[str], folder: Path) -> None:
    """Start a process that calls `serve`, and return once it does.

    Args:
        command: Its program and arguments.
        folder: The emulator's.

    Raises:
        UnavailableError: It ended at once, or does not begin.
    """
    log = folder / _LOG
    process = launch(command, folder=Path.cwd(), log=log)
    deadline = time.monotonic() + _START_S
    while find_poller(folder) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise UnavailableError(f"the poller did not start: {log_end(log)}")
        time.sleep(_LOOK_S)


def find_poller(folder: Path) -> PollerStatus | None:
    """Return how the poller on `folder` is doing, if one runs, and has begun."""
    if not is_held(folder / _LOCK):
        return None
    with suppress(FileNotFoundError):
        return msgspec.json.decode((folder / _ABOUT).read_bytes(), type=PollerStatus)
    return None


def stop_poller(folder: Path) -> None:
    """Stop the poller that runs on `folder`, if one does, in whichever way it takes."""
    if status := find_poller(folder):
        end(status.pid, folder / _LOCK, patience_s=_STOP_S)


def _write(path: Path, status: PollerStatus) -> None:
    # A reader never finds half of it.
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(status))
    new.replace(path)
