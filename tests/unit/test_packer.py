"""Packing trades into records: how big, how long, and in which order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codec import Entry, Packer, decode_record, encode_trade
from penstock.model import Trade

BTC, ETH = "test:BTC-USD", "test:ETH-USD"
LINGER_US = 50_000


def trade(seq, ticker=BTC, *, note=None):
    venue, _, symbol = ticker.partition(":")
    return Trade(
        venue=venue,
        symbol=symbol,
        price=100.0,
        size=1.0,
        event_us=1,
        received_us=2,
        trade_id=note,
        seq=seq,
    )


LINE = encode_trade(trade(1))


def packer(lines=3):
    """A packer whose records hold `lines` trades."""
    return Packer(lines * len(LINE), LINGER_US)


def seqs(entries):
    return [[t.seq for t in decode_record(e.data, e.key)[0]] for e in entries]


def test_a_record_lingers_until_its_time_has_come():
    packing = packer()
    packing.add([trade(1)], 1_000)
    packing.add([trade(2)], 30_000)
    assert packing.due_us() == 51_000
    assert packing.take(50_999) == []
    assert packing.waiting == 2
    assert packing.take(51_000) == [
        Entry(BTC, encode_trade(trade(1)) + encode_trade(trade(2)), 2, 2)
    ]
    assert (packing.waiting, packing.due_us()) == (0, None)
    assert packing.take(99_000) == []


def test_a_full_record_waits_no_longer():
    packing = packer(3)
    packing.add([trade(n) for n in (1, 2, 3, 4)], 1_000)
    assert packing.due_us() == 0
    assert seqs(packing.take(1_000)) == [[1, 2, 3]]
    assert (packing.waiting, packing.due_us()) == (1, 51_000)


def test_a_record_grows_to_exactly_its_limit():
    packing = packer(3)
    packing.add([trade(n) for n in range(1, 10)], 0)
    entries = packing.flush()
    assert seqs(entries) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert {len(e.data) for e in entries} == {3 * len(LINE)}
    tight = Packer(3 * len(LINE) - 1, LINGER_US)
    tight.add([trade(n) for n in range(1, 4)], 0)
    assert seqs(tight.flush()) == [[1, 2], [3]]


def test_a_trade_larger_than_a_record_goes_alone():
    packing = packer(2)
    large = trade(2, note="x" * 128)
    packing.add([trade(1), large, trade(3)], 0)
    entries = packing.flush()
    assert seqs(entries) == [[1], [2], [3]]
    assert entries[1].data == encode_trade(large)


def test_each_ticker_has_records_of_its_own():
    packing = packer()
    packing.add([trade(1), trade(7, ETH), trade(2), trade(8, ETH)], 1_000)
    packing.add([trade(3, "other:BTC-USD")], 2_000)
    assert [(e.key, e.trades) for e in packing.take(51_000)] == [(BTC, 2), (ETH, 2)]
    assert [e.key for e in packing.take(52_000)] == ["other:BTC-USD"]


def test_an_entry_tells_its_highest_seq():
    packing = packer(4)
    packing.add([trade(0), trade(9), trade(4), trade(0)], 0)
    (entry,) = packing.flush()
    assert (entry.last_seq, entry.trades) == (9, 4)
    packing.add([trade(0)], 0)
    assert packing.flush()[0].last_seq == 0


def test_flush_returns_everything_however_fresh():
    packing = packer(2)
    packing.add([trade(1), trade(2), trade(3), trade(7, ETH)], 5)
    assert [(e.key, e.trades) for e in packing.flush()] == [
        (BTC, 2),
        (BTC, 1),
        (ETH, 1),
    ]
    assert packing.flush() == []


def test_what_was_put_back_is_taken_first():
    packing = packer(1)
    packing.add([trade(1), trade(2), trade(3)], 0)
    refused = packing.take(0)
    assert seqs(refused) == [[1], [2]]
    packing.add([trade(4)], 0)
    packing.put_back(refused)
    assert (packing.waiting, packing.due_us()) == (4, 0)
    assert seqs(packing.take(0)) == [[1], [2], [3]]
    packing.put_back([])
    assert (packing.waiting, packing.due_us()) == (1, LINGER_US)


def test_due_is_when_the_oldest_open_record_has_lingered():
    packing = packer()
    assert packing.due_us() is None
    packing.add([trade(1)], 7_000)
    packing.add([trade(7, ETH)], 3_000)
    assert packing.due_us() == 53_000
    assert [e.key for e in packing.take(53_000)] == [ETH]
    assert packing.due_us() == 57_000


def test_nothing_added_is_nothing_waiting():
    packing = packer()
    packing.add([], 0)
    assert (packing.waiting, packing.due_us(), packing.flush()) == (0, None, [])


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.sampled_from([BTC, ETH]), st.integers(0, 128)), max_size=40),
    st.integers(1, 600),
    st.data(),
)
def test_packing_keeps_every_trade_and_each_tickers_order(moves, max_bytes, data):
    packing, sent, now_us = Packer(max_bytes, LINGER_US), [], 0
    trades = [trade(n, t, note="x" * size) for n, (t, size) in enumerate(moves, 1)]
    for each in trades:
        packing.add([each], now_us)
        now_us += data.draw(st.sampled_from([0, 10_000, 60_000]))
        taken = packing.take(now_us)
        keep = data.draw(st.integers(0, len(taken)))
        sent += taken[:keep]
        packing.put_back(taken[keep:])
        assert packing.waiting == len(trades[: each.seq]) - sum(e.trades for e in sent)
    sent += packing.flush()
    assert packing.waiting == 0
    for ticker in (BTC, ETH):
        lines = b"".join(e.data for e in sent if e.key == ticker)
        assert lines == b"".join(encode_trade(t) for t in trades if t.ticker == ticker)
    for entry in sent:
        assert entry.trades == 1 or len(entry.data) <= max_bytes
