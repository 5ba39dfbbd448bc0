"""What a run adds up to."""

from decimal import Decimal

from msgspec import UNSET

from penstock.entrypoints.cli.tally import Tally, unrealised
from penstock.model import Alert, CompletedTrade, Position, TickerState
from penstock.pipeline import BatchResult

BTC, ETH = "v:BTC-USD", "v:ETH-EUR"


def state(ticker, trades, *, last_price=100.0, last_us=0):
    return TickerState(
        ticker=ticker, trades=trades, last_price=last_price, last_us=last_us
    )


def batch(*states, **effects):
    return BatchResult(states={s.ticker: s for s in states}, **effects)


def alert(event_us):
    return Alert(
        id=f"a{event_us}",
        ticker=BTC,
        rule="below:99",
        price=98.0,
        level=99.0,
        event_us=event_us,
    )


def bought(event_us):
    return Position(
        id="p",
        ticker=BTC,
        quantity=Decimal(2),
        entry_price=Decimal("98.5"),
        entry_fee=Decimal("0.197"),
        entry_us=event_us,
    )


def sold(ticker, profit, event_us=0):
    return CompletedTrade(
        id=f"{ticker}{event_us}",
        position_id="p",
        ticker=ticker,
        reason="take_profit",
        quantity=Decimal(2),
        entry_price=Decimal(98),
        exit_price=Decimal(104),
        entry_us=0,
        exit_us=event_us,
        fees=Decimal(1),
        profit=Decimal(profit),
        return_=Decimal("0.05"),
    )


def report(tally, elapsed_s=2.0, *, duplicates=0, dead_letters=0):
    return tally.report(elapsed_s, duplicates=duplicates, dead_letters=dead_letters)


def test_counts_of_batches_add_up_with_the_sources_own():
    tally = Tally()
    tally.add(
        batch(state(BTC, 10), applied=10, late=1, gaps=4, new_bars=2, duplicates=3),
        now_us=0,
    )
    tally.add(batch(state(ETH, 5), applied=5, dead_letters=7), now_us=0)
    found = report(tally, duplicates=100, dead_letters=1000)
    assert (found.trades, found.late, found.gaps, found.bars) == (15, 1, 4, 2)
    assert (found.duplicates, found.dead_letters) == (103, 1007)
    assert (found.tickers, found.trades_per_s, found.elapsed_s) == (2, 7.5, 2.0)
    assert found.waiting is UNSET


def test_nothing_in_no_time_is_no_trades_per_second():
    assert report(Tally(), 0.0).trades_per_s == 0.0


def test_profit_is_exact_and_kept_by_currency():
    tally = Tally()
    profits = [sold(BTC, "0.1"), sold(BTC, "0.2"), sold(ETH, "-1.05")]
    tally.add(batch(state(BTC, 1), state(ETH, 1), completed=profits), now_us=0)
    found = report(tally)
    assert found.completed == 3
    assert found.profit == Decimal("-0.75")
    assert found.profit_by_quote == {"USD": Decimal("0.3"), "EUR": Decimal("-1.05")}
    assert [row.realised for row in tally.rows(0.0)] == [
        Decimal("0.3"),
        Decimal("-1.05"),
    ]


def test_events_come_in_the_order_of_their_times_and_once():
    tally = Tally()
    tally.add(
        batch(
            state(BTC, 1),
            alerts=[alert(3)],
            opened=[bought(1)],
            completed=[sold(BTC, "5", 2)],
        ),
        now_us=0,
    )
    seen, events = tally.events()
    assert [(e.event_us, e.kind) for e in events] == [
        (1, "bought"),
        (2, "sold"),
        (3, "alert"),
    ]
    assert tally.events(seen) == (3, [])
    tally.add(batch(state(BTC, 2), alerts=[alert(4)]), now_us=0)
    assert [event.event_us for event in tally.events(seen)[1]] == [4]


def test_of_many_events_the_latest_are_kept():
    tally = Tally()
    for time in range(1050):
        tally.add(batch(state(BTC, 1), alerts=[alert(time)]), now_us=0)
    seen, events = tally.events()
    assert seen == 1050
    assert [event.event_us for event in events] == list(range(50, 1050))


def test_a_ticker_is_shown_with_its_change_its_last_alert_and_its_lag():
    tally = Tally(ahead_us=1_000_000)
    tally.add(batch(state(BTC, 1, last_us=1_000_000), alerts=[alert(1)]), now_us=40_000)
    tally.add(batch(state(BTC, 2, last_price=110.0, last_us=2_000_000)), now_us=900_000)
    (row,) = tally.rows(0.0)
    assert (row.first_price, row.state.last_price) == (100.0, 110.0)
    assert row.alert == alert(1)
    assert row.lag_us == 0  # decided before it was due
    tally.add(batch(state(BTC, 3, last_us=2_000_000)), now_us=1_050_000)
    assert tally.rows(0.0)[0].lag_us == 50_000


def test_there_is_no_lag_where_nothing_is_due():
    tally = Tally()
    tally.add(batch(state(BTC, 1)), now_us=5)
    assert tally.rows(0.0)[0].lag_us is None


def test_the_rate_is_of_the_last_seconds():
    tally = Tally()
    for second, trades in enumerate([0, 10, 20, 30, 40, 50, 1050, 2050]):
        tally.add(batch(state(BTC, trades or 1)), now_us=0)
        (row,) = tally.rows(float(second))
    assert row.trades_per_s == (2050 - 20) / 5


def test_bytes_of_a_ticker_that_never_traded_are_no_row():
    tally = Tally()
    tally.add(batch(state("garbage", 0), dead_letters=1), now_us=0)
    assert tally.rows(0.0) == []
    assert tally.tickers() == []
    assert report(tally).dead_letters == 1


def test_an_open_position_has_gained_what_the_price_did_less_the_fee_paid():
    assert unrealised(bought(0), 100.1) == Decimal("3.003")
