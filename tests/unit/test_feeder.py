"""From a source to any stream."""

import pytest

from penstock.codec import decode_trade
from penstock.config import StreamSettings
from penstock.entrypoints import feeder as module
from penstock.entrypoints.feeder import Feeder, SourceBatch
from penstock.errors import SourceError, UnavailableError
from penstock.memory import MemoryDeadLetters, MemoryStream, refusing
from penstock.model import DeadLetter
from tests.embedded import in_batches, market

TRADES = market(600)
BTC = TRADES[0].ticker


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.0)


def feeder(stream, letters=None):
    letters = letters or MemoryDeadLetters()
    return Feeder(stream, letters, StreamSettings(), stream.marks())


def stored(stream):
    """The trades of each ticker, in the order of the stream."""
    found = {}
    for shard in stream.shards():
        for record in stream.read(shard, after=0, limit=10_000):
            trades = [decode_trade(line) for line in record.data.splitlines()]
            found.setdefault(record.key, []).extend(trades)
    return found


def by_ticker(trades):
    found = {}
    for trade in trades:
        found.setdefault(trade.ticker, []).append(trade.price)
    return found


def prices(stream):
    return by_ticker(t for trades in stored(stream).values() for t in trades)


def test_all_trades_are_appended_numbered_and_in_order():
    stream, appends = MemoryStream(shards=3), []
    feeding = Feeder(
        stream,
        MemoryDeadLetters(),
        StreamSettings(),
        marks={},
        on_append=lambda: appends.append(1),
    )
    feeding.feed(in_batches(TRADES, 100), contiguous=False)
    assert prices(stream) == by_ticker(TRADES)
    assert all(trade.seq for trade in stored(stream)[BTC])
    assert (feeding.appended, feeding.duplicates, feeding.unread) == (600, 0, 0)
    assert appends


def test_what_the_stream_holds_already_is_not_appended_again():
    stream = MemoryStream()
    feeder(stream).feed(in_batches(TRADES[:200], 100), contiguous=False)
    again = feeder(stream)
    again.feed(in_batches(TRADES, 100), contiguous=False)
    assert (again.appended, again.duplicates) == (400, 200)
    assert prices(stream) == by_ticker(TRADES)


def test_what_could_not_be_read_goes_to_the_dead_letters():
    letters = MemoryDeadLetters()
    letter = DeadLetter(
        id="a.csv:2", key="", reason="no price", data=b"x", arrival_us=0, version="0"
    )
    feeding = feeder(MemoryStream(), letters)
    feeding.feed((SourceBatch([], [letter]) for _ in range(2)), contiguous=False)
    assert feeding.unread == 2
    assert letters.list() == [letter]


def test_what_is_refused_for_a_while_is_appended_once_and_in_order():
    refusals = iter([True, False] * 1000)

    def fault(operation, key, done):
        if key == BTC and not done and next(refusals):
            raise UnavailableError("throttled")

    stream = MemoryStream(fault=fault)
    feeding = feeder(stream)
    feeding.feed(in_batches(TRADES, 50), contiguous=False)
    assert prices(stream) == by_ticker(TRADES)
    assert feeding.appended == 600


@pytest.mark.parametrize("key", ["", BTC])
def test_a_stream_that_keeps_refusing_ends_the_feed_and_closes_the_source(key):
    down, closed = {key}, []

    def source():
        try:
            yield from in_batches(TRADES, 300)
        finally:
            closed.append(True)

    feeding = feeder(MemoryStream(fault=refusing(down)))
    with pytest.raises(UnavailableError, match=r"refuse"):
        feeding.feed(source(), contiguous=False)
    assert closed == [True]


def test_stop_ends_the_feed_after_what_was_taken_and_closes_the_source():
    stream, closed = MemoryStream(), []
    feeding = feeder(stream)

    def source():
        try:
            for batch in in_batches(TRADES, 100):
                feeding.stop()
                yield batch
        finally:
            closed.append(True)

    feeding.feed(source(), contiguous=False)
    assert (feeding.appended, closed) == (100, [True])


def test_a_source_that_fails_loses_nothing_that_it_gave():
    stream = MemoryStream()

    def source():
        yield from in_batches(TRADES[:100], 100)
        raise SourceError("it broke")

    feeding = feeder(stream)
    with pytest.raises(SourceError, match="it broke"):
        feeding.feed(source(), contiguous=False)
    assert prices(stream) == by_ticker(TRADES[:100])
    assert feeding.appended == 100
