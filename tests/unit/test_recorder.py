"""What the recorder writes, and what the reader of recordings makes of it."""

import gzip
import json
import os
import resource
from itertools import count

import pytest
from hypothesis import given, strategies
from msgspec.structs import replace

from penstock.drivers.files import BadItem, open_file
from penstock.drivers.recorder import Packed, Recorder
from penstock.errors import SourceError, UnavailableError
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade

T0_US = 1_732_146_000_000_000


def match(trade_id, price=100.0):
    """A frame of Coinbase Exchange."""
    return json.dumps(
        {
            "type": "match",
            "trade_id": trade_id,
            "maker_order_id": "a",
            "taker_order_id": "b",
            "side": "sell",
            "size": "0.5",
            "price": str(price),
            "product_id": "BTC-USD",
            "sequence": trade_id,
            "time": "2024-11-20T23:40:00.000000Z",
        }
    ).encode()


# Those of BTC-USD get ids, the others have none.
_TRADES = strategies.builds(
    Trade,
    venue=strategies.just("kraken"),
    symbol=strategies.sampled_from(["BTC-USD", "ETH-USD"]),
    price=strategies.just(1.0),
    size=strategies.just(1.0),
    event_us=strategies.integers(T0_US, T0_US + 3),
    received_us=strategies.just(T0_US),
    gap=strategies.integers(0, 2),
    backfilled=strategies.booleans(),
)


_STEPS = strategies.tuples(strategies.lists(_TRADES, max_size=4), strategies.booleans())


def passed(trade_id, *, gap=0, backfilled=False):
    return Trade(
        venue="coinbase",
        symbol="BTC-USD",
        price=100.0,
        size=0.5,
        event_us=T0_US,
        received_us=T0_US,
        trade_id=str(trade_id),
        seq=trade_id,
        gap=gap,
        backfilled=backfilled,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "frames.jsonl"


def recorder_of(path, *, are_many=False):
    files = Packed(path, are_many=are_many)
    return files, Recorder(files, lambda: T0_US)


def record(path, *steps):
    """Record frames (bytes), connections (None) and lists of trades passed on."""
    files, recorder = recorder_of(path)
    for number, step in enumerate(steps):
        if isinstance(step, list):
            recorder.take(step, [])
        elif step is None:
            recorder.connected("coinbase", T0_US + number, ["BTC-USD"])
        else:
            recorder.received("coinbase", T0_US + number, step)
    recorder.flush()
    files.close()
    return recorder


def replayed(*paths):
    """The trades and bad items of files, one after the other."""
    trades, bad = [], []
    for path in paths:
        with open_file(path) as source:
            assert source.format_name == "recording"
            for batch in source:
                trades += batch.trades
                bad += batch.bad
    return trades, bad


def test_a_recording_is_lines_with_times_feeds_and_connections(path):
    files, recorder = recorder_of(path)
    recorder.connected("coinbase#2", T0_US, ["BTC-USD"])
    recorder.sent("coinbase#2", T0_US, "subscribe")
    recorder.received("coinbase#2", T0_US + 1, match(1))
    recorder.received("coinbase#2", T0_US + 2, b"\xff")
    recorder.take([passed(1)], [BadItem("coinbase:7:2", b"\xff", "no JSON")])
    recorder.flush()
    files.close()
    connect, sent, frame, strange, to, unread = map(
        json.loads, path.read_text().splitlines()
    )
    line = {"ts": 1732146000.0, "feed": "coinbase", "conn": 2}
    assert connect == {"t": "connect", **line, "symbols": ["BTC-USD"]}
    assert sent == {"t": "send", **line, "data": "subscribe"}
    assert (frame["t"], frame["ts"]) == ("recv", 1732146000.000001)
    assert frame["data"].encode() == match(1)
    assert (strange["data64"], "data" in strange) == ("/w==", False)
    assert (to["t"], to["ts"]) == ("passed", 1732146000.0)
    assert [trade["seq"] for trade in to["trades"]] == [1]
    assert unread == {
        "t": "unread",
        "ts": 1732146000.0,
        "place": "coinbase:7:2",
        "reason": "no JSON",
        "data64": "/w==",
    }
    assert recorder.frames == 2


def test_what_was_passed_on_comes_back_as_it_was_whatever_the_frames_were(path):
    given = [passed(1), passed(3, gap=1), passed(4, backfilled=True)]
    record(path, None, match(9), match(2), given[:1], b"garbage", given[1:])
    assert replayed(path) == (given, [])


def test_what_could_not_be_read_comes_back_with_its_place(path):
    files, recorder = recorder_of(path)
    items = [
        BadItem("coinbase:17:1", b"garbage", "no JSON"),
        BadItem("coinbase:18:2", b"\xff", "no text"),
    ]
    recorder.take([passed(1)], items)
    recorder.flush()
    files.close()
    assert replayed(path) == ([passed(1)], items)


def test_a_line_that_cannot_be_read_is_told_with_its_place(path):
    record(path, None, match(1), [passed(1)])
    with path.open("a") as file:
        file.write(
            '{"t":"passed","ts":1,"trades":[{"venue":"a"}]}\n{"t":"recv","ts":17'
        )
    trades, bad = replayed(path)
    assert trades == [passed(1)]
    assert [item.place for item in bad] == ["frames.jsonl:4", "frames.jsonl:5"]


def test_frames_that_nothing_was_said_of_are_no_trades(path):
    record(path, None, match(1), [passed(1)], match(2))
    assert replayed(path) == ([passed(1)], [])


def test_the_frames_can_be_read_again_by_the_venues_format(path):
    record(path, None, match(1), match(2), [passed(1)])
    with open_file(path, format_name="coinbase") as source:
        trades = [trade for batch in source for trade in batch.trades]
    assert [(t.seq, t.received_us) for t in trades] == [(1, T0_US + 1), (2, T0_US + 2)]


class TestRotation:
    def test_the_next_file_tells_first_what_is_connected(self, tmp_path):
        files, recorder = recorder_of(tmp_path / "f.jsonl", are_many=True)
        recorder.connected("coinbase", T0_US, ["BTC-USD"])
        recorder.connected("kraken", T0_US, ["ETH-USD"])
        recorder.take([passed(1)], [])
        recorder.begin_next()
        recorder.received("coinbase", T0_US, match(2))
        recorder.take([passed(2)], [])
        recorder.flush()
        files.close()
        first, second = (path.read_text().splitlines() for path in files.paths)
        assert second[:2] == first[:2]
        assert [json.loads(line)["t"] for line in second[2:]] == ["recv", "passed"]
        assert replayed(*files.paths) == ([passed(1), passed(2)], [])

    def test_one_with_nothing_to_tell_is_removed(self, tmp_path):
        files, recorder = recorder_of(tmp_path / "f.jsonl", are_many=True)
        recorder.take([passed(1)], [])
        recorder.begin_next()
        files.close()
        assert len(list(tmp_path.iterdir())) == 1

    @given(steps=strategies.lists(_STEPS, max_size=8))
    def test_is_without_consequence(self, steps, tmp_path_factory):
        """Of trades with ids and without, whose times go back and forth."""
        ids, batches = count(1), []
        folder = tmp_path_factory.mktemp("rotated")
        files, recorder = recorder_of(folder / "f.jsonl", are_many=True)
        for trades, rotates in steps:
            batches.append(
                [
                    replace(t, seq=next(ids)) if t.symbol == "BTC-USD" else t
                    for t in trades
                ]
            )
            recorder.take(batches[-1], [])
            if rotates:
                recorder.begin_next()
        recorder.flush()
        files.close()
        live = Sequencer({}, contiguous=False)
        expected = [trade for batch in batches for trade in live.admit(batch)]
        again = Sequencer({}, contiguous=False)
        found = []
        for path in files.paths:
            again.begin_source(contiguous=False)
            found += again.admit(replayed(path)[0])
        assert found == expected
        assert again.duplicates == 0


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_what_was_flushed_can_be_read_although_the_file_is_open(tmp_path, ending):
    path = tmp_path / f"frames.{ending}"
    files, recorder = recorder_of(path)
    for n in (1, 2, 3):
        recorder.take([passed(n)], [])
        recorder.flush()
    recorder.take([passed(4)], [])
    assert replayed(path) == ([passed(n) for n in (1, 2, 3)], [])
    files.close()


def test_each_of_several_files_has_its_beginning_in_its_name(tmp_path):
    files = Packed(tmp_path / "frames.jsonl.gz", are_many=True)
    files.write(b"one\n")
    files.begin()
    files.write(b"two\n")
    files.close()
    assert [gzip.decompress(p.read_bytes()) for p in files.paths] == [
        b"one\n",
        b"two\n",
    ]
    assert all(p.name.startswith("frames-2") for p in files.paths)
    assert all(p.name.endswith(".jsonl.gz") for p in files.paths)


def test_a_file_that_is_there_stays_and_an_empty_one_does_not(tmp_path):
    there = tmp_path / "frames"
    there.write_text("precious")
    with pytest.raises(SourceError, match="exists already: name another file"):
        Packed(there, are_many=False).begin()
    assert there.read_text() == "precious"
    empty = Packed(tmp_path / "empty", are_many=False)
    empty.begin()
    empty.close()
    assert (list(tmp_path.iterdir()), empty.paths) == ([there], [])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    files = Packed(tmp_path / "nowhere" / "f.jsonl", are_many=False)
    with pytest.raises(SourceError, match=r"there is no directory .*nowhere; make it"):
        files.begin()


def test_a_disk_that_fails_leaves_what_was_whole(tmp_path):
    files, recorder = recorder_of(tmp_path / "f.jsonl.gz")
    recorder.take([passed(1)], [])
    recorder.flush()
    whole = files.paths[0].read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 20, before[1]))
    try:
        recorder.received("coinbase", T0_US, os.urandom(1000))
        with pytest.raises(UnavailableError, match=r"f\.jsonl\.gz cannot be written"):
            recorder.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    files.close()
    assert files.paths[0].read_bytes() == whole
