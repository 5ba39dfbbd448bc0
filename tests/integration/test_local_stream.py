"""The log on one machine: trimming, numbers that are never used again, shards."""

from contextlib import closing

import pytest

from penstock.errors import ConfigError
from penstock.local.database import open_database
from penstock.local.stream import LocalStream
from penstock.sharding import shard_of
from tests.contract.samples import entry

KEYS = [f"coinbase:T{n}-USD" for n in range(12)]
CONSUMERS = ["trades", "archive"]


class Clock:
    """A clock that a test sets."""

    now_us = 100

    def __call__(self):
        return self.now_us


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(tmp_path):
    with closing(open_database(tmp_path / "penstock.db", durability="full")) as found:
        yield found


@pytest.fixture
def stream(database, clock):
    return LocalStream(database, shards=3, clock=clock)


def numbers(stream):
    return sorted(
        r.sequence_number
        for shard in stream.shards()
        for r in stream.read(shard, after=0, limit=10_000)
    )


def finish(stream, consumers=CONSUMERS, shards=None):
    """Let the consumers be done with all that the shards hold."""
    for shard in shards or stream.shards():
        (*_, last) = stream.read(shard, after=0, limit=10_000)
        for consumer in consumers:
            stream.checkpoint(consumer, shard, last.sequence_number)


def test_numbers_rise_over_the_whole_log_in_order_of_arrival(stream):
    for _ in range(2):
        stream.append([entry(key, key) for key in KEYS])
    assert numbers(stream) == list(range(1, 25))
    read = [r for s in stream.shards() for r in stream.read(s, after=0, limit=10_000)]
    in_order = sorted(read, key=lambda r: r.sequence_number)
    assert [r.key for r in in_order] == KEYS * 2


def test_arrival_never_goes_back_though_the_clock_does(database, stream, clock):
    for clock.now_us in (200, 150):
        stream.append([entry(KEYS[0])])
    reopened = LocalStream(database, shards=3, clock=lambda: 120)
    reopened.append([entry(KEYS[0])])
    shard = stream.shards()[shard_of(KEYS[0], 3)]
    read = stream.read(shard, after=0, limit=9)
    assert [r.arrival_us for r in read] == [200, 200, 200]


def test_old_records_go_once_every_consumer_is_past_them(stream):
    stream.append([entry(key) for key in KEYS])
    finish(stream, ["trades"])
    trim = {"retention_us": 50, "now_us": 1000, "consumers": CONSUMERS}
    assert stream.trim(**trim) == 0
    finish(stream, ["archive"])
    assert stream.trim(**trim) == 12
    assert numbers(stream) == []
    assert stream.trim(**trim) == 0


def test_records_stay_for_their_retention(stream, clock):
    for clock.now_us in (100, 200, 300):
        stream.append([entry(key) for key in KEYS])
    finish(stream)
    trim = {"retention_us": 700, "consumers": CONSUMERS}
    assert stream.trim(now_us=800, **trim) == 0
    assert stream.trim(now_us=801, **trim) == 12
    assert numbers(stream) == list(range(13, 37))
    assert stream.trim(now_us=1001, **trim) == 24


def test_a_shard_that_is_behind_keeps_its_own_records_only(stream):
    stream.append([entry(key) for key in KEYS])
    behind, *done = stream.shards()
    finish(stream, shards=done)
    trim = {"retention_us": 0, "now_us": 1000, "consumers": CONSUMERS}
    kept = len(stream.read(behind, after=0, limit=99))
    assert stream.trim(**trim) == 12 - kept
    assert len(numbers(stream)) == kept > 0
    second = stream.read(behind, after=0, limit=2)[-1].sequence_number
    for consumer in CONSUMERS:
        stream.checkpoint(consumer, behind, second)
    assert stream.trim(**trim) == 2
    assert min(numbers(stream)) > second


def test_without_consumers_only_age_counts(stream):
    stream.append([entry(key) for key in KEYS])
    assert stream.trim(retention_us=0, now_us=101, consumers=[]) == 12


def test_more_records_than_one_transaction_deletes_are_trimmed(stream):
    for _ in range(3):
        stream.append([entry(key) for key in KEYS * 100])
    finish(stream)
    trimmed = stream.trim(retention_us=0, now_us=1000, consumers=CONSUMERS)
    assert trimmed == 3600
    assert numbers(stream) == []


def test_numbers_marks_and_checkpoints_outlive_trimming_and_closing(tmp_path):
    for opening in range(3):
        path = tmp_path / "penstock.db"
        with closing(open_database(path, durability="full")) as database:
            stream = LocalStream(database, shards=1, clock=lambda: 100)
            (shard,) = stream.shards()
            assert stream.position("trades", shard) == opening * 12
            stream.append([entry(key, last_seq=opening + 1) for key in KEYS])
            first = opening * 12 + 1
            assert numbers(stream) == list(range(first, first + 12))
            finish(stream)
            assert stream.trim(retention_us=0, now_us=101, consumers=CONSUMERS) == 12
            assert stream.marks() == dict.fromkeys(KEYS, opening + 1)


def test_a_log_keeps_its_number_of_shards(database, stream):
    stream.append([entry(key) for key in KEYS])
    with pytest.raises(ConfigError, match=r"3 shards .* found 8 .* Set shards = 3 in"):
        LocalStream(database, shards=8, clock=lambda: 0)
    assert numbers(LocalStream(database, shards=3, clock=lambda: 0)) == numbers(stream)
