"""ingest: what is stored, what waits, and what was there before."""

import pytest

from penstock.codec import Packer
from penstock.errors import UnavailableError
from penstock.feeds.sequence import Sequencer
from penstock.memory import MemoryStream, refusing
from penstock.pipeline import ingest
from tests.tape import tape
from tests.worlds import BTC, ETH, for_ticker


def taking_in(stream, packer, trades, *, now_us=0, flush=False):
    return ingest(
        trades,
        sequencer=Sequencer(stream.marks(), contiguous=False),
        packer=packer,
        stream=stream,
        now_us=now_us,
        flush=flush,
    )


def stored_seqs(stream):
    (shard,) = stream.shards()
    records = stream.read(shard, after=0, limit=99)
    return [(r.key, r.data.count(b"\n")) for r in records]


def test_what_lingers_is_not_yet_stored():
    stream, packer = MemoryStream(), Packer(5_000, 50_000)
    assert taking_in(stream, packer, tape((100, 0), (101, 1)), now_us=10) == 0
    assert (packer.waiting, stored_seqs(stream)) == (2, [])
    assert taking_in(stream, packer, [], now_us=50_010) == 2
    assert (packer.waiting, stored_seqs(stream)) == (0, [(BTC, 2)])


def test_nothing_lingers_where_all_is_flushed():
    stream, packer = MemoryStream(), Packer(5_000, 50_000)
    assert taking_in(stream, packer, tape((100, 0)), flush=True) == 1
    assert taking_in(stream, packer, [], flush=True) == 0
    assert stored_seqs(stream) == [(BTC, 1)]


def test_what_the_stream_refuses_waits_in_order():
    down_for = {BTC}
    stream, packer = MemoryStream(fault=refusing(down_for)), Packer(5_000, 0)
    both = [*tape((100, 0)), *for_ticker(ETH, tape((100, 0)))]
    assert taking_in(stream, packer, both) == 1
    assert (packer.waiting, stored_seqs(stream)) == (1, [(ETH, 1)])
    down_for.clear()
    assert taking_in(stream, packer, tape((101, 1), (102, 2), since=2)) == 3
    assert stored_seqs(stream) == [(ETH, 1), (BTC, 1), (BTC, 2)]


def test_what_was_given_to_a_stream_that_did_not_answer_waits():
    down_for = {""}
    stream, packer = MemoryStream(fault=refusing(down_for)), Packer(5_000, 0)
    with pytest.raises(UnavailableError):
        taking_in(stream, packer, tape((100, 0), (101, 1)))
    assert (packer.waiting, stored_seqs(stream)) == (2, [])
    down_for.clear()
    assert taking_in(stream, packer, []) == 2
    assert stored_seqs(stream) == [(BTC, 2)]


def test_trades_that_the_stream_holds_are_not_taken_in_again():
    stream, packer = MemoryStream(), Packer(5_000, 0)
    assert taking_in(stream, packer, tape((100, 0), (101, 1))) == 2
    assert taking_in(stream, packer, tape((100, 0), (101, 1), (102, 2))) == 1
    assert stored_seqs(stream) == [(BTC, 2), (BTC, 1)]
