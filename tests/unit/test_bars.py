"""Bars while they are built."""

from penstock.engine.bars import OpenBar
from penstock.model import Bar

SECOND = 1_000_000
START_US = 1_700_000_040_000_000


def begun(*trades, gap=0):
    """A bar of a second, begun by a first (price, size) half a second into it."""
    bar = OpenBar("test:BTC-USD", SECOND, None)
    (price, size), *rest = trades
    bar.begin(START_US + SECOND // 2, price, size, gap)
    for price, size in rest:
        bar.add(price, size, 0)
    return bar


def test_before_the_first_trade_a_bar_is_over():
    bar = OpenBar("test:BTC-USD", SECOND, None)
    assert (bar.trades, bar.end_us) == (0, 0)


def test_a_bar_is_aligned_to_the_epoch():
    bar = begun((100.0, 1.0))
    assert (bar.start_us, bar.end_us) == (START_US, START_US + SECOND)
    bar.begin(START_US + SECOND, 1.0, 1.0, 0)
    assert (bar.start_us, bar.end_us) == (START_US + SECOND, START_US + 2 * SECOND)
    bar.begin(START_US + 3 * SECOND - 1, 1.0, 1.0, 0)
    assert bar.start_us == START_US + 2 * SECOND


def test_sums_are_added_in_stream_order():
    # Floats: from the right they would come out as 0.6.
    bar = begun((1.0, 0.1), (1.0, 0.2), (1.0, 0.3))
    assert bar.volume == bar.notional == (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


def test_trades_counted_elsewhere_are_taken_over():
    bar = begun((100.0, 1.0), gap=2)
    bar.take(3, 101.0, 99.0, 100.5)
    bar.take(2, 100.0, 99.5, 99.75)
    assert (bar.open, bar.high, bar.low, bar.close) == (100, 101, 99, 99.75)
    assert (bar.trades, bar.gaps) == (6, 2)


def test_a_bar_goes_on_from_where_it_was_saved():
    bar = begun((100.0, 0.5), (103.0, 0.25), (98.0, 0.25), (99.0, 0.0), gap=4)
    saved = bar.save()
    assert saved == Bar(
        ticker="test:BTC-USD",
        start_us=START_US,
        interval_us=SECOND,
        open=100.0,
        high=103.0,
        low=98.0,
        close=99.0,
        volume=1.0,
        notional=0.5 * 100 + 0.25 * 103 + 0.25 * 98,
        trades=4,
        gaps=4,
    )
    resumed = OpenBar("test:BTC-USD", SECOND, saved)
    assert resumed.save() == saved
    for each in (bar, resumed):
        each.add(104.0, 0.125, 1)
        each.add(97.0, 0.125, 0)
    assert resumed.save() == bar.save()
    assert resumed.end_us == bar.end_us


def test_a_bar_saved_at_another_length_stays_as_it_was():
    saved = begun((100.0, 1.0)).save()
    longer = OpenBar("test:BTC-USD", 60 * SECOND, saved)
    assert (longer.trades, longer.end_us) == (0, 0)


def test_vwap_is_of_known_sizes():
    assert begun((100.0, 1.0), (103.0, 2.0)).save().vwap == 102
    assert begun((100.0, 0.0)).save().vwap is None
