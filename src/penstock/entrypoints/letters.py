"""Dead letters of what a source gives and nobody can read."""

from zlib import crc32

from penstock import __version__
from penstock.bootstrap import clock_us
from penstock.drivers.files import BadItem
from penstock.model import DeadLetter

__all__ = ["letter_of"]


def letter_of(item: BadItem) -> DeadLetter:
    """Make a dead letter of something unreadable.

    The checksum keeps files of one name apart, and a line from what it was before.
    """
    return DeadLetter(
        id=f"{item.place}#{crc32(item.data):08x}",
        key="",
        reason=item.reason,
        data=item.data,
        arrival_us=clock_us(),
        version=__version__,
    )
