"""AWS's documented rules of an event source mapping, one after another."""

import json

import pytest

from penstock.ports import Record
from penstock.sandbox.events import kinesis_event
from penstock.sandbox.mapping import (
    FAILED,
    THROTTLED,
    Discarded,
    Invocation,
    ShardMapping,
    failed_at,
)
from penstock.sandbox.settings import PAYLOAD_BYTES, MappingSettings

SECOND = 1_000_000
LATER = 3600 * SECOND  # after any pause between retries

SAFE = {"reports_failures": True, "bisect": True, "max_retries": 3}


def record(number, *, key="test:BTC-USD", data=b"{}\n", arrival_us=0):
    return Record("shardId-000000000000", number, key, data, arrival_us)


def mapping(*numbers, **settings):
    made = ShardMapping(MappingSettings(**settings))
    made.add([record(n) for n in numbers], 0)
    return made


def numbers(item):
    return [r.sequence_number for r in item.records]


def failing(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": i} for i in identifiers]}


def run(made, function, *, most=100):
    """Invoke whatever is due until nothing is; return what happened, in order.

    `function` gets the sequence numbers and returns an outcome.
    """
    happened, now_us = [], LATER
    for _ in range(most):
        items = made.due(now_us)
        if not items:
            break
        for item in items:
            if isinstance(item, Discarded):
                happened.append((item.condition, numbers(item), item.invoke_count))
            else:
                happened.append(numbers(item))
                made.finish(item, function(numbers(item)), now_us)
        now_us += LATER
    return happened


def poison(number):
    """A function that raises whenever it is given record `number`."""
    return lambda batch: FAILED if number in batch else None


# Batches


def test_a_batch_holds_what_is_there_up_to_the_batch_size():
    made = mapping(1, 2, 3, 4, 5, batch_size=2)
    assert run(made, lambda _: None) == [[1, 2], [3, 4], [5]]
    assert (made.checkpoint, made.idle, made.waiting) == (5, True, 0)


def test_one_batch_of_a_shard_runs_at_a_time():
    made = mapping(1, 2, 3, batch_size=2)
    (first,) = made.due(0)
    assert made.due(0) == []
    made.finish(first, None, 0)
    (second,) = made.due(0)
    assert numbers(second) == [3]


def test_without_a_window_a_batch_is_due_at_once():
    made = mapping(1)
    assert made.due_us() == 0
    assert [numbers(i) for i in made.due(0)] == [[1]]


def test_a_window_waits_for_more_from_the_first_record_on():
    made = mapping(window_us=5 * SECOND)
    made.add([record(1)], 10 * SECOND)
    made.add([record(2)], 14 * SECOND)
    assert made.due(15 * SECOND - 1) == []
    assert made.due_us() == 15 * SECOND
    assert [numbers(i) for i in made.due(15 * SECOND)] == [[1, 2]]


def test_a_full_batch_does_not_wait_for_the_window():
    made = mapping(1, 2, 3, window_us=5 * SECOND, batch_size=2)
    assert [numbers(i) for i in made.due(0)] == [[1, 2]]


def test_a_batch_stays_within_6_megabytes_of_event():
    made = ShardMapping(MappingSettings(window_us=5 * SECOND))
    made.add([record(n, data=b"x" * 1_000_000) for n in range(1, 6)], 0)
    (batch,) = made.due(0)
    assert numbers(batch) == [1, 2, 3, 4]
    event = kinesis_event(
        batch.records,
        stream_arn="arn:aws:kinesis:eu-west-3:123456789012:stream/trades",
        role_arn="arn:aws:iam::123456789012:role/consumer",
    )
    assert len(json.dumps(event)) <= PAYLOAD_BYTES


def test_a_record_that_alone_is_too_large_goes_alone():
    made = ShardMapping(MappingSettings(payload_bytes=2000))
    made.add([record(1, data=b"x" * 9000), record(2)], 0)
    assert run(made, lambda _: None) == [[1], [2]]


def test_records_that_are_read_twice_are_invoked_once():
    made = mapping(1, 2)
    made.add([record(2), record(3)], 0)
    assert run(made, lambda _: None) == [[1, 2, 3]]


def test_a_restart_goes_on_after_its_checkpoint():
    made = ShardMapping(MappingSettings(), checkpoint=2)
    made.add([record(n) for n in (1, 2, 3)], 0)
    assert run(made, lambda _: None) == [[3]]


def test_nothing_is_due_where_nothing_waits():
    assert mapping().due_us() is None
    assert mapping().due(LATER) == []


def test_an_invocation_is_finished_once():
    made = mapping(1)
    (invocation,) = made.due(0)
    made.finish(invocation, None, 0)
    with pytest.raises(ValueError, match="not running"):
        made.finish(invocation, None, 0)


# Retries


def test_by_default_a_failing_record_blocks_its_shard():
    made = mapping(1, 2, batch_size=1)
    assert run(made, poison(1), most=50) == [[1]] * 50
    assert made.checkpoint == 0


def test_a_batch_is_given_up_after_its_retries():
    made = mapping(1, 2, 3, max_retries=2, batch_size=2)
    assert run(made, poison(1)) == [
        *([[1, 2]] * 3),
        ("RetryAttemptsExhausted", [1, 2], 3),
        [3],
    ]
    assert made.checkpoint == 3


def test_without_retries_a_batch_is_given_up_at_once():
    made = mapping(1, max_retries=0)
    (invocation,) = made.due(0)
    made.finish(invocation, FAILED, 0)
    assert made.due_us() == 0
    (given_up,) = made.due(0)
    assert given_up == Discarded(
        records=(record(1),),
        condition="RetryAttemptsExhausted",
        invoke_count=1,
        function_failed=True,
    )
    assert made.idle


def test_the_pause_between_retries_grows():
    made, now_us, pauses = mapping(1), 0, []
    for _ in range(9):
        (invocation,) = made.due(now_us)
        made.finish(invocation, FAILED, now_us)
        pauses.append((made.due_us() - now_us) // 1000)
        now_us = made.due_us()
    assert pauses == [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]


def test_a_throttle_consumes_no_retry():
    made, outcomes = mapping(1, max_retries=1), [THROTTLED] * 5 + [FAILED, THROTTLED]
    happened = run(made, lambda _: outcomes.pop(0) if outcomes else FAILED)
    assert happened == [*([[1]] * 8), ("RetryAttemptsExhausted", [1], 2)]


def test_a_throttled_batch_stays_whole():
    made, outcomes = mapping(1, 2, bisect=True), [THROTTLED]
    assert run(made, lambda _: outcomes.pop() if outcomes else None) == [[1, 2]] * 2


def test_a_retry_is_counted_on_the_invocation():
    made = mapping(1, max_retries=5)
    (first,) = made.due(0)
    made.finish(first, FAILED, 0)
    (second,) = made.due(LATER)
    assert (first.invoke_count, first.retries) == (1, 0)
    assert (second.invoke_count, second.retries) == (2, 1)


# Age


def test_old_records_are_discarded_before_they_are_invoked():
    made = ShardMapping(MappingSettings(max_age_us=60 * SECOND))
    made.add([record(n, arrival_us=n * SECOND) for n in (1, 2, 3)], 0)
    assert made.due(62 * SECOND + 1) == [
        Discarded(
            records=(record(1, arrival_us=SECOND), record(2, arrival_us=2 * SECOND)),
            condition="RecordAgeExceeded",
            invoke_count=0,
            function_failed=False,
        ),
        Invocation(
            lane=0,
            records=(record(3, arrival_us=3 * SECOND),),
            invoke_count=1,
            retries=0,
        ),
    ]
    assert made.checkpoint == 2


def test_a_batch_that_is_tried_again_loses_what_has_grown_old():
    made = ShardMapping(MappingSettings(max_age_us=60 * SECOND))
    made.add([record(n, arrival_us=n * SECOND) for n in (1, 2)], 0)
    (invocation,) = made.due(10 * SECOND)
    made.finish(invocation, FAILED, 10 * SECOND)
    old, again = made.due(61 * SECOND + 1)
    assert (numbers(old), old.condition) == ([1], "RecordAgeExceeded")
    assert (old.invoke_count, old.function_failed) == (1, True)
    assert (numbers(again), again.invoke_count) == ([2], 2)


def test_throttles_last_until_the_records_are_too_old():
    made = mapping(1, max_age_us=LATER)
    assert run(made, lambda _: THROTTLED) == [[1], ("RecordAgeExceeded", [1], 0)]


# Partial responses


@pytest.mark.parametrize(
    "response",
    [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"other": 1}],
)
def test_an_empty_response_is_a_success(response):
    assert failed_at(response, [record(1), record(2)]) is None


@pytest.mark.parametrize(
    "failures",
    [
        [{"itemIdentifier": ""}],
        [{"itemIdentifier": None}],
        [{"itemIdentifier": "99"}],
        [{"itemIdentifier": 2}],
        [{"itemIdentifer": "2"}],
        [{"itemIdentifier": "2"}, {"itemIdentifier": ""}],
        [{"itemIdentifier": ["2"]}],
        ["2"],
        [None],
        {"itemIdentifier": "2"},
        "2",
    ],
)
def test_an_identifier_that_is_none_fails_the_whole_batch(failures):
    assert failed_at({"batchItemFailures": failures}, [record(1), record(2)]) == 0


@pytest.mark.parametrize("response", ["ok", [], 0, True])
def test_a_response_of_another_shape_fails_the_whole_batch(response):
    assert failed_at(response, [record(1), record(2)]) == 0


def test_the_lowest_failed_sequence_number_counts_as_a_number():
    records = [record(n) for n in (9, 10, 100)]
    assert failed_at(failing("100", "10"), records) == 1
    assert failed_at(failing("100", "9"), records) == 0


def test_a_partial_response_is_retried_from_the_lowest_failed_record_on():
    made = mapping(1, 2, 3, 4, reports_failures=True)
    (invocation,) = made.due(0)
    made.finish(invocation, failing("4", "3"), 0)
    assert made.checkpoint == 2
    assert run(made, lambda _: None) == [[3, 4]]


def test_a_partial_response_that_was_not_asked_for_is_not_read():
    made = mapping(1, 2, 3)
    assert run(made, lambda _: failing("2")) == [[1, 2, 3]]
    assert made.checkpoint == 3


def test_without_bisecting_good_records_are_given_up_with_a_bad_one():
    made = mapping(1, 2, 3, 4, reports_failures=True, max_retries=1)
    happened = run(made, lambda batch: failing("2") if 2 in batch else None)
    assert happened == [
        [1, 2, 3, 4],
        [2, 3, 4],
        ("RetryAttemptsExhausted", [2, 3, 4], 2),
    ]


def test_what_is_given_up_after_a_partial_response_shows_no_error():
    made = mapping(1, 2, reports_failures=True, max_retries=0)
    (invocation,) = made.due(0)
    made.finish(invocation, failing("2"), 0)
    (given_up,) = made.due(0)
    assert (numbers(given_up), given_up.function_failed) == ([2], False)


# Bisecting


def test_a_failed_batch_is_halved_until_the_bad_record_is_alone():
    made = mapping(1, 2, 3, 4, 5, bisect=True, max_retries=1)
    assert run(made, poison(4)) == [
        [1, 2, 3, 4, 5],
        [1, 2, 3],
        [4, 5],
        [4],
        [4],
        ("RetryAttemptsExhausted", [4], 2),
        [5],
    ]
    assert made.checkpoint == 5


def test_bisecting_consumes_no_retry():
    made = mapping(*range(1, 65), bisect=True, max_retries=0)
    happened = run(made, poison(64))
    assert happened[-1] == ("RetryAttemptsExhausted", [64], 1)
    assert [item for item in happened if isinstance(item, tuple)] == happened[-1:]


def test_a_partial_response_splits_the_batch_where_it_says():
    made = mapping(1, 2, 3, 4, 5, **SAFE)
    happened = run(made, lambda batch: failing("3") if 3 in batch else None)
    assert happened == [
        [1, 2, 3, 4, 5],
        [3, 4, 5],
        [3, 4],
        *([[3]] * 4),
        ("RetryAttemptsExhausted", [3], 4),
        [4],
        [5],
    ]


def test_later_records_wait_for_every_part_of_a_split_batch():
    made = mapping(1, 2, 3, 4, bisect=True, batch_size=2)
    outcomes = [FAILED, None, None, None]
    assert run(made, lambda _: outcomes.pop(0)) == [[1, 2], [1], [2], [3, 4]]
