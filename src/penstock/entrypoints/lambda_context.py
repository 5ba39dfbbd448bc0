"""What Lambda tells of an invocation, and how to live within its time."""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

__all__ = ["Context", "while_there_is_time"]

_T = TypeVar("_T")

_RESERVE_MS = 500  # for the last line, and the answer


class Context(Protocol):
    """An invocation, as Lambda's second argument describes it."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id, the same in every line about it."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""


def while_there_is_time(
    items: Sequence[_T], context: Context, *, size: int
) -> Iterator[Sequence[_T]]:
    """Yield `items`, `size` at a time, until the next might not be done in time.

    Each is expected to take twice as long as the longest before it.  The first is
    always yielded: what is never begun is never done.
    """
    longest_ms = 0
    for start in range(0, len(items), size):
        left_ms = context.get_remaining_time_in_millis()
        if start and left_ms < 2 * longest_ms + _RESERVE_MS:
            return
        yield items[start : start + size]
        took_ms = left_ms - context.get_remaining_time_in_millis()
        longest_ms = max(longest_ms, took_ms)
