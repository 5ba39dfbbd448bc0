"""History rows: what a folded batch leaves for whoever asks later."""

from penstock.engine.history import bar_series, history_rows
from penstock.engine.rules import Rules
from penstock.model import HistoryRow
from tests.tape import MINUTE, TICKER, apply, tape, trade


def rows_of(rules, trades):
    return history_rows(TICKER, apply(rules, trades), rules)


def test_bars_have_a_series_of_their_own():
    assert bar_series(TICKER, MINUTE) == "test:BTC-USD@1m"
    assert bar_series(TICKER, 90_000_000) == "test:BTC-USD@90s"


def test_bars_and_finer_rows_are_written_under_their_start():
    trades = [
        trade(100, 0.25, seq=1, size=0.5),
        trade(102, 0.75, seq=2, size=0.25, gap=3),
        trade(99, 1.5, seq=3, size=0.25),
    ]
    bar, first, second = rows_of(Rules(history="1s"), trades)
    assert bar == HistoryRow(
        series="test:BTC-USD@1m",
        last_refreshed="2023-11-14T22:14:00.000000Z",
        price=99.0,
        open=100.0,
        high=102.0,
        low=99.0,
        volume=1.0,
        notional=50 + 25.5 + 24.75,
        trades=3,
        gaps=3,
    )
    assert (first.series, first.last_refreshed) == (
        "test:BTC-USD",
        "2023-11-14T22:14:00.000000Z",
    )
    assert (first.price, first.open, first.trades, first.gaps) == (102, 100, 2, 3)
    assert second.last_refreshed == "2023-11-14T22:14:01.000000Z"
    assert (second.price, second.volume, second.notional) == (99, 0.25, 24.75)


def test_rows_as_long_as_bars_are_in_both_series():
    rows = rows_of(Rules(history="1m"), tape((100, 0), (101, 60)))
    assert [(row.series, row.price) for row in rows] == [
        ("test:BTC-USD@1m", 100),
        ("test:BTC-USD@1m", 101),
        ("test:BTC-USD", 100),
        ("test:BTC-USD", 101),
    ]


def test_ticks_are_told_apart_by_id_or_number():
    trades = [
        trade(100, 0, seq=7, size=0.25, gap=2, trade_id="a1"),
        trade(101, 0, seq=8),
        trade(102, 0, seq=0, trade_id="a2"),
        trade(103, 0, seq=0),
    ]
    bar, *ticks = rows_of(Rules(history="tick"), trades)
    assert bar.trades == 4
    time = "2023-11-14T22:14:00.000000Z"
    names = [tick.last_refreshed.removeprefix(time) for tick in ticks]
    assert names == ["#a1", "#8", "#a2", ""]
    assert ticks[0] == HistoryRow(
        series="test:BTC-USD",
        last_refreshed=f"{time}#a1",
        price=100.0,
        open=100.0,
        high=100.0,
        low=100.0,
        volume=0.25,
        notional=25.0,
        trades=1,
        gaps=2,
    )


def test_a_batch_that_changed_no_bar_leaves_no_rows():
    before = apply(Rules(), tape((100, 60)))
    late = apply(Rules(), tape((1, 0), since=2), before.state)
    assert history_rows(TICKER, late, Rules()) == []
