"""`penstock replay`: files in, an object out, and nothing done twice."""

import os
import signal
import subprocess

import pytest

from penstock.codec import encode_trade
from tests.commands import PENSTOCK, penstock, read_json, start, wait_for_trades
from tests.embedded import check, dump, market, settings
from tests.recordings import RECORDINGS, needs_recordings

SPOT = [
    RECORDINGS / f"binance-spot-btcusdt-2024-08-{day}.frames.gz" for day in ("08", "09")
]
FALL = RECORDINGS / "bitcoincharts-bitstamp-btcusd-2011-2012.csv.gz"
LINE = (
    b'{"venue":"v","symbol":"BTC-USD","price":%s,"size":1,"event_us":%d,'
    b'"received_us":0}'
)


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "trades.ndjson"
    path.write_bytes(b"".join(encode_trade(trade) for trade in market(3000)))
    return path


def kept(data_dir):
    """What a data directory holds, in a copy of which nothing is left to do."""
    return dump(settings(data_dir))


class TestReports:
    @needs_recordings
    def test_a_day_of_binance_is_9757_trades_without_a_gap(self, data_dir):
        found = read_json("replay", SPOT[0], "--format", "binance", data_dir=data_dir)
        del found["elapsed_s"], found["trades_per_s"]
        assert found == {
            "trades": 9757,
            "duplicates": 0,
            "late": 0,
            "dead_letters": 0,
            "gaps": 0,
            "bars": 7,
            "alerts": 0,
            "opened": 0,
            "completed": 0,
            "profit": "0",
            "profit_by_quote": {},
            "tickers": 1,
        }

    @needs_recordings
    def test_both_days_are_19904_trades_without_a_gap(self, data_dir):
        found = read_json("replay", *SPOT, data_dir=data_dir)
        assert (found["trades"], found["gaps"], found["bars"]) == (19904, 0, 12)
        assert check(settings(data_dir)).difference is None

    @needs_recordings
    def test_the_second_day_alone_goes_on_where_the_first_ended(self, data_dir):
        read_json("replay", SPOT[0], data_dir=data_dir)
        found = read_json("replay", SPOT[1], data_dir=data_dir)
        assert (found["trades"], found["gaps"]) == (10147, 0)

    @needs_recordings
    def test_a_fall_of_23_percent_is_one_alert_and_each_episode_another(self, data_dir):
        # Thirteen times in eight months the price is 5 % under the high of the last
        # five minutes; between any two it has recovered to half of that.
        options = ["--symbol", "BTC-USD", "--format", "bitcoincharts"]
        found = read_json("replay", FALL, *options, data_dir=data_dir)
        assert (found["trades"], found["alerts"]) == (9999, 13)
        alerts = read_json("alerts", data_dir=data_dir)
        fall = [a for a in alerts if 1317812689 <= a["event_us"] / 1e6 <= 1317813300]
        assert [(a["price"], a["high"]) for a in fall] == [(4.8, 6.25)]

    def test_without_json_it_says_so_in_words_and_what_to_try_next(
        self, recording, data_dir
    ):
        said = penstock("replay", recording, data_dir=data_dir).stdout
        assert said.startswith("Replayed 1 file, 3,000 trades of 5 tickers in ")
        assert f"penstock bars simulated:BTC-USD --data-dir {data_dir}" in said

    def test_json_is_the_only_thing_on_standard_output(self, recording, data_dir):
        done = subprocess.run(
            [*PENSTOCK, "replay", recording, "--json", "--data-dir", data_dir],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith('{"trades":3000,')
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""


class TestAgain:
    def test_the_same_file_again_is_all_duplicates_and_changes_nothing(
        self, recording, data_dir
    ):
        read_json("replay", recording, data_dir=data_dir)
        before = kept(data_dir)
        found = read_json("replay", recording, data_dir=data_dir)
        assert (found["trades"], found["duplicates"]) == (0, 3000)
        assert kept(data_dir) == before
        said = penstock("replay", recording, data_dir=data_dir).stdout
        assert said == "Nothing new in 1 file: all 3,000 trades were known.\n"

    @needs_recordings
    @pytest.mark.parametrize("path", [*SPOT, FALL], ids=lambda path: path.name)
    def test_so_is_a_recording(self, path, data_dir):
        options = ["--symbol", "BTC-USD"] if path == FALL else []
        first = read_json("replay", path, *options, data_dir=data_dir)
        before = kept(data_dir)
        again = read_json("replay", path, *options, data_dir=data_dir)
        assert (again["trades"], again["duplicates"]) == (0, first["trades"])
        assert kept(data_dir) == before

    def test_duplicates_of_several_files_add_up(self, tmp_path, data_dir):
        paths = [tmp_path / "a.ndjson", tmp_path / "b.ndjson"]
        trades = market(50)
        for path, part in zip(paths, (trades[:30], trades[30:]), strict=True):
            path.write_bytes(b"".join(map(encode_trade, part)))
        read_json("replay", *paths, data_dir=data_dir)
        assert read_json("replay", *paths, data_dir=data_dir)["duplicates"] == 50

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupted_replay_says_so_and_the_next_finishes_it(
        self, recording, tmp_path, data_dir, number
    ):
        slowly = ["--speed", "1", "--data-dir", data_dir, "--json"]
        with start("replay", recording, *slowly) as process:
            wait_for_trades(data_dir)
            process.send_signal(number)
            output, complaint = process.communicate(timeout=60)
        assert process.returncode == 130
        assert complaint == (
            "penstock: interrupted: the same command again finishes it\n"
        )
        assert output.count('"trades":') == 1
        rest = read_json("replay", recording, data_dir=data_dir)
        assert 0 < rest["trades"] < 3000
        assert rest["trades"] + rest["duplicates"] == 3000

        whole = tmp_path / "whole"
        read_json("replay", recording, data_dir=whole)
        assert kept(data_dir) == kept(whole)
        assert check(settings(data_dir)).difference is None


class TestBadInput:
    def test_what_cannot_be_read_becomes_dead_letters_and_the_rest_goes_on(
        self, tmp_path, data_dir
    ):
        lines = [
            LINE % (b"100", 1),
            b'{"venue":"v","symbol":"BTC-USD","price":1',
            b"\xff\xfe",
            LINE % (b"NaN", 2),
            LINE % (b"1e999", 3),
            LINE % (b"-1", 4),
            LINE % (b"0", 5),
            b'{"pad":"' + b"x" * 10_000_000 + b'"}',
            (LINE % (b'"101.5"', 6))[:-1] + b',"unknown":[1]}',
        ]
        path = tmp_path / "bad.ndjson"
        path.write_bytes(b"\n".join(lines))
        found = read_json("replay", path, data_dir=data_dir)
        assert (found["trades"], found["dead_letters"]) == (2, 7)
        letters = read_json("dead-letters", data_dir=data_dir)
        assert [letter["id"].partition("#")[0] for letter in letters] == [
            f"bad.ndjson:{line}" for line in range(8, 1, -1)
        ]
        again = read_json("replay", path, data_dir=data_dir)
        assert (again["trades"], again["duplicates"]) == (0, 2)
        assert len(read_json("dead-letters", data_dir=data_dir)) == 7
        said = penstock("replay", path, data_dir=data_dir).stdout
        assert "penstock dead-letters --data-dir" in said

    def test_an_empty_file_is_remarked_upon_and_no_error(self, tmp_path, data_dir):
        path = tmp_path / "empty.ndjson"
        path.touch()
        result = penstock("replay", path, "--json", data_dir=data_dir)
        assert result.stderr == f"penstock: {path} is empty\n"
        assert '"trades":0' in result.stdout

    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("nowhere", [], "nowhere: there is no such file"),
            ("folder", [], "folder: a directory; name the files in it"),
            ("text.csv", [], "Pass --format NAME, one of: penstock, recording,"),
            ("text.csv", ["--format", "csb"], "Did you mean 'csv'?"),
            ("text.csv", ["--format", "bitcoincharts"], "pass --symbol"),
            ("good.ndjson", ["--symbol", "A-B"], "leave out --symbol"),
            ("good.ndjson", ["--speed", "fast"], "--speed must be max, or a number"),
        ],
    )
    def test_what_cannot_be_used_is_refused_with_the_remedy(
        self, tmp_path, data_dir, name, options, message
    ):
        (tmp_path / "folder").mkdir()
        (tmp_path / "text.csv").write_text("some words\n")
        (tmp_path / "good.ndjson").write_bytes(LINE % (b"1", 1))
        path = tmp_path / name
        result = penstock("replay", path, *options, data_dir=data_dir, code=2)
        assert result.stdout == ""
        assert result.stderr.startswith("penstock: ")
        assert message in result.stderr
        assert not data_dir.exists()

    @pytest.mark.skipif(
        os.name != "posix" or os.geteuid() == 0, reason="root may read everything"
    )
    def test_a_file_without_permission_is_refused(self, recording, data_dir):
        recording.chmod(0)
        result = penstock("replay", recording, data_dir=data_dir, code=2)
        assert "no permission to read it" in result.stderr

    def test_columns_are_named_as_field_and_column(self, tmp_path, data_dir):
        path = tmp_path / "odd.csv"
        path.write_text("1732146000;100;0.5\n1732146020;98;1\n")
        options = ["--format", "csv", "--symbol", "ETH-USD", "--venue", "demo"]
        columns = "time=1, price=2, size=3"
        found = read_json(
            "replay", path, *options, "--columns", columns, data_dir=data_dir
        )
        assert found["trades"] == 2
        result = penstock("replay", path, *options, "--columns", "time", code=2)
        assert "expected FIELD=COLUMN" in result.stderr


def test_speed_sets_the_pace(tmp_path, data_dir):
    path = tmp_path / "minute.ndjson"
    path.write_bytes(LINE % (b"1", 0) + b"\n" + LINE % (b"2", 60_000_000))
    found = read_json("replay", path, "--speed", "200", data_dir=data_dir)
    assert found["trades"] == 2
    assert 0.3 <= found["elapsed_s"] < 30  # at speed 1 it takes a minute


@pytest.mark.skipif(os.name != "posix", reason="there is no /dev/stdin")
def test_a_pipe_is_a_file(recording, data_dir):
    piped = ["sh", "-c", 'cat | "$@"', "sh", *PENSTOCK]
    with recording.open("rb") as file:
        done = subprocess.run(
            [*piped, "replay", "/dev/stdin", "--json", "--data-dir", data_dir],
            stdin=file,
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.startswith('{"trades":3000,')
