"""What was received and not yet taken: filled by one thread, emptied by another.

It never refuses anything; whoever fills it looks at `is_full` and stops in time.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from penstock.drivers.files.batch import BadItem
from penstock.model import Trade

__all__ = ["Inbox", "LiveBatch"]

_TRADE_BYTES = 256  # about what a waiting trade takes; bad items count by it


class LiveBatch(NamedTuple):
    """What was received.

    Attributes:
        trades: In order per ticker, each once, with `gap` and `backfilled` set.
        bad: What could not be read.
    """

    trades: list[Trade]
    bad: list[BadItem]


class Inbox:
    """A queue of trades and bad items that knows how full it is.

    Args:
        most: How many trades make it full.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._trades: deque[list[Trade]] = deque()
        self._bad: deque[BadItem] = deque()
        self._ready = threading.Event()
        # Each is written by one thread alone, so neither needs a lock.
        self._put = self._taken = 0

    @property
    def fill(self) -> int:
        """How many trades wait; a bad item counts as as many as take its space."""
        return self._put - self._taken

    @property
    def is_full(self) -> bool:
        """Whether no more should be put in."""
        return self._put - self._taken >= self._most

    @property
    def has_room(self) -> bool:
        """Whether enough was taken to go on after it was full."""
        return self._put - self._taken <= self._most // 2

    def put(self, trades: list[Trade]) -> None:
        """Add trades."""
        self._trades.append(trades)
        self._put += len(trades)
        if not self._ready.is_set():
            self._ready.set()

    def put_bad(self, items: Sequence[BadItem]) -> None:
        """Add what could not be read."""
        self._bad.extend(items)
        self._put += sum(map(_weight, items))
        self._ready.set()

    def wake(self) -> None:
        """End the wait of who takes."""
        self._ready.set()

    def take(self, most: int, wait_s: float) -> LiveBatch:
        """Take what there is, up to about `most` trades; wait for some if need be."""
        if not self._trades and not self._bad:
            self._ready.wait(wait_s)
        self._ready.clear()
        trades: list[Trade] = []
        while self._trades and len(trades) < most:
            trades += self._trades.popleft()
        bad = [self._bad.popleft() for _ in range(len(self._bad))]
        self._taken += len(trades) + sum(map(_weight, bad))
        return LiveBatch(trades, bad)


def _weight(item: BadItem) -> int:
    return 1 + len(item.data) // _TRADE_BYTES
