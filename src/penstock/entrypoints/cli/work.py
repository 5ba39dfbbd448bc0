"""A worker in a command's hands: what ends it before its source, what it has done.

Prints nothing.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic

from msgspec import UNSET
from msgspec.structs import replace

from penstock.bootstrap import clock_us
from penstock.config import Settings
from penstock.entrypoints.cli.stopping import Stopper
from penstock.entrypoints.cli.tally import Report, Tally
from penstock.entrypoints.worker import Worker, count_waiting
from penstock.local import LocalStore

__all__ = ["PATIENCE_S", "Work"]

# How long what was taken in is processed, once told to stop; the next start does the
# rest.
PATIENCE_S = 5.0
# Of these, what processing has in any case, however long the source took to stop.
_LEAST_S = 0.5


class Work:
    """A worker over an open data directory, and a tally of what it does.

    Attributes:
        tally: Told of every batch.
        worker: To be entered and fed.
    """

    def __init__(
        self, store: LocalStore, settings: Settings, *, ahead_us: int | None = None
    ) -> None:
        """Make the worker; `ahead_us` as for `Tally`."""
        self.tally = tally = Tally(ahead_us=ahead_us)
        self.worker = Worker(
            store, settings, lambda result: tally.add(result, now_us=clock_us())
        )
        self._stopper = Stopper()
        self._store = store
        self._began_s = monotonic()

    @property
    def signalled(self) -> bool:
        """Whether Ctrl-C or SIGTERM ended it."""
        return self._stopper.signalled

    def stoppable(
        self,
        *,
        after_s: float | None = None,
        stop: Callable[[], None] | None = None,
    ) -> AbstractContextManager[None]:
        """Have the worker stopped by Ctrl-C, SIGTERM, or after some time.

        `stop` ends what feeds it, where that has things to finish first; None to end
        the feeding at once.  It is the main thread's to call, as signals are.
        """

        def end() -> None:
            if self.signalled:
                self.worker.patience_s = PATIENCE_S
            (stop or self.worker.feeder.stop)()

        return self._stopper.calls(end, after_s=after_s)

    def spend_patience(self) -> None:
        """Leave the worker what is left of its patience since it was told to stop."""
        since_s = monotonic() - (self._stopper.stopped_s or monotonic())
        self.worker.patience_s = max(PATIENCE_S - since_s, _LEAST_S)

    def report(self) -> Report:
        """Sum up what was done so far."""
        return self.tally.report(
            monotonic() - self._began_s,
            duplicates=self.worker.feeder.duplicates,
            dead_letters=self.worker.feeder.unread,
        )

    def final_report(self) -> Report:
        """Sum up, with what is left to the next start.

        Raises:
            UnavailableError: The log did not answer.
        """
        return replace(self.report(), waiting=count_waiting(self._store) or UNSET)
