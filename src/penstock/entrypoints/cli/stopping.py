"""What ends a command before its source does: Ctrl-C, SIGTERM, or time.

Prints nothing.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

__all__ = ["Stopper"]


class Stopper:
    """Ends something once it is told to.

    Attributes:
        signalled: Whether Ctrl-C or SIGTERM ended it.
        stopped_s: When it was first told to end, by `monotonic`; None before.
    """

    def __init__(self) -> None:
        self.signalled = False
        self.stopped_s: float | None = None

    @contextmanager
    def calls(
        self, stop: Callable[[], None], *, after_s: float | None = None
    ) -> Iterator[None]:
        """Call `stop` on Ctrl-C, SIGTERM, or after some time, until the block ends.

        It is the main thread's to call, as signals are.
        """

        def end() -> None:
            self.stopped_s = self.stopped_s or monotonic()
            stop()

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.signalled = True
            end()

        timer = threading.Timer(after_s or 0, end)
        timer.daemon = True
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, on_signal) for number in signals]
        try:
            if after_s is not None:
                timer.start()
            yield
        finally:
            timer.cancel()
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)
