"""Lines that functions have written, as they come."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from penstock.aws.errors import translated
from penstock.deploying.target import Target

__all__ = ["Line", "follow", "read_lines"]

_FOLDER = "/aws/lambda/"
# CloudWatch shows some lines later than others that were written after them.
_OVERLAP_MS = 10_000
_LEAST_S = 0.5


class Line(Struct, frozen=True, kw_only=True):
    """A line of a function's log.

    Attributes:
        id_: CloudWatch's, by which it is known again.
        function: Who wrote it.
        time_ms: When, in milliseconds since the epoch.
        text: The line.
    """

    id_: str
    function: str
    time_ms: int
    text: str


def read_lines(target: Target, function: str, since_ms: int) -> list[Line]:
    """Return a function's lines since then, the oldest first.

    Raises:
        ConfigError: It has no log.
        UnavailableError: CloudWatch does not answer.
    """
    with translated(f"logs FilterLogEvents {_FOLDER}{function}"):
        pages = target.clients("logs").get_paginator("filter_log_events")
        lines = [
            Line(
                id_=_id(found),
                function=function,
                time_ms=found["timestamp"],
                text=found["message"].rstrip("\n"),
            )
            for page in pages.paginate(
                logGroupName=f"{_FOLDER}{function}", startTime=since_ms
            )
            for found in page["events"]
        ]
    return sorted(lines, key=lambda line: line.time_ms)


def _id(found: Mapping[str, Any]) -> str:
    # The emulator gives none.
    made = f"{found['logStreamName']} {found['timestamp']} {found['message']}"
    return str(found.get("eventId", made))


def follow(
    target: Target,
    functions: Iterable[str],
    since_ms: int,
    is_stopped: Callable[[], bool],
) -> Iterator[Line]:
    """Yield the functions' lines since then, and then those that come, until stopped.

    Each once, in the order in which CloudWatch shows them.
    """
    seen: dict[str, int] = {}
    newest_ms = since_ms
    while not is_stopped():
        start_ms = max(since_ms, newest_ms - _OVERLAP_MS)
        found = [ln for name in functions for ln in read_lines(target, name, start_ms)]
        for line in sorted(found, key=lambda line: line.time_ms):
            if line.id_ not in seen:
                seen[line.id_] = line.time_ms
                newest_ms = max(newest_ms, line.time_ms)
                yield line
        horizon_ms = newest_ms - _OVERLAP_MS
        seen = {id_: ms for id_, ms in seen.items() if ms >= horizon_ms}
        time.sleep(max(target.poll_s, _LEAST_S))
