"""A shard is read on from where it was left, whatever becomes of its iterators."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from penstock.ports import Record
from penstock.sandbox.shards import Shard, ShardReader, ready

SHARD = Shard("shardId-000000000000", (), 30)
ARRIVED = datetime(2024, 11, 20, 23, 40, 0, 250_000, tzinfo=UTC)


class Kinesis:
    """Answers as boto3's client does; remembers where iterators were asked to begin."""

    def __init__(self, *numbers, is_closed=False, errors=()):
        self.numbers, self.is_closed, self.errors = numbers, is_closed, list(errors)
        self.asked = []

    def get_shard_iterator(self, *, StreamARN, ShardId, **where):
        self.asked.append(where)
        after = int(where.get("StartingSequenceNumber", "0"))
        return {"ShardIterator": str(after)}

    def get_records(self, *, ShardIterator, Limit):
        if self.errors:
            error = {"Error": {"Code": self.errors.pop(0)}}
            raise ClientError(error, "GetRecords")
        after = int(ShardIterator)
        numbers = [n for n in self.numbers if n > after][:Limit]
        entries = [
            {
                "SequenceNumber": f"{n:030d}",
                "PartitionKey": "a",
                "Data": b"x",
                "ApproximateArrivalTimestamp": ARRIVED,
            }
            for n in numbers
        ]
        last = numbers[-1] if numbers else after
        is_end = self.is_closed and last == self.numbers[-1]
        following = {} if is_end else {"NextShardIterator": str(last)}
        return {"Records": entries, **following}


def reader(client, *, after=0, start_us=None):
    return ShardReader(client, "arn:x", SHARD, after=after, start_us=start_us)


def numbers(records):
    return [record.sequence_number for record in records]


def test_records_are_read_in_order_and_once():
    made = reader(Kinesis(1, 2, 3))
    assert [numbers(made.read(2)) for _ in range(3)] == [[1, 2], [3], []]
    assert made.ended is False


def test_a_record_is_what_the_pipeline_knows():
    (record,) = reader(Kinesis(1)).read(10)
    assert record == Record("shardId-000000000000", 1, "a", b"x", 1732146000250000)


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        ({}, {"ShardIteratorType": "TRIM_HORIZON"}),
        (
            {"start_us": 1732146000250000},
            {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": ARRIVED},
        ),
        (
            {"after": 42, "start_us": 1732146000250000},
            {
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "StartingSequenceNumber": "000000000000000000000000000042",
            },
        ),
    ],
)
def test_reading_begins_where_it_is_to(where, asked):
    client = Kinesis(1)
    reader(client, **where).read(1)
    assert client.asked == [asked]


def test_an_iterator_that_expired_is_had_anew_from_the_last_record():
    client = Kinesis(1, 2)
    made = reader(client)
    assert numbers(made.read(1)) == [1]
    client.errors = ["ExpiredIteratorException"]
    assert made.read(1) == []
    assert numbers(made.read(1)) == [2]
    assert client.asked[-1]["StartingSequenceNumber"] == f"{1:030d}"


def test_a_closed_shard_ends():
    made = reader(Kinesis(1, is_closed=True))
    assert (numbers(made.read(10)), made.ended) == ([1], True)
    assert made.read(10) == []


def test_a_shard_that_is_gone_has_ended():
    made = reader(Kinesis(errors=["ResourceNotFoundException"]))
    assert (made.read(10), made.ended) == ([], True)


def test_another_error_is_the_callers():
    with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
        reader(Kinesis(errors=["ProvisionedThroughputExceededException"])).read(10)


# Which may begin

PARENT, OTHER = Shard("0", (), 56), Shard("1", (), 56)
CHILD, MERGED = Shard("2", ("0",), 56), Shard("3", ("0", "1"), 56)


@pytest.mark.parametrize(
    ("listed", "done", "running", "begin"),
    [
        ([PARENT, OTHER], [], [], ["0", "1"]),
        ([PARENT, OTHER], [], ["0"], ["1"]),
        ([PARENT, CHILD], [], [], ["0"]),
        ([PARENT, CHILD], [], ["0"], []),
        ([PARENT, CHILD], ["0"], [], ["2"]),
        ([PARENT, OTHER, MERGED], ["0"], ["1"], []),
        ([PARENT, OTHER, MERGED], ["0", "1"], [], ["3"]),
        ([CHILD], [], [], ["2"]),  # the parent's records have expired
        ([CHILD], [], ["0"], []),  # it is listed no longer, but not done
        ([PARENT], ["0"], [], []),
    ],
)
def test_a_shard_begins_once_its_parents_are_done(listed, done, running, begin):
    found = ready(listed, done=done, running=running)
    assert [shard.name for shard in found] == begin
