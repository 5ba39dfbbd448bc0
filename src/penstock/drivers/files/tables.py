"""Rows of text: which line is the header, what divides the cells, and a trade a row.

What the columns mean is said by a layout, made for the part once its head is known.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.lines import Lines, whole_lines
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError
from penstock.feeds import Notes
from penstock.model import Trade

__all__ = ["Layout", "TableReader", "first_row"]

_DIVIDERS = ",;\t|"


class Layout(NamedTuple):
    """How to read a table.

    Attributes:
        trade: Makes a row's trade; raises BadRecordError where it is none.
        divider: What stands between cells.
        header_lines: How many lines at the top are no rows.
    """

    trade: Callable[[Sequence[str]], Trade]
    divider: str = ","
    header_lines: int = 0


class FirstRow(NamedTuple):
    """A table's first line that is not blank.

    Attributes:
        cells: Its cells; empty where the part has no line.
        divider: What stands between them.
        number: Which line it is, from 1.
    """

    cells: list[str]
    divider: str
    number: int


class TableReader:
    """Reads parts whose lines are rows.

    Args:
        layout: Makes the layout of a part, counting in `notes` what it rounds.
    """

    contiguous = None  # whether the ids are is told by the first of them

    def __init__(self, layout: Callable[[Part, Notes], Layout]) -> None:
        self.notes = Notes()
        self._layout = layout

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the part's trades and bad rows, a chunk of lines at a time."""
        layout = self._layout(part, self.notes)
        for lines in whole_lines(part):
            if lines.fault:
                place = f"{part.name}:{lines.first}"
                yield Run([], [BadItem(place, lines.data, lines.fault)])
            else:
                yield _read_rows(part.name, lines, layout)


def first_row(part: Part) -> FirstRow:
    """Divide a part's first line at whichever divider occurs most in it."""
    for number, line in enumerate(part.head.split(b"\n"), 1):
        text = line.decode(errors="replace").strip()
        if text:
            divider = max(_DIVIDERS, key=text.count)
            cells = [cell.strip() for cell in _cells(text, divider)]
            return FirstRow(cells, divider, number)
    return FirstRow([], ",", 0)


def _read_rows(name: str, lines: Lines, layout: Layout) -> Run:
    trades: list[Trade] = []
    bad: list[BadItem] = []
    make, divider = layout.trade, layout.divider
    for number, line in enumerate(_texts(lines.data), lines.first):
        if number <= layout.header_lines or not line.strip():
            continue
        try:
            line.encode()  # raises where _texts met what is not UTF-8
            cells = line.split(divider) if '"' not in line else _cells(line, divider)
            trades.append(make(cells))
        except (BadRecordError, UnicodeEncodeError) as e:
            data = line.encode(errors="surrogateescape")
            bad.append(BadItem(f"{name}:{number}", data, _reason(e)))
    return Run(trades, bad)


def _texts(data: bytes) -> list[str]:
    # A byte that is no UTF-8 survives as a surrogate, so that a bad row's bytes can
    # be given back.
    text = data.decode(errors="surrogateescape")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return text.split("\n")


def _cells(line: str, divider: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=divider), [])
    except csv.Error:  # such as a cell of more than 128 KiB
        return line.split(divider)


def _reason(e: BadRecordError | UnicodeEncodeError) -> str:
    if isinstance(e, UnicodeEncodeError):
        return f"not UTF-8 at its character {e.start + 1}"
    return str(e)
