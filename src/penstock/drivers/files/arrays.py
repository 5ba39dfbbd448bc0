"""The elements of a JSON array, a chunk at a time, however long the array is.

Finds where elements end and leaves their reading to others.  Where one is malformed,
it goes on at the next place that looks like the beginning of another.
"""

import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import NamedTuple

from penstock.drivers.files.lines import Kept
from penstock.drivers.files.raw import Part

__all__ = ["Element", "elements"]

# An element that has not ended after so many bytes is taken for malformed; a trade
# with all that an exchange says about it has some two thousand.
_LONGEST_BYTES = 65_536

_GAP = re.compile(r"[\s,]*")
_BORDER = re.compile(r"[\]}]\s*,\s*(?=[\[{])")
_BRACKET = re.compile(r"[\[\]]")
_BORDER_BYTES = 64  # more than one takes, however it is indented


class Element(NamedTuple):
    """One element, or what stands where one should.

    Attributes:
        number: Which, from 0.
        data: Its bytes.
        fault: Why it is none; "" where it may be one.
    """

    number: int
    data: bytes
    fault: str = ""


def elements(part: Part, *, flat: bool = False) -> Iterator[list[Element]]:
    """Yield the elements of a part that is one JSON array, in runs.

    Args:
        part: What to read.
        flat: Whether the elements are arrays without brackets in them, so that a
            malformed one never takes the next one along.
    """
    finder = _Finder(flat=flat)
    for chunk in part.chunks():
        yield finder.find(chunk)
    fault = part.damage and "cut off where the file ends early"
    yield finder.finish(fault or "the file ends before the array does")


class _Finder:
    def __init__(self, *, flat: bool) -> None:
        self._flat = flat
        self._scan = JSONDecoder(strict=False).raw_decode
        self._rest = b""  # not divided yet
        self._lost: Kept | None = None  # a malformed element whose end has not come
        self._patience_bytes = _LONGEST_BYTES
        self._is_open = self._is_closed = False  # the array
        self._next_number = 0

    def find(self, chunk: bytes) -> list[Element]:
        """Return the elements that end within `chunk`."""
        data = self._rest + chunk
        # Every byte a character, so that positions agree: all that counts here is
        # ASCII, and whether the rest is UTF-8 is for the element's reader to see.
        text = data.decode("latin-1")
        found: list[Element] = []
        at = 0
        while not self._is_closed:
            start = at if self._lost else self._next_start(text, at)
            end = self._end(text, start)
            if end is None:
                at = start
                break
            if not self._is_closed:
                found.append(self._element(data[start:end]))
            at = end
        self._keep(data[at:])
        return found

    def finish(self, fault: str) -> list[Element]:
        """Return the last elements, and what is no element, if there is such."""
        self._patience_bytes = 0
        found = self.find(b"")
        if self._is_closed and not self._rest.strip():
            return found
        if self._is_closed:
            fault = "this follows the array's end"
        elif self._lost:
            self._rest, self._lost = self._lost.take() + self._rest, None
        return [*found, self._element(self._rest, fault)]

    def _next_start(self, text: str, at: int) -> int:
        start = _after_gap(text, at)
        if not self._is_open and text[start : start + 1] == "[":
            self._is_open = True
            start = _after_gap(text, start + 1)
        return start

    def _end(self, text: str, start: int) -> int | None:
        """Find the end of what begins at `start`; None if it has not come yet."""
        if not self._lost:
            if text[start : start + 1] == "]":
                self._is_closed = True
                return start + 1
            end = self._flat_end(text, start) if self._flat else None
            end = end or self._scanned_end(text, start)
            if end is not None or len(text) - start < max(self._patience_bytes, 1):
                return end
            self._lost = Kept()
        border = _BORDER.search(text, start)
        return border.start() + 1 if border else None

    def _scanned_end(self, text: str, start: int) -> int | None:
        try:
            return self._scan(text, start)[1]
        except (ValueError, RecursionError):
            return None

    def _flat_end(self, text: str, start: int) -> int | None:
        if text[start : start + 1] != "[":
            return None
        bracket = _BRACKET.search(text, start + 1)
        if bracket is None:
            return None
        # Another one begins: this one is broken off before it.
        return bracket.start() if bracket[0] == "[" else bracket.end()

    def _element(self, data: bytes, fault: str = "") -> Element:
        if self._lost:
            self._lost.add(data)
            fault = self._lost.complaint() or "malformed JSON"
            data, self._lost = self._lost.take(), None
        self._next_number += 1
        return Element(self._next_number - 1, data, fault)

    def _keep(self, rest: bytes) -> None:
        if self._lost:  # its border may come with the next chunk
            self._lost.add(rest[:-_BORDER_BYTES])
            rest = rest[-_BORDER_BYTES:]
        self._rest = rest


def _after_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at
