"""The step against an oracle that follows the rules word by word."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine.step import fold, row_interval_us
from penstock.model import CompletedTrade, TickerState
from tests.oracle import Oracle
from tests.strategies import markets, rules, walks

TICKER = "test:BTC-USD"
FRESH = TickerState(ticker=TICKER)


def fold_in_parts(trades, applied_rules, cuts):
    """Fold `trades` in batches that end at `cuts`; gather state and effects."""
    edges = sorted({0, len(trades), *(c for c in cuts if c < len(trades))})
    state, parts = FRESH, []
    for number, (start, end) in enumerate(pairwise(edges), 1):
        folded = fold(state, [(number, trades[start:end])], applied_rules)
        state = folded.state
        parts.append(folded)
    return state, parts


def latest(parts, field):
    """Upsert bars by their start, as the history does."""
    return {bar.start_us: bar for part in parts for bar in getattr(part, field)}


def together(parts, field):
    return [item for part in parts for item in getattr(part, field)]


def as_list(bar):
    return [bar.open, bar.high, bar.low, bar.close] + [
        bar.volume,
        bar.notional,
        bar.trades,
        bar.gaps,
    ]


@settings(max_examples=400, deadline=None)
@given(
    trades=markets() | walks(),
    applied_rules=rules(),
    cuts=st.sets(st.integers(1, 250), max_size=20),
)
def test_fold_follows_the_rules_however_the_trades_are_divided(
    trades, applied_rules, cuts
):
    oracle = Oracle(applied_rules)
    for trade in trades:
        oracle.apply(trade)
    state, parts = fold_in_parts(trades, applied_rules, cuts)

    assert sum(p.applied for p in parts) == state.trades == oracle.applied
    assert sum(p.duplicates for p in parts) == oracle.duplicates
    assert sum(p.late for p in parts) == state.late == oracle.late
    assert sum(p.gaps for p in parts) == state.gaps == oracle.gaps
    bars = latest(parts, "bars")
    assert {start: as_list(bar) for start, bar in bars.items()} == oracle.bars
    assert sum(p.new_bars for p in parts) == len(oracle.bars)
    if applied_rules.history == "tick":
        assert [t.seq for t in together(parts, "ticks")] == oracle.ticks
    else:
        rows = latest(parts, "rows")
        assert {start: as_list(row) for start, row in rows.items()} == oracle.rows
        assert all(r.interval_us == row_interval_us(applied_rules) for r in rows.values())
    fired = [(a.rule, int(a.id.rpartition("/")[2])) for a in together(parts, "alerts")]
    assert fired == oracle.alerts
    assert [int(p.id.rpartition("/")[2]) for p in together(parts, "opened")] == (
        oracle.bought
    )
    assert [completed(t) for t in together(parts, "completed")] == oracle.completed
    assert (state.position is None) == (oracle.held is None)


def completed(trade: CompletedTrade):
    bought = int(trade.position_id.rpartition("/")[2])
    sold = int(trade.id.rpartition("/")[2])
    return bought, sold, trade.profit, trade.reason


@settings(max_examples=400, deadline=None)
@given(trades=markets(), applied_rules=rules(), cuts=st.sets(st.integers(1, 120)))
def test_division_changes_neither_state_nor_effects(trades, applied_rules, cuts):
    whole, in_one = fold_in_parts(trades, applied_rules, [])
    state, parts = fold_in_parts(trades, applied_rules, cuts)
    assert msgspec.structs.replace(state, stream_position=1) == whole
    for field in ("alerts", "opened", "completed", "ticks"):
        assert together(parts, field) == getattr(in_one[0], field)


@settings(max_examples=40, deadline=None)
@given(trades=markets(max_size=60), applied_rules=rules(), cut=st.integers(1, 60))
def test_state_survives_being_written_and_read(trades, applied_rules, cut):
    first = fold(FRESH, [(1, trades[:cut])], applied_rules).state
    read = msgspec.json.decode(msgspec.json.encode(first), type=TickerState)
    assert read == first
    rest = [(2, trades[cut:])]
    assert fold(read, rest, applied_rules) == fold(first, rest, applied_rules)


@settings(max_examples=40, deadline=None)
@given(trades=markets(max_size=60), applied_rules=rules())
def test_records_and_trades_count_once(trades, applied_rules):
    once = fold(FRESH, [(1, trades)], applied_rules)
    again = fold(once.state, [(1, trades)], applied_rules)
    assert again.redelivered == len(trades)
    assert (again.applied, again.bars, again.alerts) == (0, [], [])
    assert again.state == once.state
    doubled = fold(once.state, [(2, trades)], applied_rules)
    assert doubled.duplicates == len(trades)
    assert msgspec.structs.replace(doubled.state, stream_position=1) == once.state


@pytest.mark.parametrize("size", [1, 61, 1000])
def test_state_stays_small_whatever_the_number_of_trades(size):
    from decimal import Decimal

    from penstock.engine.rules import DropRule, Rules, StrategyRule
    from penstock.model import Trade

    applied_rules = Rules(
        alerts=(DropRule(drop=Decimal("0.05"), window_us=300_000_000),),
        strategy=StrategyRule(),
    )
    trades = [
        Trade(venue="test", symbol="BTC-USD", price=60000.25 + i % 7, size=0.125,
              event_us=1_700_000_000_000_000 + i * 700_000, received_us=0, seq=i + 1)
        for i in range(size)
    ]
    state = fold(FRESH, [(1, trades)], applied_rules).state
    assert len(msgspec.json.encode(state)) < 2_000
