"""Ids that were passed on lately.

Pure: no I/O and no clock.
"""

from collections import deque

__all__ = ["Recent"]

_REMEMBERED = 256


class Recent:
    """The last ids passed on, as many as are needed to tell a repeat from a latecomer.

    Where ids do not count by one, that is; else the id itself tells.

    >>> recent = Recent()
    >>> recent.add(5), recent.add(9)
    (None, None)
    >>> 5 in recent, 7 in recent, recent.covers(7), recent.covers(3)
    (True, False, True, False)
    """

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._ids: set[int] = set()

    def __contains__(self, seq: int) -> bool:
        return seq in self._ids

    def add(self, seq: int) -> None:
        """Remember an id, and forget the oldest one."""
        self._order.append(seq)
        self._ids.add(seq)
        if len(self._order) > _REMEMBERED:
            self._ids.discard(self._order.popleft())

    def covers(self, seq: int) -> bool:
        """Tell whether an id would be remembered if it had been passed on."""
        return bool(self._order) and seq > self._order[0]
