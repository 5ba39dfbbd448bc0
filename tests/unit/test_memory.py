"""The memory adapters' own promises: faults and clocks.

What they promise as ports is in tests/contract.
"""

import pytest

from penstock.errors import UnavailableError
from penstock.memory import (
    MemoryCheckpoints,
    MemoryDeadLetters,
    MemoryHistory,
    MemoryNotifier,
    MemoryObjects,
    MemoryStates,
    MemoryStream,
    refusing,
)
from tests.contract.samples import BTC, ETH, alert, entry, letter, row, state


class Crash(BaseException):
    """Stands for the end of the process."""


def failing(operation, key, *, done, error=UnavailableError, times=1):
    """Make a fault that strikes `times` times at one place."""
    left = [error("told to fail")] * times

    def fault(*place):
        if place == (operation, key, done) and left:
            raise left.pop()

    return fault


def texts(stream):
    (shard,) = stream.shards()
    return [r.data.decode().strip() for r in stream.read(shard, after=0, limit=99)]


def test_refusing_is_over_when_its_keys_are_gone():
    down = {BTC}
    objects = MemoryObjects(fault=refusing(down))
    with pytest.raises(UnavailableError, match="put 'coinbase:BTC-USD'"):
        objects.put(BTC, b"1")
    objects.put(ETH, b"2")
    down.clear()
    objects.put(BTC, b"3")
    assert [objects.get(key) for key in (BTC, ETH)] == [b"3", b"2"]


def test_one_refused_entry_holds_back_the_later_ones_of_its_key_only():
    stream = MemoryStream(fault=failing("append", BTC, done=False))
    entries = [entry(BTC, "b1"), entry(ETH, "e1"), entry(BTC, "b2"), entry(ETH, "e2")]
    assert stream.append(entries) == [entries[0], entries[2]]
    assert texts(stream) == ["e1", "e2"]


def test_a_stream_that_does_not_answer_stores_nothing():
    stream = MemoryStream(fault=failing("append", "", done=False))
    with pytest.raises(UnavailableError):
        stream.append([entry(BTC, "1")])
    assert texts(stream) == []
    assert stream.append([entry(BTC, "2")]) == []
    assert texts(stream) == ["2"]


def test_a_stream_whose_answer_is_lost_has_stored_everything():
    stream = MemoryStream(fault=failing("append", "", done=True))
    with pytest.raises(UnavailableError):
        stream.append([entry(BTC, "1"), entry(ETH, "2")])
    assert texts(stream) == ["1", "2"]


def test_a_crash_stops_at_the_exact_record():
    stream = MemoryStream(fault=failing("append", ETH, done=True, error=Crash))
    with pytest.raises(Crash):
        stream.append([entry(BTC, "1"), entry(ETH, "2"), entry(BTC, "3")])
    assert texts(stream) == ["1", "2"]


def test_a_shard_can_be_unreadable():
    stream = MemoryStream()
    (shard,) = stream.shards()
    stream.fault = refusing({shard})
    with pytest.raises(UnavailableError):
        stream.read(shard, after=0, limit=1)


def test_arrival_follows_the_clock_and_never_goes_back():
    times = iter([5, 9, 7])
    stream = MemoryStream(clock=lambda: next(times))
    for text in "abc":
        stream.append([entry(BTC, text)])
    (shard,) = stream.shards()
    assert [r.arrival_us for r in stream.read(shard, after=0, limit=9)] == [5, 9, 9]


def test_a_commit_whose_answer_is_lost_was_done():
    states = MemoryStates(fault=failing("commit", BTC, done=True))
    refused = states.commit([state(BTC), state(ETH)])
    assert [type(e) for e in refused.values()] == [UnavailableError]
    assert states.load([BTC, ETH]) == {BTC: state(BTC), ETH: state(ETH)}


def test_states_of_one_ticker_can_be_unreadable():
    states = MemoryStates(fault=refusing({BTC}))
    with pytest.raises(UnavailableError):
        states.load([ETH, BTC])
    assert states.load([ETH]) == {}


def test_a_crash_between_two_tickers_commits_the_first_alone():
    states = MemoryStates(fault=failing("commit", ETH, done=False, error=Crash))
    with pytest.raises(Crash):
        states.commit([state(BTC), state(ETH)])
    assert states.tickers() == [BTC]


def test_history_whose_answer_is_lost_was_written():
    history = MemoryHistory(fault=failing("put", BTC, done=True))
    assert history.put([row(BTC), row(ETH)]) == {BTC}
    assert history.query(BTC) == [row(BTC)]


def test_history_can_be_unreadable():
    with pytest.raises(UnavailableError):
        MemoryHistory(fault=refusing({BTC})).query(BTC)


def test_an_object_whose_answer_is_lost_was_stored():
    objects = MemoryObjects(fault=failing("put", "a", done=True))
    with pytest.raises(UnavailableError):
        objects.put("a", b"1")
    assert objects.get("a") == b"1"


def test_alerts_are_delivered_up_to_the_one_that_is_refused():
    notifier = MemoryNotifier(fault=refusing({ETH}))
    with pytest.raises(UnavailableError):
        notifier.notify([alert(1), alert(2, ticker=ETH), alert(3)])
    assert list(notifier.alerts) == [alert(1).id]


def test_letters_are_kept_up_to_the_one_that_is_refused():
    letters = MemoryDeadLetters(fault=refusing({letter(2).id}))
    with pytest.raises(UnavailableError):
        letters.put([letter(1), letter(2), letter(3)])
    assert letters.list() == [letter(1)]


def test_a_lost_checkpoint_is_the_one_before():
    checkpoints = MemoryCheckpoints()
    checkpoints.checkpoint("trades", "s", 1)
    checkpoints.fault = failing("checkpoint", "trades", done=False, error=Crash)
    with pytest.raises(Crash):
        checkpoints.checkpoint("trades", "s", 2)
    assert checkpoints.position("trades", "s") == 1
