"""Commands with live feeds, against servers on loopback."""

import json
import re
import shlex
import signal
import time

import pytest

from penstock.bootstrap import clock_us, open_store
from penstock.config import SourceSettings
from penstock.drivers.recorder import Packed, Recorder
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.letters import letter_of
from penstock.entrypoints.sources import open_live
from penstock.entrypoints.worker import Worker
from tests.commands import penstock, read_json, start
from tests.embedded import check, dump, settings
from tests.servers import (
    Drop,
    Inject,
    Reset,
    Status,
    Swap,
    VenueServer,
    made_trades,
)
from tests.terminal import draw

BTC, ETH = "coinbase:BTC-USD", "coinbase:ETH-USD"


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def config_for(folder, *, symbols=("BTC-USD",), **addresses):
    """Write a penstock.toml of these sources: a server, or an address; return it."""
    endpoints, rests = [], []
    for written, where in addresses.items():
        name = written.replace("_", "-")
        if isinstance(where, str):
            endpoints.append(f'{name} = "{where}"')
        elif name.startswith("coinbase-"):
            endpoints.append(f'{name} = "{where.rest_url}"')
        else:
            endpoints.append(f'{name} = "{where.url}"')
            rests.append(f'{name} = "{where.rest_url}"')
    kinds = [name.replace("_", "-") for name in addresses]
    lines = ["[source]", f"kind = {kinds}", f"symbols = {list(symbols)}"]
    lines += ['interval = "1s"', "[source.endpoints]", *endpoints]
    path = folder / "penstock.toml"
    path.write_text("\n".join([*lines, "[source.rest]", *rests]))
    return path


def start_live(command, *arguments, config, **options):
    return start(command, *arguments, "--config", config, **options)


def wait_for(condition, within_s=15):
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.02)


def feeds_of(data_dir):
    return read_json("feeds", data_dir=data_dir)


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
            output, complaint = process.communicate(timeout=20)
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
            output, complaint = process.communicate(timeout=20)
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
        options = ["--config", config, "--duration", "3s"]
        found = read_json("run", *options, data_dir=data_dir)
    assert (found["trades"], found["dead_letters"]) == (100, 2)
    letters = read_json("dead-letters", data_dir=data_dir)
    assert len({letter["id"] for letter in letters}) == 2
    assert all(letter["id"].startswith("coinbase:") for letter in letters)


def test_prices_over_rest_and_a_websocket_go_side_by_side(tmp_path, data_dir):
    made = made_trades("coinbase", 50)
    with VenueServer("coinbase", made, happened=10) as server:
        config = config_for(tmp_path, coinbase=server, coinbase_spot=server)
        options = ["--config", config, "--duration", "3s"]
        found = read_json("run", *options, data_dir=data_dir)
    assert found["tickers"] == 2
    by_ticker = {t["ticker"]: t["trades"] for t in feeds_of(data_dir)["tickers"]}
    assert by_ticker.pop(BTC) >= 40
    assert 2 <= next(iter(by_ticker.values())) <= 4


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
            output, complaint = process.communicate(timeout=20)
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


def test_produce_refuses_streams_that_it_does_not_have(data_dir):
    said = penstock("produce", "--to", "kafka", code=2).stderr
    assert said == "penstock: --to must be local or kinesis; found 'kafka'.\n"
    assert not data_dir.exists()


# Record and replay


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        ("coinbase", [Reset(at=200, missed=20), Drop(at=400), Swap(at=500)]),
        ("coinbase", [Drop(at=150), Status(status=500, path="/prod", times=99)]),
        ("coinbase-advanced", [Reset(at=200, missed=20)]),
        ("kraken", [Drop(at=150), Reset(at=300, missed=5)]),
        ("binance", [Reset(at=200, missed=20), Inject(at=300, frame="{]")]),
        ("bitstamp", [Reset(at=200, missed=20)]),
        ("kraken-v1", [Reset(at=200, missed=20)]),
    ],
)
def test_what_was_recorded_replays_to_what_ran_live(tmp_path, kind, faults):
    symbols = ["BTC-USDT"] if kind == "binance" else ["BTC-USD"]
    made = made_trades(kind, 600, symbols=symbols)
    with VenueServer(kind, made, faults=faults, happened=50) as server:
        rest = {} if kind in ("bitstamp", "kraken-v1") else {kind: server.rest_url}
        source = SourceSettings(endpoints={kind: server.url}, rest=rest)
        recordings = run_recorded(tmp_path, source, kind, symbols)
    assert len(recordings) > 1
    penstock("replay", *recordings, "--config", settings_file(tmp_path))
    live, replayed = (
        dump(settings(tmp_path / "live")),
        dump(settings(tmp_path / "again")),
    )
    assert next(iter(live["states"].values())).trades > 500
    for part in ("states", "positions", "history", "alerts", "completed"):
        assert replayed[part] == live[part], part
    assert trade_ids(replayed) == trade_ids(live)
    assert replayed["dead letters"] == live["dead letters"]


def run_recorded(folder, source, kind, symbols):
    """Run a pipeline on a live source until it has been quiet, and record that."""
    files = Packed(folder / "recording.jsonl.zst", are_many=True)
    recorder = Recorder(files, clock_us)
    live = open_live(source, {kind: symbols}, {}, tap=recorder)

    def batches():
        quiet = 0
        for number, batch in enumerate(live.batches()):
            recorder.take(batch.trades, batch.bad)
            if number % 5 == 4:
                recorder.begin_next()
            yield SourceBatch(batch.trades, [letter_of(item) for item in batch.bad])
            quiet = 0 if batch.trades else quiet + 1
            held = quiet == 40 and any(t.held for t in live.status().tickers)
            if quiet > 40 and not held:
                live.stop()

    wanted = settings(folder / "live")
    with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
        worker.feeder.feed(batches(), contiguous=False)
    recorder.flush()
    files.close()
    return files.paths


def settings_file(folder):
    """Write the settings of `tests.embedded.settings`, for another data directory."""
    path = folder / "replay.toml"
    path.write_text(
        f'''
data_dir = "{folder / "again"}"
stream.durability = "normal"
[[alerts]]
drop = 0.0007
window = "20s"
[[alerts]]
ticker = "BTC-USD"
below = 86950
[strategy]
window = "60s"
dip = 0.001
take_profit = 0.001
stop_loss = 0.01
slippage_bps = 1
'''
    )
    return path


def trade_ids(dumped):
    return {
        ticker: [
            (t.trade_id, t.seq, t.gap, t.backfilled, t.received_us > 0) for t in of
        ]
        for ticker, of in dumped["archive"].items()
    }


@pytest.mark.parametrize("ending", ["jsonl.zst", "jsonl.gz", "jsonl"])
def test_record_writes_a_file_that_replay_knows_by_itself(tmp_path, data_dir, ending):
    recording = tmp_path / f"frames.{ending}"
    made = made_trades("coinbase", 300, symbols=["BTC-USD", "ETH-USD"])
    with VenueServer("coinbase", made, faults=[Reset(at=100, missed=10)]) as server:
        config = config_for(tmp_path, symbols=["BTC-USD", "ETH-USD"], coinbase=server)
        found = read_json("record", recording, "--config", config, "--duration", "3s")
    assert (found["trades"], found["missing"]) == (300, 0)
    assert found["fetched"] > 5
    assert found["files"] == [str(recording)]
    replayed = read_json("replay", recording, data_dir=data_dir)
    assert (replayed["trades"], replayed["gaps"], replayed["tickers"]) == (300, 0, 2)
    again = read_json("replay", recording, data_dir=data_dir)
    assert (again["trades"], again["duplicates"]) == (0, 300)
    exists = penstock("record", recording, "--config", config, code=2)
    assert "exists already: name another file" in exists.stderr
    assert recording.stat().st_size > 1000


@pytest.mark.parametrize(
    ("symbol", "where", "code"),
    [("FOO-USD", None, 2), ("BTC-USD", "ws://127.0.0.1:1", 4)],
)
def test_a_recording_that_failed_before_any_trade_leaves_no_file(
    tmp_path, symbol, where, code
):
    with VenueServer("coinbase", made_trades("coinbase", 10)) as server:
        config = config_for(tmp_path, symbols=[symbol], coinbase=where or server)
        penstock("record", tmp_path / "frames.gz", "--config", config, code=code)
    assert [path.name for path in tmp_path.iterdir()] == ["penstock.toml"]


def test_a_recording_of_nothing_leaves_no_file_and_says_so(tmp_path):
    with VenueServer("coinbase", made_trades("coinbase", 10)) as server:
        config = config_for(tmp_path, coinbase=server)
        options = ["--config", config, "--duration", "1ms"]
        said = penstock("record", tmp_path / "frames.gz", *options).stdout
    assert re.fullmatch(r"Nothing came in \d\.\d s, and there is no file\.\n", said)
    assert [path.name for path in tmp_path.iterdir()] == ["penstock.toml"]


def test_a_recording_shows_on_a_terminal_how_far_it_is(tmp_path):
    with VenueServer("coinbase", made_trades("coinbase", 100)) as server:
        config = config_for(tmp_path, coinbase=server)
        command = ["record", tmp_path / "f.gz", "--config", config, "--duration", "3s"]
        screen = draw(list(map(str, command)), 120)
    assert re.search(r"1\d\d frames, 100 trades; \S+f\.gz: 0\.0 MB", screen)
    assert f"penstock replay {tmp_path}/f.gz" in screen


def test_a_recorder_that_is_killed_leaves_all_but_the_last_second(tmp_path, data_dir):
    recording = tmp_path / "frames.jsonl.zst"
    with VenueServer("coinbase", made_trades("coinbase", 500)) as server:
        config = config_for(tmp_path, coinbase=server)
        with start_live("record", recording, config=config) as process:
            server.wait_played()
            time.sleep(1.5)
            process.kill()
            process.communicate(timeout=10)
    found = read_json("replay", recording, data_dir=data_dir)
    assert (found["trades"], found["dead_letters"], found["gaps"]) == (500, 0, 0)


def test_a_signal_ends_a_recording_well_and_rotation_loses_nothing(tmp_path, data_dir):
    made = made_trades("coinbase", 1_000)
    with VenueServer("coinbase", made, rate_per_s=250, starts_with=1) as server:
        config = config_for(tmp_path, coinbase=server)
        options = ["--rotate", "1s", tmp_path / "frames.jsonl.gz"]
        with start_live("record", *options, config=config) as process:
            server.wait_played()
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=20)
    assert (process.returncode, complaint) == (0, "")
    assert "Recorded " in output
    files = sorted(tmp_path.glob("frames-*.jsonl.gz"))
    assert len(files) >= 3
    _, *command = output.replace("\\\n", "").splitlines()
    assert shlex.split(command[0])[2:] == list(map(str, files))
    found = read_json("replay", *files, data_dir=data_dir)
    assert (found["trades"], found["gaps"]) == (1_000, 0)


def test_record_refuses_what_sends_no_frames(tmp_path):
    for source in ("simulated", "coinbase-spot"):
        options = ["--source", source, "--symbol", "BTC-USD"]
        failed = penstock("record", tmp_path / "f", *options, code=2)
        assert f"source '{source}' sends no frames" in failed.stderr
