"""Dead letters of what stands in a stream's records."""

from penstock import __version__
from penstock.codec import BadLine
from penstock.model import DeadLetter
from penstock.ports import Record

__all__ = ["letter_of_line"]


def letter_of_line(record: Record, bad: BadLine) -> DeadLetter:
    """Make a dead letter of a record's line; its id is the line's place in the stream.

    >>> record = Record("shardId-000000000000", 42, "", b"?", 1_700_000_000_000_000)
    >>> letter_of_line(record, BadLine(0, b"?", "not JSON")).id
    'shardId-000000000000/42/0'
    """
    return DeadLetter(
        id=f"{record.shard}/{record.sequence_number}/{record.first_line + bad.line}",
        key=record.key,
        reason=bad.reason,
        data=bad.data,
        arrival_us=record.arrival_us,
        version=__version__,
    )
