"""Records that Amazon's Kinesis Producer Library has put into one, taken apart.

The format is that of awslabs/amazon-kinesis-producer, aggregation-format.md: a magic
number, a protobuf message, and its MD5.  The message has three kinds of fields that
matter here, so it is read by hand; a library would weigh more than all of penstock.
Pure.
"""

from collections.abc import Iterator
from hashlib import md5

from msgspec.structs import replace

from penstock.ports import Record

__all__ = ["MAGIC", "unpack"]

MAGIC = b"\xf3\x89\x9a\xc2"
_MD5_BYTES = 16

# Of AggregatedRecord.
_PARTITION_KEY, _RECORD = 1, 3
# Of its Record.
_KEY_INDEX, _DATA = 1, 3

# Protobuf's wire types: what follows a field's tag.
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FIXED_BYTES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT = 10  # bytes, of 7 bits each


def unpack(record: Record) -> list[Record]:
    """Return the records that `record` is made of, one per partition key.

    Those of one key are put together, in order: they share the sequence number, by
    which a state knows what it has seen.  One that was not aggregated comes back as it
    is, and so does one that is damaged: its bytes then become dead letters.
    """
    if not record.data.startswith(MAGIC):
        return [record]
    try:
        parts = _parts(record.data)
    except ValueError:
        return [record]
    unpacked = []
    first_line = 0
    for key, lines in parts.items():
        data = b"".join(lines)
        unpacked.append(replace(record, key=key, data=data, first_line=first_line))
        first_line += data.count(b"\n")
    return unpacked


def _parts(data: bytes) -> dict[str, list[bytes]]:
    """Read the data of each key's records, each ended by a newline.

    Raises:
        ValueError: It is not what the format says.
    """
    message, checksum = data[len(MAGIC) : -_MD5_BYTES], data[-_MD5_BYTES:]
    if md5(message, usedforsecurity=False).digest() != checksum:
        raise ValueError("the checksum is another one")
    keys: list[str] = []
    records: list[bytes] = []
    for field, value in _fields(message):
        if field == _PARTITION_KEY:
            keys.append(_bytes(value).decode())
        elif field == _RECORD:
            records.append(_bytes(value))
    parts: dict[str, list[bytes]] = {}
    # The keys may stand after the records.
    for found in records:
        index, lines = _record(found)
        if index >= len(keys):
            raise ValueError("a record of a key that is not there")
        ended = lines if lines.endswith(b"\n") else lines + b"\n"
        parts.setdefault(keys[index], []).append(ended)
    return parts


def _record(message: bytes) -> tuple[int, bytes]:
    """Read a record: which key it has, and its data."""
    # Of a field that stands there twice, protobuf takes the last.
    fields = dict(_fields(message))
    index, data = fields.get(_KEY_INDEX), fields.get(_DATA)
    if not isinstance(index, int):
        raise ValueError("a record without a key")  # noqa: TRY004 (as for the rest)
    return index, _bytes(data)


def _bytes(value: int | bytes | None) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("a field of another type")


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Read a message's fields: their numbers, and integers or bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield field, value
            continue
        if wire_type == _LENGTH:
            size, at = _varint(message, at)
        elif wire_type in _FIXED_BYTES:
            size = _FIXED_BYTES[wire_type]
        else:
            raise ValueError("a wire type that proto2 does not have, or no more")
        if at + size > len(message):
            raise ValueError("a field that does not end")
        yield field, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Read an integer in groups of 7 bits, lowest first; return where it ends too."""
    value = 0
    for count, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:  # noqa: PLR2004 (the bit that says that more follow)
            return value, at + count + 1
    raise ValueError("an integer that does not end")
