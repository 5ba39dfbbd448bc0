"""The high of a look-back window: its buckets' edges, and what they remember."""

import pytest

from penstock.engine.window import SlidingHigh
from penstock.model import Window

MINUTE = 60_000_000
START_US = 1_700_000_040_000_000


def window(window_us=MINUTE, bar_us=MINUTE, saved=None):
    return SlidingHigh(window_us, bar_us, saved)


def after(*moves, window_us=MINUTE, bar_us=MINUTE):
    """A window that has seen pairs (seconds after START_US, price)."""
    high = window(window_us, bar_us)
    for at_s, price in moves:
        high.add(START_US + round(at_s * 1e6), price)
    return high


def test_the_high_is_that_of_the_last_sixty_buckets():
    assert after((0, 100.0), (59.999999, 90.0)).high == 100
    assert after((0, 100.0), (60, 90.0)).high == 90
    assert after((0.999999, 100.0), (59, 90.0), (60, 80.0)).high == 90


@pytest.mark.parametrize("bar_s", [1, 12, 60])
def test_the_high_falls_to_the_next_highest_when_its_bucket_leaves(bar_s):
    moves = [(0, 100.0), (1, 97.0), (2, 99.0), (3, 98.0)]
    high = after(*moves, bar_us=bar_s * 1_000_000)
    highs = []
    for at_s in (59, 60, 61, 62, 63):
        high.add(START_US + at_s * 1_000_000, 1.0)
        highs.append(high.high)
    assert highs == [100, 99, 99, 98, 1]


def test_a_high_that_was_reached_twice_stays():
    assert after((0, 100.0), (30, 100.0), (60, 1.0)).high == 100
    assert after((0, 100.0), (30, 100.0), (90, 1.0)).high == 1


@pytest.mark.parametrize("gap_s", [59, 60, 61, 119, 120, 121, 1_000_000])
def test_a_pause_empties_the_buckets_it_passes(gap_s):
    high = after((0, 100.0), (gap_s, 50.0))
    assert high.high == (100 if gap_s == 59 else 50)
    maxima = high.save().maxima
    assert len(maxima) == 120
    assert [m for m in maxima if m] == ([100, 50] if gap_s < 120 else [50])


def test_a_price_that_is_raised_afterwards_counts_in_the_newest_bucket():
    high = after((0, 100.0), (1, 98.0))
    high.raise_newest(99.0)
    high.raise_newest(97.0)
    high.add(START_US + 60_000_000, 1.0)
    assert (high.high, high.seen) == (99, 99)


def test_a_trade_out_of_order_sees_the_buckets_before_its_own():
    high = after((0, 100.0), (50, 120.0))
    high.add(START_US + 49_000_000, 90.0)
    assert (high.seen, high.high) == (100, 120)
    high.add(START_US + 50_000_000, 90.0)
    assert (high.seen, high.high) == (120, 120)


@pytest.mark.parametrize("bar_s", [12, 60])
def test_a_trade_out_of_order_counts_in_its_own_bucket(bar_s):
    high = after((0, 100.0), (50, 90.0), (40, 130.0), bar_us=bar_s * 1_000_000)
    assert (high.seen, high.high) == (130, 130)
    high.add(START_US + 99_000_000, 1.0)
    assert high.high == 130
    high.add(START_US + 100_000_000, 1.0)
    assert high.high == 90


def test_as_many_older_buckets_are_kept_as_an_open_bar_can_reach_back():
    lengths = {
        bar_us: len(window(300_000_000, bar_us).save().maxima)
        for bar_us in (1_000_000, 5_000_000, 60_000_000, 300_000_000, 900_000_000)
    }
    assert lengths == {
        1_000_000: 61,
        5_000_000: 61,
        60_000_000: 72,
        300_000_000: 120,
        900_000_000: 120,
    }


def test_a_trade_older_than_the_window_leaves_its_high_alone():
    high = after((0, 100.0), (59.5, 90.0), bar_us=12_000_000)
    high.add(START_US - 500_000, 130.0)
    assert (high.seen, high.high) == (130, 100)


def test_the_oldest_trade_of_an_open_bar_sees_its_whole_window():
    high = after((-59, 100.0), (-60, 110.0), (59, 50.0))
    high.add(START_US, 1.0)
    assert high.seen == 100


def test_a_trade_older_than_all_buckets_sees_itself_alone():
    high = after((0, 100.0), (200, 50.0), bar_us=3600 * 1_000_000)
    high.add(START_US, 70.0)
    assert (high.seen, high.high) == (70, 50)
    # The oldest bucket that is kept still counts.
    high.add(START_US + 81_000_000, 60.0)
    assert high.seen == 60
    assert high.save().maxima[0] == 60


@pytest.mark.parametrize("window_us", [1_000_000, 7_000_000, 60, 61, 299_999_999])
def test_a_bucket_is_a_sixtieth_of_the_window_to_the_microsecond(window_us):
    high = window(window_us)
    for n in range(300):
        event_us = START_US + n * n * window_us // 7000
        high.add(event_us, 1.0)
        bucket = event_us * 60 // window_us
        assert high.start_us * 60 // window_us == bucket
        assert (high.start_us - 1) * 60 // window_us == bucket - 1
        assert (high.end_us - 1) * 60 // window_us == bucket
        assert high.end_us * 60 // window_us == bucket + 1


def test_a_saved_window_goes_on_as_the_one_that_was_saved():
    high = after((0, 100.0), (1, 90.0), (30, 95.0))
    resumed = window(saved=high.save())
    assert resumed.high == 100
    assert (resumed.start_us, resumed.end_us) == (high.start_us, high.end_us)
    for at_s in (20, 59, 60, 61, 90):
        high.add(START_US + at_s * 1_000_000, 1.0)
        resumed.add(START_US + at_s * 1_000_000, 1.0)
        assert (resumed.high, resumed.seen) == (high.high, high.seen)
    assert resumed.save() == high.save()


def test_a_window_saved_with_other_bars_keeps_its_newest_buckets():
    saved = after((0, 100.0), (70, 90.0)).save()
    shorter = window(bar_us=1_000_000, saved=saved)
    assert shorter.high == 90
    assert shorter.save() == Window(saved.newest, saved.maxima[-61:])
    longer = window(saved=shorter.save())
    assert longer.save() == Window(saved.newest, (0.0,) * 59 + saved.maxima[-61:])


def test_there_is_no_high_before_the_first_trade():
    high = window()
    assert (high.high, high.seen) == (0, 0)
    high.add(0, 5.0)
    assert (high.high, high.start_us, high.end_us) == (5, 0, 1_000_000)
