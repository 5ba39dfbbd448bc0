"""Which shard a partition key belongs to, and what shards are called.

As Kinesis does it, so that a log kept on one machine and a stream on AWS spread the
same keys over the same shards.  Nothing here does I/O.
"""

from functools import lru_cache
from hashlib import md5

__all__ = ["shard_names", "shard_of"]


# A digest costs a microsecond, which at 100,000 entries a second is worth keeping;
# 65,536 keys are more tickers than any venue lists.
@lru_cache(maxsize=65_536)
def shard_of(key: str, shards: int) -> int:
    """Return the number of the shard of `key`, from 0, where there are `shards`.

    The MD5 of the key, as a fraction of all MD5s, picks the shard.

    >>> [shard_of(key, 4) for key in ("coinbase:BTC-USD", "coinbase:ETH-USD")]
    [0, 2]
    """
    digest = md5(key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big") * shards >> 128


def shard_names(shards: int) -> tuple[str, ...]:
    """Name shards as Kinesis does, by number from 0.

    >>> shard_names(2)
    ('shardId-000000000000', 'shardId-000000000001')
    """
    return tuple(f"shardId-{number:012}" for number in range(shards))
