"""`penstock record`, and that what it wrote replays to what ran live."""

import json
import re
import shlex
import signal

import pytest

from penstock.bootstrap import clock_us, open_store
from penstock.config import SourceSettings
from penstock.drivers.files import open_file
from penstock.drivers.recorder import Packed, Recorder
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.letters import letter_of
from penstock.entrypoints.sources import open_live
from penstock.entrypoints.worker import Worker
from tests.commands import penstock, read_json, wait_for
from tests.embedded import dump, settings
from tests.live import config_for, start_live
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


def trades_of(*recordings):
    """Count the trades in recordings, of which the last may still be written."""
    count = 0
    for path in recordings:
        if path.exists() and path.stat().st_size:
            with open_file(path) as file:
                count += sum(len(batch.trades) for batch in file)
    return count


@pytest.mark.parametrize("ending", ["jsonl.zst", "jsonl.gz", "jsonl"])
def test_record_writes_a_file_that_replay_knows_by_itself(tmp_path, data_dir, ending):
    recording = tmp_path / f"frames.{ending}"
    made = made_trades("coinbase", 300, symbols=["BTC-USD", "ETH-USD"])
    with VenueServer("coinbase", made, faults=[Reset(at=100, missed=10)]) as server:
        config = config_for(tmp_path, symbols=["BTC-USD", "ETH-USD"], coinbase=server)
        with start_live("record", recording, "--json", config=config) as process:
            wait_for(lambda: trades_of(recording) == 300)
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    found = json.loads(output)
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
        command = ["record", tmp_path / "f.gz", "--config", config]
        screen = draw(list(map(str, command)), 120, until=[" 100 trades; "])
    assert re.search(r"\d{3} frames, 100 trades; \S+f\.gz: 0\.0 MB", screen)
    assert f"penstock replay {tmp_path}/f.gz" in screen


def test_a_recorder_that_is_killed_leaves_all_but_the_last_second(tmp_path, data_dir):
    recording = tmp_path / "frames.jsonl.zst"
    with VenueServer("coinbase", made_trades("coinbase", 500)) as server:
        config = config_for(tmp_path, coinbase=server)
        with start_live("record", recording, config=config) as process:
            server.wait_played()
            wait_for(lambda: trades_of(recording) == 500)
            process.kill()
            process.communicate(timeout=60)
    found = read_json("replay", recording, data_dir=data_dir)
    assert (found["trades"], found["dead_letters"], found["gaps"]) == (500, 0, 0)


def test_a_signal_ends_a_recording_well_and_rotation_loses_nothing(tmp_path, data_dir):
    made = made_trades("coinbase", 1_000)
    with VenueServer("coinbase", made, rate_per_s=250, starts_with=1) as server:
        config = config_for(tmp_path, coinbase=server)
        options = ["--rotate", "1s", tmp_path / "frames.jsonl.gz"]
        with start_live("record", *options, config=config) as process:
            server.wait_played()
            wait_for(lambda: trades_of(*tmp_path.glob("frames-*")) == 1_000)
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=60)
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
