"""`penstock run`: a market, live, and how it ends."""

import json
import re
import signal
import time

import pytest

from tests.commands import penstock, read_json, start, wait_for_trades
from tests.embedded import check, settings
from tests.terminal import draw


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def test_in_its_first_seconds_it_alerts_buys_a_dip_and_takes_a_profit(data_dir):
    found = read_json("run", "--duration", "8s", data_dir=data_dir)
    assert found["trades"] > 300
    assert found["tickers"] == 5
    assert found["bars"] >= 5
    assert min(found["alerts"], found["opened"], found["completed"]) >= 1
    assert float(found["profit"]) > 0
    assert found["elapsed_s"] >= 8
    assert check(settings(data_dir)).difference is None


def test_options_choose_the_symbols_the_rate_and_the_seed(data_dir):
    options = ["--symbol", "ETH-USD", "--symbol", "ABC-EUR", "--seed", "7"]
    found = read_json(
        "run", *options, "--rate", "2000", "--duration", "1s", data_dir=data_dir
    )
    assert found["tickers"] == 2
    assert found["trades"] > 400
    assert read_json("bars", "ABC-EUR", data_dir=data_dir)[0]["trades"] > 0


def test_bars_line_up_with_now(data_dir):
    before = time.time()
    read_json("run", "--duration", "1s", data_dir=data_dir)
    (bar, *_) = read_json("bars", "BTC-USD", data_dir=data_dir)
    minute = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(before))
    assert bar["last_refreshed"] >= minute
    assert bar["is_open"]


def test_a_market_that_ran_ahead_of_the_clock_goes_on_from_there(data_dir):
    fast = read_json("run", "--rate", "max", "--duration", "1s", data_dir=data_dir)
    assert fast["trades"] > 2000
    paced = read_json("run", "--duration", "1s", data_dir=data_dir)
    assert paced["trades"] > 20
    assert paced["duplicates"] == 0
    assert check(settings(data_dir)).difference is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well_with_everything_processed(data_dir, number):
    with start("run", "--data-dir", data_dir) as process:
        wait_for_trades(data_dir)
        time.sleep(0.3)
        process.send_signal(number)
        output, complaint = process.communicate(timeout=60)
    assert process.returncode == 0
    assert complaint == ""
    assert re.search(r"^Stopped after \d+ trades of \d tickers in \d", output, re.M)
    assert f"  penstock trades --data-dir {data_dir}\n" in output
    verdict = check(settings(data_dir))
    assert (verdict.difference, verdict.waiting) == (None, 0)


def test_without_a_terminal_each_event_is_a_line(data_dir):
    options = ["--rate", "max", "--duration", "500ms", "--symbol", "BTC-USD"]
    said = penstock("run", *options, data_dir=data_dir).stdout
    time_and_ticker = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ simulated:BTC-USD"
    assert re.search(f"^{time_and_ticker} bought 0.0116", said, re.M)
    assert re.search(f"^{time_and_ticker} alert drop 5% in 5m: 8", said, re.M)
    assert re.search(f"^{time_and_ticker} sold .* USD \\(take profit\\)$", said, re.M)


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_it_draws_a_table_that_fits(data_dir, columns):
    row = r"BTC-USD +8\d,\d{3}\.\d\d +-\d\.\d\d%.* drop 5%"
    event = r"^\d\d:\d\d:\d\d +BTC-USD +bought +0\.0116"
    screen = draw(["run", "--data-dir", str(data_dir)], columns, until=[row, event])
    assert "Simulated market" in screen
    assert "Ctrl-C stops" in screen
    assert re.search(row, screen)
    assert re.search(event, screen, re.M)
    drawn, _, _ = screen.partition("Stopped after")
    assert max(map(len, drawn.splitlines())) <= columns


def test_when_nobody_reads_any_more_it_ends_without_a_word(data_dir):
    with start("run", "--rate", "max", "--data-dir", data_dir) as process:
        assert "simulated:" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


def test_a_second_one_is_told_who_has_the_data_directory_and_others_may_look(data_dir):
    with start("run", "--json", "--data-dir", data_dir) as process:
        wait_for_trades(data_dir)
        busy = penstock("run", data_dir=data_dir, code=2).stderr
        assert f"is in use by process {process.pid} " in busy
        assert "in use by" in penstock("verify", data_dir=data_dir, code=2).stderr
        assert read_json("bars", "BTC-USD", data_dir=data_dir)[0]["trades"] > 0
        assert read_json("dead-letters", data_dir=data_dir) == []
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert json.loads(output)["trades"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rate", "lots"], 'expected a rate per second, such as 200, or "max"'),
        (["--rate", "0"], "expected above 0"),
        (["--duration", "5"], "expected a duration with its unit"),
        (["--seed", "x"], "expected a whole number"),
        (["--symbol", "btc"], "expected different symbols"),
        (["--symbol", "A-B", "--symbol", "A-B"], "found A-B A-B"),
        (["--source", "replay"], 'expected "simulated" or "binance"'),
        (["--source", "krakn"], 'did you mean "kraken"?'),
        (["--source", "simulated", "--source", "kraken"], "sources of one sort"),
        (["--source", "kraken"], "source 'kraken' needs a symbol: pass --symbol"),
        (["--symbol", "kraken:A-B"], "the simulated market's symbols have no venue"),
        (["--source", "kraken", "--symbol", "okx:A-B"], "is for none of the sources"),
        (["--source", "kraken", "--symbol", "A-B", "--interval", "1ms"], "at least"),
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
    ],
)
def test_options_that_cannot_be_used_are_told_with_what_can(data_dir, options, message):
    result = penstock("run", *options, data_dir=data_dir, code=2)
    assert message in result.stderr
    assert not data_dir.exists()
