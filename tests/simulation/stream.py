"""A Kinesis stream as a model: shards over hash ranges, splits, merges, duplicates."""

from bisect import bisect_right
from hashlib import md5
from itertools import pairwise

from penstock.ports import Record
from tests.kpl import aggregate

# As large as on AWS, where they do not fit into 64 bits.
FIRST_NUMBER = 49601189658422359378836298521827638475320189012309704722
HASHES = 2**128


class Shard:
    """One shard: the records of keys whose hash is within [low, high)."""

    def __init__(self, name, low, high, parents=()):
        self.name, self.low, self.high, self.parents = name, low, high, parents
        self.records, self.closed = [], False

    def after(self, number, limit):
        """The next records above a sequence number."""
        records = self.records
        start = bisect_right(records, number, key=lambda r: r.sequence_number)
        return records[start : start + limit]


class ModelStream:
    """A stream that can be resharded; sequence numbers rise over all of it.

    Attributes:
        shards: All, parents before children.
        last_numbers: The last record that holds something of each key.
    """

    def __init__(self, chance, shards):
        self._chance = chance
        self._number = FIRST_NUMBER
        self._named = 0
        self.last_numbers = {}
        edges = [HASHES * n // shards for n in range(shards + 1)]
        self.shards = []
        for low, high in pairwise(edges):
            self._open(low, high)

    def put(self, records, now_us):
        """Accept one Kinesis record made of (key, data) pairs; several are aggregated.

        The first pair's key decides where it goes, as with Amazon's library.
        """
        key, data = records[0]
        if len(records) > 1:
            data = aggregate(records)
        self._number += self._chance.randint(1, 1 << 40)
        shard = self.shard_of(key)
        self.last_numbers |= dict.fromkeys((k for k, _ in records), self._number)
        shard.records.append(Record(shard.name, self._number, key, data, now_us))

    def shard_of(self, key):
        """The open shard of a key."""
        place = int.from_bytes(md5(key.encode(), usedforsecurity=False).digest(), "big")
        return next(s for s in self.open_shards() if s.low <= place < s.high)

    def open_shards(self):
        return [s for s in self.shards if not s.closed]

    def split(self, shard):
        """Close a shard; two children share its range."""
        middle = self._chance.randrange(shard.low + 1, shard.high)
        shard.closed = True
        self._open(shard.low, middle, (shard,))
        self._open(middle, shard.high, (shard,))

    def merge(self, one, other):
        """Close two neighbours; one child has both ranges."""
        one.closed = other.closed = True
        self._open(one.low, other.high, (one, other))

    def neighbours(self):
        """The pairs of open shards that can be merged."""
        shards = sorted(self.open_shards(), key=lambda s: s.low)
        return list(pairwise(shards))

    def _open(self, low, high, parents=()):
        name = f"shardId-{self._named:012}"
        self._named += 1
        self.shards.append(Shard(name, low, high, parents))
