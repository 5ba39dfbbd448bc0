"""How far a replay or a recording is: on a terminal, and nothing elsewhere."""

import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["RecordProgress", "ReplayProgress"]


class _Shown:
    """A line on standard error that is gone in the end; use it as a context manager."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self._progress = Progress(
            *columns,
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()


class RecordProgress(_Shown):
    """What was recorded so far, in words."""

    def __init__(self) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        self._task = self._progress.add_task("connecting", total=None)

    def show(self, text: str) -> None:
        """Say it."""
        self._progress.update(self._task, description=text)


class ReplayProgress(_Shown):
    """A bar over several files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[per_s]:,.0f} trades/s"),
            TimeRemainingColumn(compact=True),
        )
        sizes = [path.stat().st_size for path in paths]
        # The size of a pipe is not known, and so neither is that of all.
        total = sum(sizes) if all(sizes) else None
        self._task = self._progress.add_task("", total=total, per_s=0.0)
        self._began_s = monotonic()
        self._done_bytes = self._file_bytes = self._trades = 0

    def begin(self, name: str) -> None:
        """Say what comes next: a file, or the end."""
        self._done_bytes += self._file_bytes
        self._file_bytes = 0
        self._progress.update(self._task, description=name)

    def advance(self, consumed_bytes: int, trades: int) -> None:
        """Say how far the file is, and how many trades more there were."""
        self._file_bytes = consumed_bytes
        self._trades += trades
        self._progress.update(
            self._task,
            completed=self._done_bytes + consumed_bytes,
            per_s=self._trades / max(monotonic() - self._began_s, 1e-3),
        )
