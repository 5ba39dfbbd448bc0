"""What comes out of a file: trades, and what was none."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from penstock.drivers.files.raw import Part
from penstock.feeds import Notes
from penstock.model import Trade

__all__ = ["BadItem", "Batch", "Reader", "Run"]


class BadItem(NamedTuple):
    """Bytes that are no trade.

    Attributes:
        place: Where they stood: `name:17` is line 17, `name[16]` element 16 from 0 of
            an array or row 16 from 0 of Parquet, `archive!member:17` within a zip.
        data: The bytes.
        reason: What is wrong with them.
    """

    place: str
    data: bytes
    reason: str


class Run(NamedTuple):
    """What a chunk of a file holds.

    Attributes:
        trades: In the order of the file.
        bad: Likewise; how the two interleave is not kept.
    """

    trades: list[Trade]
    bad: list[BadItem]


class Batch(NamedTuple):
    """A run, and how far the file has been read.

    Attributes:
        trades: See `Run`.
        bad: See `Run`.
        consumed_bytes: Of the file as stored, from its beginning.
    """

    trades: list[Trade]
    bad: list[BadItem]
    consumed_bytes: int


class Reader(Protocol):
    """Reads one format, from one file."""

    @property
    def notes(self) -> Notes:
        """What was noticed so far."""

    @property
    def contiguous(self) -> bool | None:
        """Whether a `seq` rises by exactly one per ticker; None if the data tell."""

    def read(self, part: Part) -> Iterator[Run]:
        """Yield what a part holds.

        Raises:
            SourceError: It is not of this format.
        """
