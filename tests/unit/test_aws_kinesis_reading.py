"""Reading a shard of Kinesis: shards that are gone, iterators that are, empty pages."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from penstock.aws import kinesis
from penstock.errors import ConfigError

SHARD = "shardId-000000000000"
NOW = datetime(2024, 11, 20, tzinfo=UTC)


class ExpiredIteratorError(ClientError):
    """As botocore's client makes it."""


def refused(code, kind=ClientError):
    return kind({"Error": {"Code": code, "Message": "why"}}, "GetRecords")


class Client:
    """A stream whose records are at 1, 2, 3 ...; iterators are `(after, life)`."""

    exceptions = SimpleNamespace(ExpiredIteratorException=ExpiredIteratorError)

    def __init__(self, records=0, empty_pages=0, shards=(SHARD,), exists=True):
        self.records, self.empty_pages = records, empty_pages
        self.shards, self.exists = shards, exists
        self.life = 0
        self.starts = []

    def list_shards(self, **_):
        if not self.exists:
            raise refused("ResourceNotFoundException")
        return {"Shards": [{"ShardId": name} for name in self.shards]}

    def get_shard_iterator(self, *, ShardId, ShardIteratorType, **kwargs):
        if ShardId not in self.shards or not self.exists:
            raise refused("ResourceNotFoundException")
        after = int(kwargs.get("StartingSequenceNumber", 0))
        self.starts.append((ShardIteratorType, after))
        return {"ShardIterator": (after, self.life)}

    def get_records(self, *, ShardIterator, Limit):
        after, life = ShardIterator
        if life != self.life:
            raise refused("ExpiredIteratorException", ExpiredIteratorError)
        if self.empty_pages:
            self.empty_pages -= 1
            found = []
        else:
            found = range(after + 1, min(after + Limit, self.records) + 1)
        last = found[-1] if found else after
        return {
            "Records": [
                {
                    "SequenceNumber": str(n),
                    "PartitionKey": "k",
                    "Data": b"",
                    "ApproximateArrivalTimestamp": NOW,
                }
                for n in found
            ],
            "NextShardIterator": (last, life),
            "MillisBehindLatest": 1000 * (self.records - last),
        }


@pytest.fixture
def pauses(monkeypatch):
    made = []
    clock = SimpleNamespace(sleep=made.append, monotonic=lambda: 0.0)
    monkeypatch.setattr(kinesis, "time", clock)
    return made


def numbers(stream, after, limit=2):
    records = stream.read(SHARD, after=after, limit=limit)
    return [record.sequence_number for record in records]


def test_a_shard_that_expired_since_it_was_listed_has_no_more(pauses):
    stream = kinesis.KinesisStream(lambda _: Client(shards=("another",)), "s")
    assert stream.read(SHARD, after=5, limit=10) == []
    assert stream.read(SHARD, after=5, limit=10) == []
    assert stream.behind_ms[SHARD] == 0


def test_a_stream_that_is_not_there_is_for_the_operator(pauses):
    stream = kinesis.KinesisStream(lambda _: Client(exists=False), "s")
    with pytest.raises(ConfigError, match="Deploy it first"):
        stream.read(SHARD, after=5, limit=10)


def test_an_iterator_that_expired_is_renewed_where_the_reading_stands(pauses):
    client = Client(records=5)
    stream = kinesis.KinesisStream(lambda _: client, "s")
    assert numbers(stream, 0) == [1, 2]
    client.life = 1  # five minutes later
    assert numbers(stream, 2) == [3, 4]
    assert numbers(stream, 4) == [5]
    assert client.starts == [("TRIM_HORIZON", 0), ("AFTER_SEQUENCE_NUMBER", 2)]


def test_a_shard_may_go_while_its_iterator_expires(pauses):
    client = Client(records=2)
    stream = kinesis.KinesisStream(lambda _: client, "s")
    assert numbers(stream, 0) == [1, 2]
    client.life, client.shards = 1, ()
    assert numbers(stream, 2) == []


def test_empty_pages_are_walked_over_no_faster_than_kinesis_allows(pauses):
    client = Client(records=2, empty_pages=50)
    stream = kinesis.KinesisStream(lambda _: client, "s")
    assert numbers(stream, 0) == [1, 2]
    assert pauses == [0.2] * 50


def test_parents_come_before_what_was_made_of_them_however_they_are_listed():
    # 5 was split into 1 and 2, these were merged into 3; what 5 came of has expired.
    pages = {
        None: [
            {"ShardId": "3", "ParentShardId": "2", "AdjacentParentShardId": "1"},
            {"ShardId": "1", "ParentShardId": "5"},
        ],
        "more": [
            {"ShardId": "5", "ParentShardId": "gone"},
            {"ShardId": "2", "ParentShardId": "5"},
        ],
    }

    def list_shards(NextToken=None, StreamName=None):
        # Kinesis takes one or the other.
        assert (NextToken is None) != (StreamName is None)
        return {
            "Shards": pages[NextToken],
            "NextToken": None if NextToken else "more",
        }

    client = SimpleNamespace(list_shards=list_shards)
    stream = kinesis.KinesisStream(lambda _: client, "s")
    assert stream.shards() == ["5", "1", "2", "3"]
    assert {name: stream.parents(name) for name in stream.shards()} == {
        "1": ["5"],
        "2": ["5"],
        "3": ["2", "1"],
        "5": [],
    }
