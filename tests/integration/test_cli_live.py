"""Commands with live feeds, against servers on loopback."""

import json
import signal
import time

import pytest

from penstock.bootstrap import clock_us, open_store
from penstock.entrypoints.worker import Worker
from penstock.local import open_local
from tests.commands import penstock, read_json, wait_for
from tests.embedded import check, in_batches, market, settings
from tests.live import config_for, start_live
from tests.servers import (
    Drop,
    Inject,
    Reset,
    VenueServer,
    made_trades,
)

BTC, ETH = "coinbase:BTC-USD", "coinbase:ETH-USD"


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def feeds_of(data_dir):
    return read_json("feeds", data_dir=data_dir)


def run_until(condition, config, data_dir):
    """Run until `condition` holds; return what it reports."""
    options = ["--json", "--data-dir", data_dir]
    with start_live("run", *options, config=config) as process:
        wait_for(condition)
        process.send_signal(signal.SIGINT)
        output, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    return json.loads(output)


def trades_in(data_dir):
    return sum(ticker["trades"] for ticker in feeds_of(data_dir)["tickers"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_takes_every_trade_and_a_signal_ends_it_well(tmp_path, data_dir, number):
    made = made_trades("coinbase", 600, symbols=["BTC-USD", "ETH-USD"])
    faults = [Reset(at=200, missed=20), Drop(at=400)]
    with VenueServer("coinbase", made, faults=faults) as server:
        config = config_for(
            tmp_path, symbols=["BTC-USD", "coinbase:ETH-USD"], coinbase=server
        )
        with start_live(
            "run", "--json", "--data-dir", data_dir, config=config
        ) as process:
            wait_for(lambda: trades_in(data_dir) == 600)
            looked = feeds_of(data_dir)
            began_s = time.monotonic()
            process.send_signal(number)
            output, complaint = process.communicate(timeout=60)
    assert time.monotonic() - began_s < 5
    assert process.returncode == 0, complaint
    found = json.loads(output)
    assert (found["trades"], found["gaps"], found["dead_letters"]) == (600, 0, 0)
    assert looked["is_running"]
    assert looked["command"] == "run"
    assert looked["age_s"] < 5
    (connection,) = looked["connections"]
    assert connection["connects"] == 2
    assert sum(ticker["backfilled"] for ticker in looked["tickers"]) > 10
    ended = feeds_of(data_dir)
    assert not ended["is_running"]
    assert {ticker["state"] for ticker in looked["tickers"]} == {"live"}
    assert {ticker["state"] for ticker in ended["tickers"]} == {"ended"}
    assert check(settings(data_dir)).difference is None


def test_an_unknown_symbol_and_a_venue_that_is_down_are_named_and_others_go_on(
    tmp_path, data_dir
):
    made = made_trades("coinbase", 100)
    with VenueServer("coinbase", made) as server:
        config = config_for(
            tmp_path,
            symbols=["BTC-USD", "coinbase:FOO-USD"],
            coinbase=server,
            kraken="ws://127.0.0.1:1",
        )
        with start_live("run", "--data-dir", data_dir, config=config) as process:
            wait_for(lambda: trades_in(data_dir) == 100)
            time.sleep(1.5)
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    assert "coinbase refused FOO-USD: " in output
    assert "kraken at 127.0.0.1:1 is not connected: " in output
    assert "Stopped after 100 trades of 1 ticker" in output
    assert f"penstock feeds --config {config} --data-dir {data_dir}" in output
    said = penstock("feeds", data_dir=data_dir).stdout
    assert said.startswith("`penstock run` ended at ")
    assert "coinbase refused FOO-USD: " in said
    assert f"{BTC} " in said


def test_where_nothing_can_be_reached_it_says_what_and_what_needs_no_network(
    tmp_path, data_dir
):
    config = config_for(tmp_path, coinbase="ws://127.0.0.1:1")
    failed = penstock("run", "--config", config, data_dir=data_dir, code=4)
    assert (
        "no venue could be reached: coinbase at 127.0.0.1:1: refused" in failed.stderr
    )
    assert "`--source simulated` needs no network" in failed.stderr


def test_a_symbol_that_every_venue_refuses_is_a_mistake(tmp_path, data_dir):
    with VenueServer("coinbase", made_trades("coinbase", 10)) as server:
        config = config_for(tmp_path, symbols=["FOO-USD"], coinbase=server)
        failed = penstock("run", "--config", config, data_dir=data_dir, code=2)
    assert "no symbol is fed: coinbase refused FOO-USD: " in failed.stderr


def test_what_cannot_be_read_becomes_a_dead_letter(tmp_path, data_dir):
    made = made_trades("coinbase", 100)
    faults = [Inject(at=50, frame="garbage"), Inject(at=60, frame="garbage")]
    with VenueServer("coinbase", made, faults=faults) as server:
        config = config_for(tmp_path, coinbase=server)
        found = run_until(lambda: trades_in(data_dir) == 100, config, data_dir)
    assert (found["trades"], found["dead_letters"]) == (100, 2)
    letters = read_json("dead-letters", data_dir=data_dir)
    assert len({letter["id"] for letter in letters}) == 2
    assert all(letter["id"].startswith("coinbase:") for letter in letters)


def test_prices_over_rest_and_a_websocket_go_side_by_side(tmp_path, data_dir):
    made = made_trades("coinbase", 50)
    with VenueServer("coinbase", made, happened=10) as server:
        config = config_for(tmp_path, coinbase=server, coinbase_spot=server)

        def have_come():
            counts = {t["ticker"]: t["trades"] for t in feeds_of(data_dir)["tickers"]}
            return counts.pop(BTC, 0) >= 40 and sum(counts.values()) >= 2

        found = run_until(have_come, config, data_dir)
    assert found["tickers"] == 2
    prices = sum("/spot" in asked.path for asked in server.asked)
    assert prices <= found["elapsed_s"] + 1  # one each second


# Produce


def test_produce_takes_trades_in_and_the_next_run_processes_them(tmp_path, data_dir):
    health = tmp_path / "healthy"
    with VenueServer("coinbase", made_trades("coinbase", 200)) as server:
        config = config_for(tmp_path, symbols=["BTC-USD", "FOO-USD"], coinbase=server)
        options = ["--to", "local", "--data-dir", data_dir, "--health-file", health]
        with start_live("produce", *options, config=config) as process:
            wait_for(lambda: trades_in(data_dir) == 200)
            wait_for(health.exists)
            assert feeds_of(data_dir)["command"] == "produce"
            process.send_signal(signal.SIGTERM)
            output, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines] == ["started", "feed", "stopped"]
    assert "refused FOO-USD" in lines[1]["message"]
    assert lines[1]["level"] == "warning"
    assert lines[2]["trades"] == 200
    assert penstock("bars", BTC, data_dir=data_dir, code=2)
    read_json("run", "--duration", "100ms", data_dir=data_dir)
    bars = read_json("bars", BTC, data_dir=data_dir)
    assert sum(bar["trades"] for bar in bars) == 200


def test_produce_makes_mock_trades_each_second(data_dir):
    options = ["--source", "simulated", "--rate", "5", "--duration", "2500ms"]
    said = penstock("produce", *options, data_dir=data_dir).stdout
    *_, stopped = [json.loads(line) for line in said.splitlines()]
    assert 3 <= stopped["trades"] <= 40
    assert "No live feeds in" in penstock("feeds", data_dir=data_dir).stdout
    assert read_json("feeds", data_dir=data_dir)["connections"] == []


def test_produce_trims_the_log_of_what_is_old_and_done_with(tmp_path, data_dir):
    wanted = settings(data_dir)
    with (
        open_local(
            data_dir,
            shards=wanted.stream.shards,
            durability="normal",
            clock=lambda: clock_us() - 7_200_000_000,
        ) as store,
        Worker(store, wanted, lambda _: None) as worker,
    ):
        worker.feeder.feed(in_batches(market(500), 100), contiguous=False)
    config = tmp_path / "penstock.toml"
    config.write_text('stream.retention = "1h"\nstream.shards = 2')
    options = ["--config", config, "--duration", "1500ms"]
    penstock("produce", *options, data_dir=data_dir)
    with open_store(wanted) as store:
        kept = [store.stream.read(s, after=0, limit=9) for s in store.stream.shards()]
    oldest_us = min(record.arrival_us for records in kept for record in records)
    assert clock_us() - oldest_us < 3_600_000_000


def test_produce_refuses_streams_that_it_does_not_have(data_dir):
    said = penstock("produce", "--to", "kafka", code=2).stderr
    assert said == "penstock: --to must be local or kinesis; found 'kafka'.\n"
    assert not data_dir.exists()
