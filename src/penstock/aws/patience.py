"""How long to wait before what was refused is tried again."""

import time
from collections.abc import Iterator
from random import Random

__all__ = ["attempts", "is_over"]

_FIRST_S = 0.05
_LONGEST_S = 2.0
TOTAL_S = 10.0

_chance = Random()  # noqa: S311 (spreads callers out; keeps no secret)


def is_over(began_s: float) -> bool:
    """Tell whether what began then, by `time.monotonic`, has had its ten seconds."""
    return time.monotonic() - began_s > TOTAL_S


def attempts() -> Iterator[int]:
    """Yield 0, 1, 2 ... at once and then after waits, for ten seconds.

    The last one begins within them; what it does comes on top.  The waits double up to
    two seconds, each with full jitter, so that callers that were refused together do
    not come back together.
    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    deadline = time.monotonic() + TOTAL_S
    number, longest = 0, _FIRST_S
    while True:
        yield number
        wait = _chance.uniform(0, longest)
        if time.monotonic() + wait > deadline:
            return
        time.sleep(wait)
        number, longest = number + 1, min(_LONGEST_S, 2 * longest)
