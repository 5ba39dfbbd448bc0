"""A consumer over any stream: where it goes on, what fails, shards that come and go."""

import pytest

from penstock.entrypoints.processor import PIPELINE, Processor
from penstock.errors import UnavailableError
from penstock.memory import MemoryCheckpoints, refusing
from penstock.ports import Record
from tests.kpl import aggregate
from tests.tape import tape
from tests.worlds import BTC, ETH, LIVELY, World, for_ticker, record


class Shards:
    """A stream whose shards are lists, of which there may be others at any time.

    A shard that is called `a_b` was made from `a` and `b`.
    """

    def __init__(self, **shards):
        self.records = shards

    def shards(self):
        return list(self.records)

    def parents(self, shard):
        return [p for p in shard.split("_") if p in self.records and p != shard]

    def read(self, shard, *, after, limit):
        later = [r for r in self.records[shard] if r.sequence_number > after]
        return later[:limit]


def processor(stream, world, checkpoints=None, watch=lambda _: None):
    checkpoints = checkpoints or MemoryCheckpoints()
    return Processor(stream, checkpoints, world.ports, LIVELY, watch)


BTC_2_TRADES = tape((101, 1), since=2)
BTC_1, BTC_2 = record(1, tape((100, 0))), record(2, BTC_2_TRADES)
ETH_3 = record(3, for_ticker(ETH, tape((7, 0))), ETH)


def test_all_records_are_processed_and_the_next_run_goes_on():
    world, checkpoints = World(), MemoryCheckpoints()
    stream = Shards(a=[BTC_1, ETH_3])
    results = []
    processing = processor(stream, world, checkpoints, results.append)
    assert (processing.advance(), processing.advance()) == (2, 0)
    assert [r.applied for r in results] == [2]
    assert checkpoints.position(PIPELINE, "a") == 3
    stream.records["a"].append(record(4, tape((101, 1), since=2)))
    assert processor(stream, world, checkpoints, results.append).advance() == 1
    assert [r.applied for r in results] == [2, 1]


def test_batches_are_of_two_hundred_records():
    stream = Shards(a=[record(n, tape((100, n), since=n)) for n in range(1, 302)])
    processing = processor(stream, World())
    assert [processing.advance() for _ in range(3)] == [200, 101, 0]


def test_a_failed_ticker_comes_again_and_holds_up_no_other_shard():
    world, checkpoints = World(), MemoryCheckpoints()
    stream = Shards(a=[BTC_1, BTC_2], b=[ETH_3])
    processing = processor(stream, world, checkpoints)
    world.fault = refusing({BTC})
    with pytest.raises(UnavailableError, match=BTC):
        processing.advance()
    assert world.state(ETH).trades == 1
    assert [checkpoints.position(PIPELINE, s) for s in "ab"] == [0, 3]
    world.fault = None
    assert processing.advance() == 2
    assert world.state(BTC).trades == 2
    assert [checkpoints.position(PIPELINE, s) for s in "ab"] == [2, 3]


def test_shards_that_come_later_are_read_and_those_that_go_are_not():
    world = World()
    stream = Shards(parent=[BTC_1])
    processing = processor(stream, world)
    assert processing.advance() == 1
    del stream.records["parent"]
    stream.records |= {"child-1": [BTC_2], "child-2": [ETH_3]}
    assert processing.advance() == 2
    assert [world.state(t).trades for t in (BTC, ETH)] == [2, 1]


def test_a_shard_waits_until_those_it_was_made_from_are_done():
    world, results = World(), []
    tail = [record(n, tape((100, n), since=n)) for n in range(1, 302)]
    child = [record(302, tape((100, 302), since=302))]
    processing = processor(Shards(a=tail, b=[], a_b=child), world, None, results.append)
    assert [processing.advance() for _ in range(5)] == [200, 101, 1, 0, 0]
    assert world.state(BTC).trades == 302


def test_a_shard_waits_while_a_ticker_fails_in_one_it_was_made_from():
    world = World()
    processing = processor(
        Shards(a=[BTC_1, ETH_3], a_b=[record(4, BTC_2_TRADES)]), world
    )
    world.fault = refusing({BTC})
    for _ in range(3):
        with pytest.raises(UnavailableError, match=BTC):
            processing.advance()
    world.fault = None
    assert [processing.advance() for _ in range(3)] == [2, 1, 0]
    assert [world.state(t).trades for t in (BTC, ETH)] == [2, 1]


def test_a_shard_that_was_begun_does_not_wait_after_a_restart():
    world, checkpoints = World(), MemoryCheckpoints()
    stream = Shards(a=[BTC_1], a_b=[BTC_2])
    first = processor(stream, world, checkpoints)
    assert [first.advance() for _ in range(2)] == [1, 1]
    stream.records["a_b"].append(record(4, tape((102, 2), since=3)))
    assert processor(stream, world, checkpoints).advance() == 1


def test_other_shards_do_not_wait():
    world = World()
    stream = Shards(
        a=[record(n, tape((100, n), since=n)) for n in range(1, 302)], c=[ETH_3]
    )
    assert processor(stream, world).advance() == 201


def test_aggregated_records_are_taken_apart():
    world, checkpoints = World(), MemoryCheckpoints()
    data = aggregate([(r.key, r.data) for r in (BTC_1, ETH_3, BTC_2)])
    stream = Shards(a=[Record("a", 9, "other", data, arrival_us=1)])
    assert processor(stream, world, checkpoints).advance() == 1
    assert [world.state(t).trades for t in (BTC, ETH)] == [2, 1]
    assert checkpoints.position(PIPELINE, "a") == 9


def test_a_sweep_delivers_what_waits():
    world = World()
    world.fault = lambda op, key, done: refusing({BTC} if op == "notify" else ())(
        op, key, done
    )
    processing = processor(Shards(a=[record(1, tape((100, 0), (99, 1)))]), world)
    processing.advance()
    world.fault = None
    assert world.ports.states.undelivered() == [BTC]
    processing.sweep()
    assert world.ports.states.undelivered() == []
    assert {a.ticker for a in world.ports.notifier.alerts.values()} == {BTC}
