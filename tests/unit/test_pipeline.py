"""process_batch on memory adapters: the same result whatever happens on the way."""

from decimal import Decimal
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import __version__
from penstock.codec import encode_trade
from penstock.engine.rules import BelowRule, Rules
from penstock.errors import UnavailableError
from penstock.memory import refusing
from penstock.model import DeadLetter, TickerState
from penstock.ports import Record
from tests import pipeline_properties
from tests.tape import tape
from tests.worlds import BTC, ETH, SOL, TICKERS, World, for_ticker, record

chances = st.randoms(use_true_random=True)
few = settings(max_examples=4)
BELOW_95 = Rules(alerts=(BelowRule(below=Decimal(95)),))


def undisturbed(records):
    """What is left where nothing goes wrong."""
    world = World()
    world.process_all(records)
    return world.left()


# The same, whatever happens on the way.


@few
@given(chances, st.integers(1, 40), st.integers(1, 2000))
def test_division_into_batches_changes_nothing(chance, size, record_bytes):
    pipeline_properties.is_the_same_in_any_division(chance, size, record_bytes)


@few
@given(chances)
def test_redelivery_of_what_was_done_changes_nothing(chance):
    pipeline_properties.is_the_same_when_redelivered(chance)


def test_a_crash_at_any_call_changes_nothing():
    seeded = Random(3)  # noqa: S311 (only for records with alerts and sales)
    crashes = pipeline_properties.is_the_same_after_a_crash_anywhere(seeded, trades=7)
    assert crashes >= 40


@few
@given(chances)
def test_many_crashes_change_nothing(chance):
    pipeline_properties.is_the_same_after_many_crashes(chance)


@few
@given(chances)
def test_stores_that_refuse_or_lose_answers_change_nothing(chance):
    pipeline_properties.is_the_same_when_stores_refuse(chance)


@few
@given(chances)
def test_a_second_worker_at_any_moment_changes_nothing(chance):
    pipeline_properties.is_the_same_with_a_rival(chance)


# One ticker fails alone.


def three_tickers():
    """Records 1 to 6 of BTC, ETH, SOL, and again."""
    return [
        record(number, for_ticker(TICKERS[n % 3], tape((100 - n, n), since=n + 1)), key)
        for n, (number, key) in enumerate(zip(range(1, 7), TICKERS * 2, strict=True))
    ]


def commits_of(*tickers):
    """A fault that refuses to commit these."""

    def fault(operation, key, done):
        if operation == "commit" and key in tickers and not done:
            raise UnavailableError(f"{key}: no commit")

    return fault


def test_a_ticker_whose_commit_is_refused_fails_alone():
    world, records = World(), three_tickers()
    world.fault = commits_of(ETH)
    result = world.process(records)
    assert [(t, str(e)) for t, e in result.failed.items()] == [
        (ETH, "test:ETH-USD: no commit")
    ]
    assert result.resume_at == 2
    assert result.applied == 4
    assert sorted(result.states) == [BTC, SOL]
    assert (world.state(BTC).stream_position, world.state(ETH)) == (4, None)
    world.fault = None
    again = world.process(records[1:])
    assert (again.applied, again.redelivered) == (2, 3)
    assert (again.failed, again.resume_at) == ({}, None)
    assert world.left() == undisturbed(records)


def test_the_lowest_number_of_all_that_failed_comes_first():
    world = World()
    world.fault = commits_of(SOL, ETH)
    assert world.process(three_tickers()).resume_at == 2
    world.fault = commits_of(SOL)
    assert world.process(three_tickers()).resume_at == 3


def test_a_ticker_whose_history_is_refused_is_not_committed():
    world, records = World(), three_tickers()
    world.fault = refusing({"test:SOL-USD@1m"})
    result = world.process(records)
    assert list(result.failed) == [SOL]
    assert "test:SOL-USD@1m: history rows were refused" in str(result.failed[SOL])
    assert (result.resume_at, world.state(SOL)) == (3, None)
    assert world.state(ETH).trades == 2
    world.fault = None
    world.process(records[2:])
    assert world.left() == undisturbed(records)


def test_tickers_whose_dead_letters_are_refused_are_not_committed():
    world, records = World(), three_tickers()
    spoilt = msgspec.structs.replace(records[4], data=records[4].data + b"bad\n")
    records[4] = spoilt
    world.fault = refusing({"shard-0/5/1"})
    result = world.process(records)
    assert (list(result.failed), result.resume_at) == ([ETH], 2)
    assert (result.dead_letters, world.state(ETH)) == (0, None)
    world.fault = None
    assert world.process(records[1:]).dead_letters == 1
    assert world.left() == undisturbed(records)


def test_all_tickers_fail_where_no_state_can_be_read():
    world, records = World(), three_tickers()
    world.fault = refusing({ETH})
    result = world.process(records)
    assert (sorted(result.failed), result.resume_at) == ([BTC, ETH, SOL], 1)
    assert (result.applied, result.states) == (0, {})
    assert world.left()["history"] == {}


def test_a_commit_whose_answer_was_lost_is_found_done():
    world, records = World(), [record(1, tape((94, 0)))]

    def lose(operation, key, done):
        if operation == "commit" and done:
            raise UnavailableError("no answer")

    world.fault = lose
    result = world.process(records, BELOW_95)
    assert (list(result.failed), result.resume_at, result.applied) == ([BTC], 1, 0)
    assert world.ports.states.undelivered() == [BTC]
    world.fault = None
    again = world.process(records, BELOW_95)
    assert (again.redelivered, again.applied, again.failed) == (1, 0, {})
    # The alert waited in the state, and is delivered with the redelivery.
    assert list(world.ports.notifier.alerts) == [f"{BTC}/below:95/1"]
    assert again.states[BTC].outbox == ()


# Stale states.


def test_a_stale_ticker_is_folded_again_from_what_is_stored():
    world, records = World(), three_tickers()

    def overtake(operation, key, done):
        if operation == "commit" and key == BTC:
            world.fault = None
            assert world.process(records[:1]).applied == 1

    world.fault = overtake
    result = world.process(records)
    assert (result.applied, result.redelivered) == (5, 1)
    assert result.failed == {}
    assert result.states[BTC] == world.state(BTC)
    assert world.left() == undisturbed(records)


def test_a_ticker_that_stays_stale_fails_after_four_attempts():
    world, records = World(), three_tickers()
    attempts = []

    def overtake(operation, key, done):
        if operation == "commit" and key == ETH and not done:
            attempts.append(key)
            world.fault = None
            old = world.state(ETH) or TickerState(ticker=ETH)
            world.ports.states.commit(
                [msgspec.structs.replace(old, version=old.version + 1)]
            )
            world.fault = overtake

    world.fault = overtake
    result = world.process(records)
    assert len(attempts) == 4
    assert str(result.failed[ETH]) == (
        "test:ETH-USD: the state changed under each of 4 attempts"
    )
    assert (result.resume_at, result.applied) == (2, 4)
    assert sorted(result.states) == [BTC, SOL]


# Dead letters.


def test_a_bad_line_is_kept_with_where_it_stood():
    world = World()
    good = tape((100, 0), (101, 1))
    data = b"garbage\n" + encode_trade(good[0]) + b"{}\n" + encode_trade(good[1])
    result = world.process([Record("shard-7", 42, BTC, data, arrival_us=99)])
    assert (result.applied, result.dead_letters) == (2, 2)
    first, second = world.ports.dead_letters.list()
    assert first == DeadLetter(
        id="shard-7/42/0",
        key=BTC,
        reason="not a trade: JSON is malformed: invalid character (byte 0)",
        data=b"garbage",
        arrival_us=99,
        version=__version__,
    )
    assert (second.id, second.data) == ("shard-7/42/2", b"{}")
    assert second.reason.endswith("missing required field `venue`")


def test_parts_of_one_stream_record_leave_letters_of_distinct_ids():
    world = World()
    parts = [
        Record("shard-7", 42, BTC, b"x\ny\n", arrival_us=99),
        Record("shard-7", 42, ETH, b"z\n", arrival_us=99, first_line=2),
    ]
    assert world.process(parts).dead_letters == 3
    found = [(x.id, x.key) for x in world.ports.dead_letters.list()]
    assert found == [
        ("shard-7/42/0", BTC),
        ("shard-7/42/1", BTC),
        ("shard-7/42/2", ETH),
    ]


def test_bytes_under_a_key_without_trades_leave_letters_and_no_state():
    world = World()
    result = world.process([record(1, [], "no ticker", b"x\ny\n")])
    assert (result.dead_letters, result.applied, result.failed) == (2, 0, {})
    assert world.ports.states.tickers() == []
    assert [x.key for x in world.ports.dead_letters.list()] == ["no ticker"] * 2


def test_a_store_is_not_asked_for_the_state_of_what_is_no_ticker():
    # One may be longer than a store's keys, or name something else that is in it.
    world = World()
    down = {"~pipeline/shard-0", "", "k" * 3_000}
    world.fault = refusing(down)
    records = [record(n, [], key, b"x\n") for n, key in enumerate(sorted(down), 1)]
    result = world.process([*records, record(4, tape((100, 0)))])
    assert (result.dead_letters, result.applied, result.failed) == (3, 1, {})


def test_a_ticker_with_a_state_remembers_records_without_trades():
    world = World()
    world.process([record(1, tape((100, 0)))])
    world.process([record(2, [], extra=b"bad\n"), record(3, [])])
    assert (world.state(BTC).stream_position, world.state(BTC).version) == (3, 2)
    assert world.process([record(2, [], extra=b"bad\n")]).dead_letters == 0


def test_letters_of_redelivered_records_are_not_counted_again():
    world = World()
    records = [record(1, tape((100, 0)), extra=b"bad\n")]
    assert world.process(records).dead_letters == 1
    assert world.process(records).dead_letters == 0
    assert len(world.ports.dead_letters.list()) == 1


# What a batch tells.


def test_a_result_adds_up_its_tickers():
    world = World()
    late = [*tape((100, 60), (99.9, 61)), *tape((98, 1), since=3)]
    records = [
        record(1, late),
        record(2, for_ticker(ETH, tape((100, 0), (100, 0.5))), ETH),
        record(3, [late[1], msgspec.structs.replace(late[1], seq=9, gap=4)]),
    ]
    result = world.process(records)
    assert (result.applied, result.duplicates, result.late, result.gaps) == (6, 1, 1, 4)
    assert (result.new_bars, result.dead_letters, result.redelivered) == (2, 0, 0)
    assert [p.id for p in result.opened] == [f"{BTC}/position/2"]
    assert {t: s.stream_position for t, s in result.states.items()} == {BTC: 3, ETH: 2}
    # The alert under 100 was delivered, which is a commit of its own.
    assert [a.id for a in result.alerts] == [f"{BTC}/below:100/2"]
    assert {t: s.version for t, s in result.states.items()} == {BTC: 2, ETH: 1}


def test_an_empty_batch_does_nothing():
    world = World()
    result = world.process([])
    assert (result.states, result.failed, result.resume_at) == ({}, {}, None)


def test_a_batch_of_redelivered_records_commits_nothing():
    world, records = World(), three_tickers()
    world.process(records)
    before = world.ports.states.load(TICKERS)
    result = world.process(records)
    assert (result.redelivered, result.applied) == (6, 0)
    assert world.ports.states.load(TICKERS) == result.states == before


def test_rules_are_applied_to_the_tickers_they_name():
    world = World()
    rules = Rules(alerts=(BelowRule(ticker="ETH-USD", below=Decimal(95)),))
    trades = tape((94, 0))
    records = [
        record(n, for_ticker(ticker, trades), ticker)
        for n, ticker in enumerate(TICKERS, 1)
    ]
    result = world.process(records, rules)
    assert [a.id for a in result.alerts] == [f"{ETH}/below:95/1"]
