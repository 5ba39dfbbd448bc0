"""The command itself: help, version, completion, errors."""

import os
import subprocess
import sys

import pytest

from penstock import __version__
from tests.commands import PENSTOCK, penstock, start
from tests.embedded import market, run, settings

HEAVY = "penstock.pipeline penstock.config sqlite3 msgspec rich asyncio"
LOADED = f"""
import sys
from penstock.entrypoints.cli import app
try:
    app({{arguments}})
except SystemExit as e:
    assert e.code == 0
print(*(set({HEAVY.split()}) & set(sys.modules)), file=sys.stderr)
"""

COMPLETED = """
from penstock.entrypoints.cli import app
app(prog_name="penstock")
"""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_load_none_of_the_commands(arguments):
    program = LOADED.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == "\n"


def test_version_is_the_packages():
    assert penstock("--version").stdout == f"penstock {__version__}\n"


def test_without_a_command_it_says_which_there_are():
    said = penstock(code=2).output
    assert "dead-letters  List what could not be read" in said


def test_a_mistyped_command_is_told_with_the_nearest():
    said = penstock("replai", code=2).stderr
    assert "No such command 'replai'. Did you mean 'replay'?" in said


def test_the_shell_completes_commands_and_options():
    def complete(words):
        asked = {
            "_PENSTOCK_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        done = subprocess.run(
            [sys.executable, "-c", COMPLETED],
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert complete("penstock re") == ["replay", "record", "redrive"]
    assert complete("penstock replay --sp") == ["--speed"]
    assert complete("penstock replay --format bin") == ["binance", "binance-usdm"]


def test_an_error_is_one_paragraph_on_standard_error(tmp_path):
    file = tmp_path / "penstock.toml"
    file.write_text("[strategy]\ntake_profits = 0.05")
    said = penstock("run", "--config", file, code=2)
    assert said.stdout == ""
    assert said.stderr == (
        f"penstock: {file}: unknown key 'take_profits' in [strategy]. Did you mean "
        "'take_profit'? Known keys: cooldown, dip, enabled, fee_bps, notional, "
        "slippage_bps, stop_loss, take_profit, ticker, window.\n"
    )


def test_when_a_reader_has_enough_nothing_is_said_about_it(tmp_path):
    wanted = settings(tmp_path / "data")
    run(wanted, market(20_000))
    command = ["history", "BTC-USD", "--limit", "0", "--data-dir", wanted.data_dir]
    with start(*command, stdout=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


@pytest.mark.skipif(os.name != "posix", reason="no limits on files")
def test_a_disk_that_takes_no_more_is_4_and_the_rest_comes_later(tmp_path):
    path = tmp_path / "trades.ndjson"
    with path.open("w") as file:
        for number in range(30_000):
            file.write(
                '{"venue":"v","symbol":"A-B","price":1,"size":1,"event_us":'
                f'{number},"received_us":0}}\n'
            )
    replay = [*PENSTOCK, "replay", path, "--json", "--data-dir", tmp_path / "data"]
    limited = ["bash", "-c", 'ulimit -f 1000; exec "$@"', "bash", *replay]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith("penstock: ")
    assert done.stderr.count("\n") == 1
    assert subprocess.run(replay, capture_output=True, check=False).returncode == 0
    assert "No difference." in penstock("verify", data_dir=tmp_path / "data").stdout
