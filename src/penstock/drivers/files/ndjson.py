"""Penstock's own NDJSON: the wire format, the archive's, any number of tickers."""

from collections.abc import Iterator
from operator import attrgetter

import msgspec

from penstock.codec import MAX_LINE_BYTES, decode_trade
from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.fields import check_names
from penstock.drivers.files.lines import Lines, whole_lines
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError
from penstock.feeds import Notes
from penstock.model import Trade

__all__ = ["PenstockReader"]

_NAMES = attrgetter("venue", "symbol")


class PenstockReader:
    """Reads penstock's own trades; `seq` and `gap` are as they were written."""

    contiguous = False  # the gaps are in the trades

    def __init__(self) -> None:
        self.notes = Notes()
        # Not strict, as a single line is read by the codec: numbers may be strings.
        self._decode = msgspec.json.Decoder(Trade, strict=False).decode_lines
        self._checked: set[tuple[str, str]] = set()

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the part's trades and bad lines, a chunk of lines at a time."""
        for lines in whole_lines(part):
            if lines.fault:
                place = f"{part.name}:{lines.first}"
                yield Run([], [BadItem(place, lines.data, lines.fault)])
            else:
                trades = self._all_good(lines.data)
                yield _each(part.name, lines) if trades is None else Run(trades, [])

    def _all_good(self, data: bytes) -> list[Trade] | None:
        """Decode all lines at once; None if one of them needs a closer look."""
        if len(data) > MAX_LINE_BYTES:  # one of them is long
            return None
        try:
            trades = self._decode(data)
            for venue, symbol in set(map(_NAMES, trades)) - self._checked:
                check_names(venue, symbol)
                self._checked.add((venue, symbol))
        except (msgspec.DecodeError, UnicodeError, RecursionError, BadRecordError):
            return None
        # A trade may stand on several lines, or several on one: the codec says no.
        is_ended = data.endswith(b"\n")
        return trades if len(trades) == data.count(b"\n") + (not is_ended) else None


def _each(name: str, lines: Lines) -> Run:
    trades: list[Trade] = []
    bad: list[BadItem] = []
    for number, line in enumerate(lines.data.split(b"\n"), lines.first):
        if not line.strip():
            continue
        try:
            trades.append(decode_trade(line))
        except (BadRecordError, RecursionError) as e:
            bad.append(BadItem(f"{name}:{number}", line, str(e)))
    return Run(trades, bad)
