"""Numbering trades: the same numbers for the same file, whatever happens between."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.feeds.sequence import Sequencer
from penstock.model import Trade

BTC, ETH = "test:BTC-USD", "test:ETH-USD"
NOW_US = 1_700_000_000_000_000


def trade(event_us=NOW_US, *, seq=0, ticker=BTC, **fields):
    venue, _, symbol = ticker.partition(":")
    return Trade(
        venue=venue,
        symbol=symbol,
        price=100.0,
        size=1.0,
        event_us=event_us,
        received_us=event_us,
        seq=seq,
        **fields,
    )


def sequencer(*, contiguous=False, **marks):
    """A sequencer for a stream that holds BTC and ETH up to these numbers."""
    tickers = {f"test:{name}-USD": seq for name, seq in marks.items()}
    return Sequencer(tickers, contiguous=contiguous)


def seqs(trades):
    return [t.seq for t in trades]


# Numbers that are assigned.


def test_a_number_is_the_time_and_a_rank_within_its_microsecond():
    times = [NOW_US, NOW_US, NOW_US, NOW_US + 1, NOW_US + 1, NOW_US + 7]
    admitted = sequencer().admit(trade(us) for us in times)
    ranks = [0, 1, 2, 0, 1, 0]
    assert seqs(admitted) == [
        us * 1024 + rank for us, rank in zip(times, ranks, strict=True)
    ]


def test_more_than_1024_in_a_microsecond_spill_into_the_next():
    admitted = sequencer().admit([trade(NOW_US)] * 1030 + [trade(NOW_US + 1)] * 2)
    assert seqs(admitted) == list(range(NOW_US * 1024, NOW_US * 1024 + 1032))
    assert admitted[1024].seq == (NOW_US + 1) * 1024


def test_a_trade_that_is_older_than_the_one_before_is_numbered_after_it():
    admitted = sequencer().admit([trade(NOW_US), trade(NOW_US - 5), trade(NOW_US + 1)])
    first = NOW_US * 1024
    assert seqs(admitted) == [first, first + 1, first + 1024]


def test_zero_is_no_number_even_at_the_epoch():
    assert seqs(sequencer().admit([trade(0), trade(0), trade(1)])) == [1, 2, 1024]


def test_only_the_number_is_changed():
    before = trade(side="sell", trade_id="x", gap=3, backfilled=True)
    (after,) = sequencer().admit([before])
    assert after == msgspec.structs.replace(before, seq=NOW_US * 1024)


def test_tickers_are_numbered_apart():
    mixed = [trade(), trade(ticker=ETH), trade(), trade(ticker=ETH)]
    first = NOW_US * 1024
    assert seqs(sequencer().admit(mixed)) == [first, first, first + 1, first + 1]


@settings(max_examples=12)
@given(st.lists(st.integers(0, 5), min_size=1), st.integers(0, 100), st.data())
def test_a_file_read_again_is_numbered_the_same(steps, done, data):
    times = [NOW_US + sum(steps[:n]) for n in range(len(steps))]
    file = [trade(us) for us in times]
    first = sequencer().admit(file)
    assert seqs(first) == sorted(set(seqs(first)))
    # The stream holds the first `done`; the rest comes with the numbers it had.
    done = min(done, len(file))
    mark = first[done - 1].seq if done else 0
    again = sequencer(BTC=mark)
    cut = data.draw(st.integers(0, len(file)))
    assert again.admit(file[:cut]) + again.admit(file[cut:]) == first[done:]
    assert again.duplicates == done


def test_the_next_file_goes_on_after_the_first():
    today = [trade(NOW_US + n) for n in range(3)]
    tomorrow = [trade(NOW_US + 86_400_000_000 + n) for n in range(3)]
    numbering = sequencer()
    numbers = seqs(numbering.admit(today) + numbering.admit(tomorrow))
    apart = sequencer(BTC=numbers[2])
    assert seqs(apart.admit(tomorrow)) == numbers[3:]
    assert apart.duplicates == numbering.duplicates == 0


def test_a_producer_that_restarts_sends_what_the_stream_does_not_hold():
    file = [trade(NOW_US), trade(NOW_US), trade(NOW_US), trade(NOW_US + 1)]
    numbers = seqs(sequencer().admit(file))
    restarted = sequencer(BTC=numbers[1])
    assert seqs(restarted.admit(file)) == numbers[2:]
    assert restarted.duplicates == 2


# Numbers that the venue gives.


def test_the_venues_numbers_are_kept():
    trades = [trade(seq=n) for n in (5, 6, 9)]
    admitted = sequencer().admit(trades)
    assert admitted == trades
    assert all(a is b for a, b in zip(admitted, trades, strict=True))


def test_what_does_not_rise_is_a_duplicate():
    numbering = sequencer(BTC=5)
    trades = [trade(seq=n) for n in (4, 5, 6, 6, 5, 7, 3)]
    assert seqs(numbering.admit(trades)) == [6, 7]
    assert numbering.duplicates == 5
    assert seqs(numbering.admit([trade(seq=7), trade(seq=8)])) == [8]
    assert numbering.duplicates == 6


def test_a_mark_counts_for_its_ticker_alone():
    numbering = sequencer(BTC=5)
    both = [trade(seq=5), trade(seq=5, ticker=ETH), trade(seq=6, ticker=ETH)]
    assert [t.ticker for t in numbering.admit(both)] == [ETH, ETH]


def test_a_jump_is_a_gap_where_numbers_rise_by_one():
    numbering = sequencer(contiguous=True)
    admitted = numbering.admit([trade(seq=n) for n in (5, 6, 9, 10, 12)])
    assert [t.gap for t in admitted] == [0, 0, 2, 0, 1]
    assert numbering.missing == 3


def test_a_jump_after_a_restart_is_a_gap():
    numbering = sequencer(contiguous=True, BTC=5)
    assert [t.gap for t in numbering.admit([trade(seq=9)])] == [3]


def test_the_first_trade_of_all_misses_nothing():
    numbering = sequencer(contiguous=True, ETH=2)
    assert [t.gap for t in numbering.admit([trade(seq=1_000)])] == [0]


def test_a_jump_means_nothing_where_numbers_are_not_contiguous():
    numbering = sequencer()
    assert [t.gap for t in numbering.admit([trade(seq=5), trade(seq=9)])] == [0, 0]
    assigned = sequencer(contiguous=True)
    assert [t.gap for t in assigned.admit([trade(1), trade(5)])] == [0, 0]


def test_a_gap_that_the_feed_knows_of_is_kept():
    trades = [trade(seq=5, gap=1), trade(seq=9, gap=1), trade(seq=11, gap=7)]
    assert [t.gap for t in sequencer().admit(trades)] == [1, 1, 7]
    contiguous = sequencer(contiguous=True)
    assert [t.gap for t in contiguous.admit(trades)] == [1, 3, 7]
    assert contiguous.missing == 11


def test_a_duplicate_misses_nothing():
    numbering = sequencer(contiguous=True)
    numbering.admit([trade(seq=5)])
    assert numbering.admit([trade(seq=2, gap=9)]) == []
    assert numbering.missing == 0


# Sources that follow each other in one run.


def test_a_source_that_begins_where_the_last_ended_is_numbered_on():
    numbers = sequencer()
    numbers.admit([trade(NOW_US - 5), trade(NOW_US)])
    numbers.begin_source(contiguous=False)
    later = numbers.admit([trade(NOW_US), trade(NOW_US + 1)])
    assert seqs(later) == [NOW_US * 1024 + 1, (NOW_US + 1) * 1024]
    assert numbers.duplicates == 0


def test_a_source_that_begins_earlier_is_numbered_as_if_alone():
    numbers = sequencer()
    trades = [trade(NOW_US - 5), trade(NOW_US), trade(NOW_US)]
    numbers.admit(trades)
    numbers.begin_source(contiguous=False)
    assert numbers.admit(trades) == []
    assert numbers.duplicates == 3


def test_each_source_says_whether_its_numbers_are_contiguous():
    numbers = sequencer()
    numbers.admit([trade(seq=1), trade(seq=5)])
    numbers.begin_source(contiguous=True)
    assert [t.gap for t in numbers.admit([trade(seq=8), trade(seq=9)])] == [2, 0]
