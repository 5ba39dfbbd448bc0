"""A stream that others append to, processed until told to stop."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import NamedTuple

from penstock.entrypoints.processor import Processor
from penstock.errors import UnavailableError

__all__ = ["Consuming", "Time"]

# Kinesis lets a shard be read five times a second, by all readers together.
_PASS_S = 0.25
_SWEEP_S = 60.0
_FIRST_PAUSE_S = 0.5  # doubled for each further failure
_LONGEST_PAUSE_S = 30.0
_TICK_S = 0.1  # how often somebody who waits looks whether to stop


class Time(NamedTuple):
    """What is known of time.

    Attributes:
        now_s: A clock that never goes back.
        sleep: Waits for so many seconds.
    """

    now_s: Callable[[], float] = monotonic
    sleep: Callable[[float], None] = sleep


class Consuming:
    """Has a processor go on, whatever the stores do.

    A store that does not answer is asked again, after pauses that grow: somebody else
    decides, by the health of the process, when to give up.

    Args:
        processor: What does the work.
        pulse: Called after each pass over the shards that succeeded.
        notice: Told of each that did not.
        time: See `Time`.
    """

    def __init__(
        self,
        processor: Processor,
        *,
        pulse: Callable[[], None],
        notice: Callable[[str], None],
        time: Time = Time(),  # noqa: B008 (a value)
    ) -> None:
        self._processor, self._pulse, self._notice = processor, pulse, notice
        self._time = time
        self._stopping = False
        self._swept_s = float("-inf")

    def stop(self) -> None:
        """Make `run` return after the batch in hand; safe in a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Process what there is, and what comes, until `stop`."""
        pause_s = _FIRST_PAUSE_S
        while not self._stopping:
            began_s = self._time.now_s()
            try:
                self._pass(began_s)
            except UnavailableError as e:
                self._notice(str(e))
                self._wait(began_s + pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                pause_s = _FIRST_PAUSE_S
                self._pulse()
                self._wait(began_s + _PASS_S)

    def _pass(self, now_s: float) -> None:
        if now_s - self._swept_s > _SWEEP_S:
            # First, or a sweep that fails would be all that is ever done.
            self._swept_s = now_s
            self._processor.sweep()
        self._processor.advance()

    def _wait(self, until_s: float) -> None:
        while not self._stopping:
            left_s = until_s - self._time.now_s()
            if left_s <= 0:
                return
            self._time.sleep(min(left_s, _TICK_S))
