"""The commands that look at what was decided."""

from decimal import Decimal

import pytest
from msgspec.structs import asdict

from penstock.bootstrap import open_store
from penstock.codec import decimal_text, iso_time
from penstock.engine.rules import Rules
from tests.commands import penstock, read_json
from tests.embedded import LIVELY, market, run, settings

TRADES = market(20_000)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    place = tmp_path_factory.mktemp("look") / "data"
    run(settings(place), TRADES)
    return place


@pytest.fixture(scope="module")
def store(data_dir):
    with open_store(settings(data_dir)) as opened:
        yield opened


@pytest.fixture(scope="module")
def quiet_dir(tmp_path_factory):
    """A data directory where nothing was ever decided."""
    place = tmp_path_factory.mktemp("quiet") / "data"
    run(settings(place, rules=Rules()), TRADES[:100])
    return place


class TestPositions:
    def test_json_has_the_position_its_price_and_what_it_has_gained(
        self, store, data_dir
    ):
        found = read_json("positions", data_dir=data_dir)
        held = store.states.positions()
        assert [p["ticker"] for p in found] == [p.ticker for p in held] != []
        for shown, position in zip(found, held, strict=True):
            state = store.states.load([position.ticker])[position.ticker]
            gain = Decimal(repr(state.last_price)) - position.entry_price
            profit = position.quantity * gain - position.entry_fee
            assert shown["price"] == state.last_price
            assert shown["quantity"] == decimal_text(position.quantity)
            assert Decimal(shown["profit"]) == pytest.approx(profit)
            cost = position.quantity * position.entry_price
            assert Decimal(shown["return"]) == pytest.approx(profit / cost)

    def test_the_table_ends_with_the_total(self, store, data_dir):
        said = penstock("positions", data_dir=data_dir).stdout
        count = len(store.states.positions())
        assert said.splitlines()[-1].startswith(f"{count} open position")

    def test_none_is_said(self, quiet_dir):
        said = penstock("positions", data_dir=quiet_dir).stdout
        assert said.startswith("No position is open.  `penstock trades`")
        assert read_json("positions", data_dir=quiet_dir) == []


class TestTrades:
    def test_json_has_them_all_newest_first_with_exact_money(self, store, data_dir):
        found = read_json("trades", "--limit", "0", data_dir=data_dir)
        assert len(found) == len([*store.objects.keys("completed-trades/")]) > 20
        times = [trade["exit_us"] for trade in found]
        assert times == sorted(times, reverse=True)
        for trade in found:
            gain = Decimal(trade["exit_price"]) - Decimal(trade["entry_price"])
            profit = Decimal(trade["quantity"]) * gain - Decimal(trade["fees"])
            assert abs(Decimal(trade["profit"]) - profit) < Decimal("1e-20")
            assert "return" in trade

    def test_limit_and_ticker_choose(self, data_dir):
        every = read_json("trades", "--limit", "0", data_dir=data_dir)
        assert read_json("trades", data_dir=data_dir) == every[:20]
        assert read_json("trades", "--limit", "3", data_dir=data_dir) == every[:3]
        ticker = every[0]["ticker"]
        symbol = ticker.partition(":")[2]
        chosen = read_json("trades", "--ticker", symbol, data_dir=data_dir)
        assert chosen == [t for t in every if t["ticker"] == ticker][:20]

    def test_the_total_is_of_all_not_of_those_shown(self, data_dir):
        every = read_json("trades", "--limit", "0", data_dir=data_dir)
        said = penstock("trades", "--limit", "2", data_dir=data_dir).stdout
        total = sum(Decimal(trade["profit"]) for trade in every)
        gained = sum(Decimal(trade["profit"]) > 0 for trade in every)
        assert said.splitlines()[-1] == (
            f"{len(every)} trades (2 shown), {gained} at a profit: {total:+.2f} USD"
        )
        assert said.count("\n") == 6  # heading, rule, two rows, an empty line

    def test_none_is_said(self, quiet_dir):
        said = penstock("trades", data_dir=quiet_dir).stdout
        assert said.startswith("No completed trades.  `penstock positions`")


class TestAlerts:
    def test_json_has_them_newest_first(self, store, data_dir):
        found = read_json("alerts", "--limit", "0", data_dir=data_dir)
        assert found == [asdict(alert) for alert in store.alerts.list()]
        assert {a["rule"] for a in found} == {r.id for r in LIVELY.alerts}

    def test_a_ticker_may_be_chosen(self, data_dir):
        found = read_json("alerts", "--ticker", "eth-usd", data_dir=data_dir)
        assert {alert["ticker"] for alert in found} == {"simulated:ETH-USD"}

    def test_the_table_names_the_rule_in_words(self, data_dir):
        said = penstock("alerts", "--limit", "0", data_dir=data_dir).stdout
        assert "drop 0.07% in 20s" in said
        assert "below 86,950" in said

    def test_none_is_said(self, quiet_dir):
        said = penstock("alerts", data_dir=quiet_dir).stdout
        assert said == "No alerts.  The settings have 1 rule; [[alerts]] adds others.\n"


class TestSeries:
    def test_bars_are_all_trades_newest_first_and_the_open_one_is_marked(
        self, data_dir
    ):
        found = read_json("bars", "BTC-USD", "--limit", "0", data_dir=data_dir)
        assert sum(bar["trades"] for bar in found) == sum(
            trade.symbol == "BTC-USD" for trade in TRADES
        )
        times = [bar["last_refreshed"] for bar in found]
        assert times == sorted(times, reverse=True)
        assert [bar["is_open"] for bar in found] == [True] + [False] * (len(found) - 1)
        assert all(bar["low"] <= bar["vwap"] <= bar["high"] for bar in found)
        said = penstock("bars", "BTC-USD", data_dir=data_dir).stdout.splitlines()
        assert [line.endswith("open") for line in said[2:4]] == [True, False]

    def test_history_has_a_row_a_second_the_newest_20_at_first(self, data_dir):
        every = read_json("history", "BTC-USD", "--limit", "0", data_dir=data_dir)
        assert read_json("history", "BTC-USD", data_dir=data_dir) == every[:20]
        assert {row["series"] for row in every} == {"simulated:BTC-USD"}
        assert "is_open" not in every[0]

    def test_from_is_inclusive_and_to_is_not(self, data_dir):
        every = read_json("bars", "BTC-USD", "--limit", "0", data_dir=data_dir)
        newest, middle, oldest = every[0], every[1], every[-1]
        start, end = middle["last_refreshed"], newest["last_refreshed"]
        found = read_json(
            "bars", "BTC-USD", "--from", start, "--to", end, data_dir=data_dir
        )
        assert found == [middle]
        before = read_json("bars", "BTC-USD", "--to", start, data_dir=data_dir)
        assert before[-1] == oldest
        assert middle not in before

    def test_a_time_without_rows_says_what_to_leave_out(self, data_dir):
        said = penstock("bars", "BTC-USD", "--from", "2099-01-01", data_dir=data_dir)
        assert said.stdout.startswith("Nothing in that time.  Leave out --from")
        said = penstock("bars", "BTC-USD", "--to", "tomorrow", code=2).stderr
        assert "expected a time, such as 2024-11-20" in said

    def test_ticks_are_rows_with_the_trades_number(self, tmp_path):
        wanted = settings(tmp_path / "ticks", rules=Rules(history="tick"))
        run(wanted, TRADES[:50])
        of_btc = [trade for trade in TRADES[:50] if trade.symbol == "BTC-USD"]
        found = read_json("history", "BTC-USD", data_dir=wanted.data_dir)
        newest = of_btc[-1]
        assert found[0]["last_refreshed"] == (
            f"{iso_time(newest.event_us)}#{newest.trade_id}"
        )
        said = penstock("history", "BTC-USD", data_dir=wanted.data_dir).stdout
        assert f"#{newest.trade_id} " in said

    def test_bars_are_found_after_the_settings_have_changed(self, tmp_path):
        wanted = settings(tmp_path / "bars", rules=Rules(bar_us=15_000_000))
        run(wanted, TRADES[:2000])
        found = read_json("bars", "BTC-USD", data_dir=wanted.data_dir)
        assert found[0]["series"] == "simulated:BTC-USD@15s"

    def test_a_ticker_that_is_not_there_is_told_with_the_nearest(self, data_dir):
        said = penstock("bars", "BTC-USDT", data_dir=data_dir, code=2).stderr
        assert said.startswith("penstock: no trades of 'BTC-USDT' here. Did you mean ")
        assert "simulated:BTC-USD" in said


@pytest.mark.parametrize(
    "command",
    [["positions"], ["trades"], ["alerts"], ["dead-letters"], ["bars", "A-B"]],
    ids=lambda command: command[0],
)
def test_where_nothing_is_nothing_is_made_and_the_way_out_is_told(tmp_path, command):
    said = penstock(*command, data_dir=tmp_path / "nowhere", code=2).stderr
    assert said.startswith("penstock: data directory ")
    assert "Start `penstock run` or `penstock replay` with this --data-dir" in said
    assert not (tmp_path / "nowhere").exists()


def test_a_table_is_never_cut_where_there_is_no_terminal(data_dir, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    said = penstock("trades", "--limit", "1", data_dir=data_dir).stdout
    (trade,) = read_json("trades", "--limit", "1", data_dir=data_dir)
    row = said.splitlines()[2]
    assert trade["ticker"] in row
    assert "…" not in said
