"""A data directory: log, states, history, alerts and archive on one machine.

    DATA_DIR/penstock.db   everything but the archive, in one SQLite file
    DATA_DIR/archive/      objects, as files
    DATA_DIR/lookups.db    what events are enriched with; any process may write to it
    DATA_DIR/lock          held by the one process that writes

`open_local` is for the process that does the work, `read_local` for any that look on.
Nothing here decides what is stored.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from penstock.errors import ConfigError
from penstock.layout import RAW_DATA
from penstock.local.alerts import LocalAlerts
from penstock.local.database import Durability, open_database, read_database
from penstock.local.dead_letters import LocalDeadLetters
from penstock.local.history import LocalHistory
from penstock.local.lock import is_locked, locked
from penstock.local.objects import LocalObjects
from penstock.local.states import LocalStates
from penstock.local.stream import LocalStream

__all__ = [
    "Durability",
    "LocalReader",
    "LocalStore",
    "is_locked",
    "open_local",
    "read_local",
]

_DATABASE = "penstock.db"
_ARCHIVE = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStore:
    """The adapters of one data directory, which this process alone writes to.

    Any thread may use them.  Close it, or use it as a context manager.
    """

    stream: LocalStream
    states: LocalStates
    history: LocalHistory
    alerts: LocalAlerts
    dead_letters: LocalDeadLetters
    objects: LocalObjects
    resources: ExitStack

    def close(self) -> None:
        """Close the files and let other processes in; no thread may be at work."""
        self.resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReader:
    """What can be looked at while another process works; writes raise ConfigError."""

    states: LocalStates
    history: LocalHistory
    alerts: LocalAlerts
    dead_letters: LocalDeadLetters
    objects: LocalObjects


def open_local(
    data_dir: Path, *, shards: int, durability: Durability, clock: Callable[[], int]
) -> LocalStore:
    """Open a data directory for this process alone, and make it if there is none.

    Args:
        data_dir: Where everything is.
        shards: Of the log; fixed when it is made.
        durability: "full": what the stream, the dead letters and the archive have
            accepted survives a power failure.  "normal": faster, and a power failure
            may cost the last seconds.  The end of the process costs nothing either way.
        clock: Tells the time in microseconds since the epoch, for arrival times.

    Raises:
        BusyError: Another process has it.
        ConfigError: It cannot be written, is damaged, was written by a newer version,
            or its log has another number of shards.
        UnavailableError: The disk is full or failed.
    """
    with ExitStack() as stack:
        stack.enter_context(locked(data_dir))
        _refuse_orphaned_archive(data_dir)
        database = open_database(data_dir / _DATABASE, durability=durability)
        stack.enter_context(closing(database))
        objects = LocalObjects(data_dir / _ARCHIVE, fsync=durability == "full")
        objects.remove_leftovers()
        return LocalStore(
            stream=LocalStream(database, shards=shards, clock=clock),
            states=LocalStates(database, cached=True),
            history=LocalHistory(database),
            alerts=LocalAlerts(database),
            dead_letters=LocalDeadLetters(database),
            objects=objects,
            resources=stack.pop_all(),
        )


def _refuse_orphaned_archive(data_dir: Path) -> None:
    # A new database would archive the same trades a second time beside the first.
    raw = data_dir / _ARCHIVE / RAW_DATA
    if not (data_dir / _DATABASE).exists() and any(raw.rglob("*.gz")):
        raise ConfigError(
            f"{data_dir} holds an archive without its {_DATABASE}. Restore it, or "
            f"rebuild from the archive: penstock replay $(find {raw} -name '*.gz' | "
            "sort) --data-dir NEW"
        )


@contextmanager
def read_local(data_dir: Path) -> Iterator[LocalReader]:
    """Open a data directory to look at it, whether or not a process works in it.

    Raises:
        ConfigError: There is nothing there, or it cannot be read, is damaged or was
            written by a newer version.
        UnavailableError: The disk failed.
    """
    with closing(read_database(data_dir / _DATABASE)) as database:
        yield LocalReader(
            states=LocalStates(database, cached=False),
            history=LocalHistory(database),
            alerts=LocalAlerts(database),
            dead_letters=LocalDeadLetters(database),
            objects=LocalObjects(data_dir / _ARCHIVE, fsync=False),
        )
