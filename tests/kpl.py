"""Aggregates records as Amazon's Kinesis Producer Library does; the other way round.

After awslabs/amazon-kinesis-producer, aggregation-format.md.
"""

from hashlib import md5

MAGIC = b"\xf3\x89\x9a\xc2"


def varint(value):
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def field(number, value):
    """One field of a message: an integer, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def sealed(message):
    """What the library puts around a message."""
    return MAGIC + message + md5(message, usedforsecurity=False).digest()


def message_of(records, *, shares_keys=True, hash_keys=()):
    """The message of (key, data) pairs; each has a key of its own unless they share."""
    keys = list(dict.fromkeys(k for k, _ in records)) if shares_keys else []
    body = b""
    for n, (key, data) in enumerate(records):
        index = keys.index(key) if shares_keys else n
        parts = field(1, index)
        if hash_keys:
            parts += field(2, n % len(hash_keys))
        body += field(3, parts + field(3, data))
    table = keys if shares_keys else [key for key, _ in records]
    named = b"".join(field(1, key.encode()) for key in table)
    hashed = b"".join(field(2, key.encode()) for key in hash_keys)
    return named + hashed + body


def aggregate(records, **how):
    return sealed(message_of(records, **how))
