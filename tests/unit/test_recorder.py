"""What the recorder writes, and what the reader of recordings makes of it."""

import gzip
import json

import pytest

from penstock.drivers.files import open_file
from penstock.drivers.recorder import Packed, Recorder
from penstock.errors import SourceError
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


def record(path, *steps):
    """Record frames (bytes), connections (None) and lists of trades passed on."""
    files = Packed(path, are_many=False)
    recorder = Recorder(files, lambda: T0_US)
    for number, step in enumerate(steps):
        if isinstance(step, list):
            recorder.take(step)
        else:
            recorder.tap("coinbase", T0_US + number, step)
    recorder.flush()
    files.close()
    return recorder


def replayed(path):
    with open_file(path) as source:
        assert source.format_name == "recording"
        batches = list(source)
    return [t for b in batches for t in b.trades], [i for b in batches for i in b.bad]


def ids(path):
    trades, bad = replayed(path)
    assert bad == []
    return [(t.seq, t.gap, t.backfilled) for t in trades]


def test_a_recording_is_lines_with_times_feeds_and_connections(path):
    recorder = record(path, None, match(1), b"\xff", [passed(1)])
    connect, frame, strange, to = map(json.loads, path.read_text().splitlines())
    assert connect == {
        "t": "connect",
        "ts": 1732146000.0,
        "feed": "coinbase",
        "conn": 1,
    }
    assert (frame["t"], frame["ts"]) == ("recv", 1732146000.000001)
    assert frame["data"].encode() == match(1)
    assert (strange["data64"], "data" in strange) == ("/w==", False)
    assert to == {"t": "passed", "ts": 1732146000.0, "to": {"coinbase:BTC-USD": 1}}
    assert (recorder.frames, recorder.fetched) == (2, 0)


def test_times_come_back_to_the_microsecond(path):
    record(path, None, *[match(n) for n in range(1, 50)])
    trades, _ = replayed(path)
    assert [t.received_us for t in trades] == [T0_US + n for n in range(1, 50)]


def test_trades_that_were_fetched_come_before_those_that_waited(path):
    fetched = [passed(n, backfilled=True) for n in (2, 3)]
    record(path, None, match(1), [passed(1)], match(4), [*fetched, passed(4)])
    expected = [(1, 0, False), (2, 0, True), (3, 0, True), (4, 0, False)]
    assert ids(path) == expected


def test_what_was_given_up_stays_a_gap_even_if_it_came_later(path):
    record(path, None, match(1), match(4), match(3), [passed(1), passed(4, gap=2)])
    assert ids(path) == [(1, 0, False), (4, 2, False)]


def test_what_came_out_of_order_and_was_waited_for_is_in_order(path):
    record(path, None, match(1), match(3), match(2), [passed(n) for n in (1, 2, 3)])
    assert ids(path) == [(1, 0, False), (2, 0, False), (3, 0, False)]


def test_what_a_venue_repeats_on_a_new_connection_comes_once(path):
    record(path, None, match(1), [passed(1)], None, match(1), match(2), [passed(2)])
    assert ids(path) == [(1, 0, False), (2, 0, False)]


def test_a_recording_that_was_cut_off_gives_the_rest_with_its_gaps(path):
    record(path, None, match(1), [passed(1)], match(2), match(5))
    assert ids(path) == [(1, 0, False), (2, 0, False), (5, 2, False)]


def test_a_frame_and_a_line_that_cannot_be_read_are_told_with_their_places(path):
    record(path, None, match(1), b"garbage", [passed(1)])
    with path.open("a") as file:
        file.write('{"t":"recv","ts":17')
    trades, bad = replayed(path)
    assert [t.seq for t in trades] == [1]
    assert [item.place for item in bad] == ["frames.jsonl:3", "frames.jsonl:5"]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_what_was_flushed_can_be_read_although_the_file_is_open(tmp_path, ending):
    path = tmp_path / f"frames.{ending}"
    files = Packed(path, are_many=False)
    recorder = Recorder(files, lambda: T0_US)
    for n in (1, 2, 3):
        recorder.tap("coinbase", T0_US + n, match(n))
        recorder.flush()
    recorder.tap("coinbase", T0_US, match(4))
    assert [seq for seq, _, _ in ids(path)] == [1, 2, 3]
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
