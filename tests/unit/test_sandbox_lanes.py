"""Several batches of one shard at once, as ParallelizationFactor has it."""

from penstock.sandbox.mapping import ShardMapping
from penstock.sandbox.settings import MappingSettings
from tests.unit.test_sandbox_mapping import numbers, poison, record, run

KEYS = ("test:BTC-USD", "test:ETH-USD", "test:SOL-USD", "test:XRP-USD")


def in_lanes(lanes, **settings):
    made = ShardMapping(MappingSettings(lanes=lanes, **settings))
    made.add([record(n, key=KEYS[n % 4]) for n in range(1, 41)], 0)
    return made


def test_a_key_is_in_one_batch_at_a_time_and_in_order():
    made, seen = in_lanes(3, batch_size=4), {key: [] for key in KEYS}
    while batches := made.due(0):
        keys = [{r.key for r in batch.records} for batch in batches]
        assert len(set().union(*keys)) == sum(map(len, keys))
        for batch in reversed(batches):
            for item in batch.records:
                seen[item.key].append(item.sequence_number)
            made.finish(batch, None, 0)
    assert seen == {key: sorted(seen[key]) for key in KEYS}
    assert sum(map(len, seen.values())) == 40
    assert made.checkpoint == 40


def test_lanes_run_side_by_side():
    assert [batch.lane for batch in in_lanes(3).due(0)] == [0, 1, 2]


def test_the_checkpoint_waits_for_the_slowest_lane():
    made = in_lanes(2)
    first, second = made.due(0)
    late = min(numbers(second))
    made.finish(first, None, 0)
    assert made.checkpoint == late - 1
    made.finish(second, None, 0)
    assert made.checkpoint == 40


def test_a_failing_lane_holds_up_no_other():
    made = in_lanes(2, batch_size=1)
    bad = numbers(made.due(0)[0])[0]
    made = in_lanes(2, batch_size=1)
    happened = run(made, poison(bad), most=60)
    keys = {r.key for r in in_lanes(2).due(0)[0].records}
    held_up = sum(KEYS[n % 4] in keys for n in range(1, 41))
    assert len({batch[0] for batch in happened}) == 40 - held_up + 1
