"""What must hold of the step for any market, rules and division into batches.

Plain functions: tests/unit tries them on a few examples, tests/simulation on many.
"""

from itertools import pairwise

import msgspec

from penstock.engine.step import fold, row_interval_us
from penstock.model import TickerState
from tests.oracle import Oracle
from tests.tape import FRESH


def follows_the_rules(trades, rules, cuts):
    """The fold gives what an oracle gives that follows the rules word by word."""
    oracle = Oracle(rules)
    for trade in trades:
        oracle.apply(trade)
    state, parts = fold_in_parts(trades, rules, cuts)
    _counts_as(oracle, state, parts)
    _draws_as(oracle, parts, rules)
    fired = [(a.rule, _seq(a.id)) for a in together(parts, "alerts")]
    assert fired == oracle.alerts
    assert [_seq(p.id) for p in together(parts, "opened")] == oracle.bought
    completed = [
        (_seq(t.position_id), _seq(t.id), t.profit, t.reason)
        for t in together(parts, "completed")
    ]
    assert completed == oracle.completed
    assert (state.position is None) == (oracle.held is None)


def is_the_same_in_any_division(trades, rules, cuts):
    """One batch and many give the same state and the same effects."""
    whole, in_one = fold_in_parts(trades, rules, [])
    state, parts = fold_in_parts(trades, rules, cuts)
    assert msgspec.structs.replace(state, stream_position=2) == whole
    for field in ("alerts", "opened", "completed", "ticks"):
        assert together(parts, field) == getattr(in_one[0], field)
    for field in ("bars", "rows"):
        assert latest(parts, field) == latest(in_one, field)


def survives_being_written(trades, rules, cut):
    """A state that was written and read goes on as the one that was not."""
    first = fold(FRESH, [(1, trades[:cut])], rules).state
    read = msgspec.json.decode(msgspec.json.encode(first), type=TickerState)
    assert read == first
    rest = [(2, trades[cut:])]
    assert fold(read, rest, rules) == fold(first, rest, rules)


def counts_once(trades, rules):
    """A record that comes again is skipped; trades that come again are duplicates."""
    once = fold(FRESH, [(1, trades)], rules)
    again = fold(once.state, [(1, trades)], rules)
    assert again.redelivered == len(trades)
    assert (again.applied, again.bars, again.rows, again.alerts) == (0, [], [], [])
    assert again.state == once.state
    doubled = fold(once.state, [(2, trades)], rules)
    assert doubled.duplicates == len(trades)
    assert msgspec.structs.replace(doubled.state, stream_position=1) == once.state


def fold_in_parts(trades, rules, cuts):
    """Fold `trades` divided at `cuts` into records; gather state and effects.

    An empty record follows each, and two of both make a batch.
    """
    edges = sorted({0, len(trades), *(c for c in cuts if c < len(trades))})
    records = [trades[start:end] for start, end in pairwise(edges)]
    numbered = list(enumerate([r for record in records for r in (record, [])], 1))
    batches = [numbered[start : start + 4] for start in range(0, len(numbered), 4)]
    state, parts = FRESH, []
    for batch in batches:
        folded = fold(state, batch, rules)
        state = folded.state
        parts.append(folded)
    return state, parts


def latest(parts, field):
    """Upsert bars by their start, as the history does."""
    return {bar.start_us: bar for part in parts for bar in getattr(part, field)}


def together(parts, field):
    return [item for part in parts for item in getattr(part, field)]


def _counts_as(oracle, state, parts):
    assert sum(p.applied for p in parts) == state.trades == oracle.applied
    assert sum(p.duplicates for p in parts) == oracle.duplicates
    assert sum(p.late for p in parts) == state.late == oracle.late
    assert sum(p.gaps for p in parts) == state.gaps == oracle.gaps
    assert sum(p.new_bars for p in parts) == len(oracle.bars)
    assert state.last_seq == oracle.last_seq


def _draws_as(oracle, parts, rules):
    bars = latest(parts, "bars")
    assert {start: _as_list(bar) for start, bar in bars.items()} == oracle.bars
    if rules.history == "tick":
        assert [t.seq for t in together(parts, "ticks")] == oracle.ticks
        return
    rows = latest(parts, "rows")
    assert {start: _as_list(row) for start, row in rows.items()} == oracle.rows
    assert {row.interval_us for row in rows.values()} <= {row_interval_us(rules)}


def _as_list(bar):
    sums = [bar.volume, bar.notional, bar.trades, bar.gaps]
    return [bar.open, bar.high, bar.low, bar.close, *sums]


def _seq(name):
    return int(name.rpartition("/")[2])
