"""How often a host may be asked: its rate, and the pauses that it asks for.

Pure: told the time, it says how long to wait.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

__all__ = ["Bucket", "retry_after_s"]

_LONGEST_S = 3600.0  # no answer, however confused, stops anything for longer


class Bucket:
    """How many requests a host takes: so many at once, then so many a second.

    Args:
        per_s: Requests per second.
        burst: Requests at once after a pause.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, burst
        self._tokens, self._at_s = float(burst), float("-inf")
        self._paused_until_s = float("-inf")

    def wait_s(self, now_s: float) -> float:
        """Take a turn; return how long it is until then, in seconds."""
        gained = (now_s - self._at_s) * self._per_s
        self._tokens = min(self._tokens + gained, self._burst) - 1
        self._at_s = now_s
        return max(-self._tokens / self._per_s, 0.0)

    def give_back(self) -> None:
        """Return a turn that was taken and will not be used."""
        self._tokens = min(self._tokens + 1, self._burst)

    def pause(self, for_s: float, now_s: float) -> None:
        """Take no request for so long; a longer pause stays."""
        self._paused_until_s = max(self._paused_until_s, now_s + for_s)

    def paused_s(self, now_s: float) -> float:
        """Return how long the pause still lasts; 0 if there is none."""
        return max(self._paused_until_s - now_s, 0.0)


def retry_after_s(headers: Mapping[str, str], now_us: int) -> float | None:
    """Read Retry-After, in seconds from now, at most an hour; None if there is none.

    >>> retry_after_s({"Retry-After": "30"}, 0)
    30.0
    >>> retry_after_s({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 18_000_000)
    42.0
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), _LONGEST_S)
    try:
        until_s = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(until_s - now_us / 1e6, 0.0), _LONGEST_S)
