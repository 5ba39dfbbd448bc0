"""What every HistoryStore must do."""

import pytest

from tests.contract.samples import BTC, ETH, row

TIMES = [f"2024-11-20T23:40:0{second}.000000Z" for second in range(5)]


@pytest.fixture
def history(backend):
    return backend.history


def times(rows):
    return [r.last_refreshed for r in rows]


def test_a_row_is_read_as_it_was_put(history):
    assert history.put([row(BTC, price=0.1 + 0.2, trades=3)]) == set()
    assert history.query(BTC) == [row(BTC, price=0.1 + 0.2, trades=3)]
    assert history.query(ETH) == []


def test_nothing_can_be_put(history):
    assert history.put([]) == set()


def test_rows_are_read_by_time_whatever_order_they_came_in(history):
    history.put([row(BTC, TIMES[n]) for n in (3, 0, 4)])
    history.put([row(BTC, TIMES[n]) for n in (2, 1)])
    assert times(history.query(BTC)) == TIMES
    assert times(history.query(BTC, newest_first=True)) == TIMES[::-1]


def test_a_query_includes_its_start_and_not_its_end(history):
    history.put([row(BTC, time) for time in TIMES])
    assert times(history.query(BTC, start=TIMES[1], end=TIMES[3])) == TIMES[1:3]
    assert times(history.query(BTC, start=TIMES[3])) == TIMES[3:]
    assert times(history.query(BTC, end=TIMES[2])) == TIMES[:2]
    assert history.query(BTC, start=TIMES[2], end=TIMES[2]) == []


def test_a_limit_takes_the_first_rows_in_the_order_asked_for(history):
    history.put([row(BTC, time) for time in TIMES])
    assert times(history.query(BTC, limit=2)) == TIMES[:2]
    assert times(history.query(BTC, limit=2, newest_first=True)) == TIMES[:2:-1]
    assert times(history.query(BTC, limit=99)) == TIMES
    newest_of_some = history.query(BTC, end=TIMES[3], limit=1, newest_first=True)
    assert times(newest_of_some) == [TIMES[2]]


def test_rows_of_one_time_are_told_apart_by_trade_id(history):
    keys = [f"{TIMES[0]}#{trade_id}" for trade_id in ("12", "7", "a b")]
    history.put([row(BTC, key) for key in keys])
    assert times(history.query(BTC, end=TIMES[1])) == sorted(keys)


def test_series_do_not_mix(history):
    bars = f"{BTC}@1m"
    history.put([row(BTC, TIMES[0]), row(bars, TIMES[0], trades=60)])
    assert [r.trades for r in history.query(BTC)] == [1]
    assert [r.trades for r in history.query(bars)] == [60]


@pytest.mark.parametrize(("later", "kept"), [(4, 5.0), (5, 6.0), (6, 6.0)])
def test_a_row_is_replaced_unless_it_counts_more_trades(history, later, kept):
    history.put([row(BTC, TIMES[0], trades=5, price=5.0)])
    assert history.put([row(BTC, TIMES[0], trades=later, price=6.0)]) == set()
    (stored,) = history.query(BTC)
    assert stored.price == kept


def test_of_one_call_the_row_that_counts_most_stays(history):
    rows = [row(BTC, TIMES[0], trades=n, price=float(n)) for n in (1, 3, 2)]
    history.put(rows)
    assert history.query(BTC) == [rows[1]]


def test_a_refused_series_does_not_hold_up_the_others(backend, history):
    with backend.refusing(BTC) as affected:
        refused = history.put([row(s, t) for t in TIMES for s in (BTC, ETH)])
    assert refused == {s for s in (BTC, ETH) if affected(s)}
    for series in (BTC, ETH):
        stored = [] if series in refused else TIMES
        assert times(history.query(series)) == stored


def test_what_was_refused_can_be_put_again(backend, history):
    with backend.refusing(BTC):
        assert BTC in history.put([row(BTC)])
    assert history.put([row(BTC)]) == set()
    assert history.query(BTC) == [row(BTC)]
