"""When a recorded trade is due, if a recording is played at N times its pace.

Neither reads a clock nor sleeps: the caller says what time it is, and waits.
"""

from math import inf

from penstock.errors import ConfigError

__all__ = ["Pace", "parse_speed"]


def parse_speed(text: str) -> float:
    """Read a speed: `max`, or how many times the recorded pace.

    >>> [parse_speed(text) for text in ("max", "10", "0.5")]
    [inf, 10.0, 0.5]

    Raises:
        ConfigError: It is neither.
    """
    if text == "max":
        return inf
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < inf:
        raise ConfigError(
            "--speed must be max, or a number above 0, such as 10 for ten times the "
            f"recorded pace; found {text!r}"
        )
    return speed


class Pace:
    """Says how long to wait before each trade.

    The first trade is due at once, and each later one as long after it as it was
    recorded after it, divided by `speed`.  Time without trades passes as well: at
    speed 1 a night takes a night.  A trade that is older than the first is due at
    once.

    Args:
        speed: How many times the recorded pace; infinite for no waiting at all.
    """

    def __init__(self, speed: float) -> None:
        self._us_per_s = speed * 1e6
        self._first_us: int | None = None
        self._began_s = 0.0

    def wait_s(self, event_us: int, *, now_s: float) -> float:
        """Return how long to wait for the trade of `event_us`, in seconds; 0 or more.

        Args:
            event_us: The trade's time.
            now_s: A clock that never goes back, such as `time.monotonic()`.
        """
        if self._first_us is None:
            self._first_us, self._began_s = event_us, now_s
        due_s = self._began_s + (event_us - self._first_us) / self._us_per_s
        return max(due_s - now_s, 0.0)
