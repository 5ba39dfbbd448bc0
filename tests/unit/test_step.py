"""The step: against an oracle, and by hand where a rule has an edge."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine.rules import BelowRule, DropRule, Rules, StrategyRule
from penstock.engine.step import fold
from penstock.model import TickerState
from tests import step_properties
from tests.strategies import markets, rules, walks
from tests.tape import (
    FRESH,
    MINUTE,
    SECOND,
    START_US,
    TICKER,
    apply,
    buying,
    dropping,
    tape,
    trade,
)

BARS = Rules(history="1s")
BELOW = Rules(alerts=(BelowRule(below=Decimal(95)),))


@settings(max_examples=12)
@given(markets(max_size=40) | walks(), rules(), st.sets(st.integers(1, 250)))
def test_fold_follows_the_rules_however_the_trades_are_divided(trades, applied, cuts):
    step_properties.follows_the_rules(trades, applied, cuts)


@settings(max_examples=10)
@given(walks(size=60), rules(), st.sets(st.integers(1, 60)))
def test_division_changes_neither_state_nor_effects(trades, applied, cuts):
    step_properties.is_the_same_in_any_division(trades, applied, cuts)


@settings(max_examples=10)
@given(walks(size=60), rules(), st.integers(1, 60))
def test_state_survives_being_written_and_read(trades, applied, cut):
    step_properties.survives_being_written(trades, applied, cut)


@settings(max_examples=10)
@given(walks(size=60), rules())
def test_records_and_trades_count_once(trades, applied):
    step_properties.counts_once(trades, applied)


# Bars, rows and what they leave out.


def test_a_bar_holds_its_first_highest_lowest_and_last_price_and_the_sums():
    trades = [
        trade(100, 0, seq=1, size=0.5),
        trade(102, 1, seq=2, size=0.25, gap=3),
        trade(99, 2, seq=3, size=0.125),
        trade(101, 59.999999, seq=4, size=0.0),
    ]
    (bar,) = apply(BARS, trades).bars
    assert (bar.ticker, bar.start_us, bar.interval_us) == (TICKER, START_US, MINUTE)
    assert (bar.open, bar.high, bar.low, bar.close) == (100, 102, 99, 101)
    assert bar.volume == 0.875
    assert bar.notional == 0.5 * 100 + 0.25 * 102 + 0.125 * 99
    assert (bar.trades, bar.gaps) == (4, 3)
    assert bar.vwap == bar.notional / 0.875


@pytest.mark.parametrize("prices", [(100, 99, 99.5), (100, 101, 100.5), (100, 100, 99)])
def test_a_bar_knows_the_extremes_of_calm_trades(prices):
    (bar,) = apply(BARS, tape(*((p, n / 10) for n, p in enumerate(prices)))).bars
    assert (bar.high, bar.low) == (max(prices), min(prices))


def test_a_bar_ends_where_the_next_begins():
    folded = apply(BARS, tape((100, 0), (101, 59.999999), (102, 60)))
    assert [bar.start_us - START_US for bar in folded.bars] == [0, MINUTE]
    assert [bar.close for bar in folded.bars] == [101, 102]
    assert folded.new_bars == 2
    assert [row.start_us - START_US for row in folded.rows] == [0, 59 * SECOND, MINUTE]


def test_a_row_ends_where_the_next_begins_among_calm_trades():
    # The first trade of a record is stepped; those after it take the short cut.
    trades = tape((100, 0), (100, 0.4), (100, 0.999999), (100, 1), (100, 1.000001))
    rows = apply(BARS, trades).rows
    assert [(row.start_us - START_US, row.trades) for row in rows] == [
        (0, 3),
        (SECOND, 2),
    ]


def test_a_trade_older_than_the_open_row_goes_to_the_bar_alone():
    folded = apply(BARS, tape((100, 10), (107, 9.5), (93, 9.6), (101, 10.5)))
    (bar,) = folded.bars
    assert (bar.high, bar.low, bar.close, bar.trades) == (107, 93, 101, 4)
    (row,) = folded.rows
    assert (row.start_us, row.trades) == (START_US + 10 * SECOND, 2)
    assert (row.open, row.high, row.low, row.close) == (100, 101, 100, 101)
    assert folded.late == 0


def test_a_trade_at_the_open_rows_first_microsecond_goes_to_the_row():
    (row,) = apply(BARS, tape((100, 10.5), (101, 10))).rows
    assert (row.trades, row.close) == (2, 101)


def test_a_late_trade_is_counted_and_decides_nothing():
    before = apply(BELOW, tape((100, 60)))
    after = apply(BELOW, [trade(1, 59.999999, seq=2, gap=2)], before.state)
    assert (after.applied, after.late, after.gaps) == (1, 1, 2)
    assert (after.bars, after.rows, after.alerts) == ([], [], [])
    assert after.state == msgspec.structs.replace(
        before.state, stream_position=2, last_seq=2, trades=2, late=1, gaps=2
    )


def test_a_trade_at_the_open_bars_first_microsecond_is_not_late():
    folded = apply(BARS, tape((100, 61), (99, 60)))
    assert (folded.late, folded.bars[0].low) == (0, 99)


def test_gaps_are_counted_by_trade_bar_row_and_ticker():
    trades = [
        trade(100, 0, seq=1, gap=1),
        trade(100, 0.5, seq=4, gap=2),
        trade(100, 0.6, seq=5),
        trade(100, 1, seq=9, gap=3),
    ]
    folded = apply(BARS, trades)
    assert (folded.gaps, folded.state.gaps, folded.bars[0].gaps) == (6, 6, 6)
    assert [row.gaps for row in folded.rows] == [3, 3]
    assert [row.trades for row in folded.rows] == [3, 1]


def test_tick_history_keeps_the_applied_trades_and_no_rows():
    trades = tape((100, 60), (101, 60.5), (99, 1))
    folded = apply(Rules(history="tick"), [*trades, trades[1]])
    assert (folded.ticks, folded.rows) == (trades, [])
    assert (folded.duplicates, folded.late) == (1, 1)


# Once.


def test_a_duplicate_between_calm_trades_is_not_applied():
    once = tape((100, 0), (100, 0.1), (100, 0.2), (100, 0.3))
    for doubled in ((0, 1, 1, 2, 3), (0, 1, 2, 1, 2, 3), (0, 0, 1, 2, 3, 3)):
        folded = apply(BARS, [once[n] for n in doubled])
        assert (folded.applied, folded.duplicates) == (4, len(doubled) - 4)
        assert (folded.bars[0].trades, folded.bars[0].volume) == (4, 4.0)


def test_trades_without_seq_are_all_applied_and_named_by_where_they_stand():
    polled = [trade(price, n, seq=0) for n, price in enumerate([96, 94, 96, 94])]
    rule = BelowRule(below=Decimal(95), rearm=Decimal(0))
    rules_ = Rules(alerts=(rule,), strategy=StrategyRule())
    records = [(7, polled), (9, polled[1:2])]
    folded = fold(FRESH, records, rules_)
    assert (folded.applied, folded.duplicates, folded.state.last_seq) == (5, 0, 0)
    assert [a.id for a in folded.alerts] == [
        "test:BTC-USD/below:95/@7.1",
        "test:BTC-USD/below:95/@7.3",
    ]
    assert [p.id for p in folded.opened] == ["test:BTC-USD/position/@7.1"]


def test_equal_trades_without_seq_are_told_apart():
    low = trade(94, 0, seq=0)
    same = [trade(96, 0, seq=0), low, msgspec.structs.replace(low)]
    rule = BelowRule(below=Decimal(95), rearm=Decimal(0))
    first = fold(FRESH, [(1, [same[0], same[1]])], Rules(alerts=(rule,)))
    assert [a.id for a in first.alerts] == ["test:BTC-USD/below:95/@1.1"]
    again = fold(FRESH, [(1, [same[1], same[0], same[2]])], Rules(alerts=(rule,)))
    assert [a.id.rpartition("@")[2] for a in again.alerts] == ["1.0", "1.2"]


def test_records_are_skipped_up_to_the_states_position():
    first = fold(FRESH, [(4, tape((100, 0)))], BARS)
    again = fold(first.state, [(3, tape((9, 9))), (4, tape((8, 8)))], BARS)
    assert (again.redelivered, again.applied) == (2, 0)
    assert again.state == first.state
    assert fold(first.state, [(5, [])], BARS).state.stream_position == 5


# Within a bucket, everything that can decide something is looked at.


def test_a_new_high_among_calm_trades_moves_the_window():
    folded = apply(buying(), tape((100, 0), (101, 0.1), (99.99, 0.2)))
    (position,) = folded.opened
    assert position.entry_price == Decimal("99.99")


def test_a_price_on_the_threshold_among_calm_trades_is_acted_on():
    folded = apply(buying(), tape((100, 0), (99.5, 0.1), (99, 0.2), (103.95, 0.3)))
    assert [p.id for p in folded.opened] == ["test:BTC-USD/position/3"]
    assert [c.id for c in folded.completed] == ["test:BTC-USD/trade/4"]


def test_the_high_of_calm_trades_outlasts_an_older_one():
    # 100 leaves the window of a minute at 60 s; then the calm 99.9 is the highest.
    tick = dropping("0.05", MINUTE, bar_us=5 * MINUTE, history="1m")
    calm = tape((100, 0), (99.8, 1), (99.9, 1.1), (99.7, 1.2))
    after = tape((94.905, 60), (94.904, 60.001), since=5)
    folded = apply(tick, [*calm, *after])
    (alert,) = folded.alerts
    assert (alert.id, alert.high) == (f"{TICKER}/drop:0.05:1m/5", 99.9)
    (window,) = folded.state.windows.values()
    assert max(window.maxima[-60:]) == 99.9


def test_the_high_of_a_trade_that_only_turned_the_row_outlasts_an_older_one():
    # Rows of 1 s in buckets of 5 s; 100 leaves the window at 300 s.
    trades = tape((100, 0), (98, 5), (99, 6), (97, 7), (94.05, 300))
    (alert,) = apply(dropping("0.05"), trades).alerts
    assert alert.high == 99


def test_a_high_at_the_end_of_a_batch_is_in_the_saved_window():
    folded = apply(dropping(), tape((100, 0), (99.8, 6), (99.9, 6.1), (99.7, 6.2)))
    (window,) = folded.state.windows.values()
    assert window.maxima[-2:] == (100, 99.9)


def test_an_older_trade_sees_the_high_of_its_own_time():
    # To the trade at 12 s the 110 at 20 s is the future: 95 is 5 % under 100.
    rules_ = dropping("0.1", MINUTE)
    folded = apply(rules_, tape((100, 10), (110, 20), (95, 12), (99, 20.5)))
    assert [alert.id.rpartition("/")[2] for alert in folded.alerts] == ["4"]
    bought = apply(
        buying("0.1", window_us=MINUTE), tape((100, 10), (110, 20), (95, 12))
    )
    assert bought.opened == []


def test_an_older_trade_sees_the_whole_window_before_it():
    # At 5 s the look-back of a minute reaches back to -54 s, though 59 s is the newest.
    rules_ = dropping("0.1", MINUTE)
    folded = apply(rules_, tape((200, -53), (190, 1), (189, 59), (179, 5)))
    (alert,) = folded.alerts
    assert (alert.high, alert.level) == (200, 180)


def test_an_older_trade_sees_a_high_that_the_newest_no_longer_does():
    # Since 191 the threshold is 171.9, but to the trade at 5 s it is 180.
    moves = [(200, -53), (190, 1), (189, 59), (191, 59.5), (179, 5)]
    (alert,) = apply(dropping("0.1", MINUTE), tape(*moves)).alerts
    assert (alert.id, alert.high) == (f"{TICKER}/drop:0.1:1m/5", 200)
    (position,) = apply(buying("0.1", window_us=MINUTE), tape(*moves)).opened
    assert position.entry_price == 179


def test_a_rule_rearms_when_the_high_falls_to_the_price():
    # 96 is no recovery from 100, but when 100 leaves the window it is the high.
    rules_ = dropping("0.05", MINUTE, bar_us=5 * MINUTE)
    moves = [(100, 0), (95, 1), (96, 2), (96, 61.5), (91.2, 62)]
    fired = [a.id.rpartition("/")[2] for a in apply(rules_, tape(*moves)).alerts]
    assert fired == ["2", "5"]


def test_a_stop_among_calm_trades_is_acted_on():
    rules_ = buying(stop_loss=Decimal("0.03"))
    held = apply(rules_, tape((100, 0), (99, 0.1)))
    # 99 x 0.97 = 96.03
    falling = tape((98, 1), (97, 1.1), (96.04, 1.2), (96.03, 1.3), since=3)
    (lost,) = apply(rules_, falling, held.state).completed
    assert (lost.id, lost.reason) == (f"{TICKER}/trade/6", "stop_loss")


# The rules change between batches.


def test_a_bar_of_another_length_begins_anew():
    before = apply(Rules(), tape((100, 0), (101, 1)))
    longer = apply(Rules(bar_us=5 * MINUTE), tape((102, 2), since=3), before.state)
    (bar,) = longer.bars
    assert (bar.interval_us, bar.open, bar.trades) == (5 * MINUTE, 102, 1)
    assert longer.new_bars == 1
    assert bar.start_us == START_US // (5 * MINUTE) * 5 * MINUTE


def test_rows_of_a_bars_length_go_on_from_the_bar():
    before = apply(Rules(history="1s"), tape((100, 0), (101, 1)))
    (row,) = apply(Rules(history="1m"), tape((99, 2), since=3), before.state).rows
    assert (row.open, row.high, row.low, row.trades) == (100, 101, 99, 3)
    finer = apply(Rules(history="1s"), tape((98, 2.5), since=4), before.state).rows
    assert [(row.open, row.trades) for row in finer] == [(101, 1), (98, 1)]


def test_a_finer_history_begins_its_rows_anew():
    before = apply(Rules(history="1m"), tape((100, 0), (101, 1)))
    assert before.state.row is None
    after = apply(Rules(history="1s"), tape((99, 1.5), since=3), before.state)
    assert [(row.open, row.trades) for row in after.rows] == [(99, 1)]
    assert after.bars[0].trades == 3


def test_windows_of_rules_that_left_are_forgotten_and_others_stay():
    both = Rules(
        alerts=(
            DropRule(drop=Decimal("0.05"), window_us=5 * MINUTE),
            DropRule(drop=Decimal("0.1"), window_us=60 * MINUTE),
        )
    )
    before = apply(both, tape((100, 0)))
    assert list(before.state.windows) == [5 * MINUTE, 60 * MINUTE]
    one = Rules(alerts=both.alerts[:1])
    after = apply(one, tape((99, 1), since=2), before.state)
    assert list(after.state.windows) == [5 * MINUTE]
    assert max(after.state.windows[5 * MINUTE].maxima) == 100
    # Back again, the long window knows of 99 alone: 89.1 is its 10 %.
    (alert,) = apply(both, tape((90, 2), since=3), after.state).alerts
    assert (alert.rule, alert.high) == ("drop:0.05:5m", 100)


def test_a_rule_that_fired_is_remembered_until_it_leaves():
    fired = apply(BELOW, tape((96, 0), (94, 1)))
    assert fired.state.fired == ("below:95",)
    still = apply(BELOW, tape((94, 2), since=3), fired.state)
    assert (still.alerts, still.state.fired) == ([], ("below:95",))
    without = apply(Rules(), tape((94, 3), since=4), still.state)
    assert without.state.fired == ()
    (again,) = apply(BELOW, tape((94, 4), since=5), without.state).alerts
    assert again.id == f"{TICKER}/below:95/5"


def test_a_strategy_switched_off_while_holding_keeps_its_position():
    bought = apply(buying(), tape((100, 0), (99, 1)))
    position = bought.state.position
    off = apply(Rules(), tape((200, 2), since=3), bought.state)
    assert (off.state.position, off.completed) == (position, [])
    (sold,) = apply(buying(), tape((200, 3), since=4), off.state).completed
    assert sold.position_id == position.id


def test_a_sale_is_remembered_while_the_strategy_is_off():
    cooling = buying(cooldown_us=90 * SECOND)
    sold = apply(cooling, tape((100, 0), (99, 1), (103.95, 2)))
    off = apply(Rules(), tape((100, 3), since=4), sold.state)
    assert off.state.sold_us == START_US + 2 * SECOND
    early = apply(cooling, tape((100, 4), (50, 91.9), since=5), off.state)
    assert early.opened == []
    (back,) = apply(cooling, tape((50, 92), since=7), early.state).opened
    assert back.entry_us == START_US + 92 * SECOND


# What a batch leaves in the state.


def test_the_state_tells_of_the_last_trade_on_time():
    state = apply(BARS, tape((100, 60), (101, 60.5), (7, 1))).state
    assert (state.last_price, state.last_us) == (101, START_US + 60_500_000)
    assert (state.last_seq, state.trades, state.late) == (3, 3, 1)
    assert state.bar.close == state.row.close == 101


def test_version_and_outbox_are_left_to_the_commit():
    old = msgspec.structs.replace(
        FRESH, version=5, outbox=tuple(apply(BELOW, tape((94, 0))).alerts)
    )
    folded = apply(BELOW, tape((94, 1)), old)
    assert (folded.state.version, folded.state.outbox) == (5, old.outbox)
    assert [a.id for a in folded.alerts] == [f"{TICKER}/below:95/1"]


def test_nothing_folded_is_nothing_changed():
    folded = fold(FRESH, [], buying())
    assert folded.state == msgspec.structs.replace(FRESH, windows=folded.state.windows)
    assert (folded.bars, folded.rows, folded.applied) == ([], [], 0)


@pytest.mark.parametrize("size", [1, 61, 1000])
def test_state_stays_small_whatever_the_number_of_trades(size):
    rules_ = msgspec.structs.replace(
        buying(), alerts=(DropRule(drop=Decimal("0.05"), window_us=5 * MINUTE),)
    )
    trades = tape(*[(60000.25 + i % 7, i * 0.7) for i in range(size)])
    state = apply(rules_, trades).state
    assert len(msgspec.json.encode(state)) < 2_000
    assert isinstance(state, TickerState)
