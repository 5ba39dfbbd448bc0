"""Running `penstock` in a test: within the process, or as one of its own."""

import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from penstock.entrypoints.cli import app
from penstock.errors import ConfigError
from penstock.local import read_local

__all__ = ["PENSTOCK", "penstock", "read_json", "start", "wait_for_trades"]

PENSTOCK = [sys.executable, "-m", "penstock"]


def penstock(*arguments, data_dir=None, code=0):
    """Run a command in this process; return what came of it, with `code` checked."""
    where = ["--data-dir", str(data_dir)] if data_dir else []
    result = CliRunner().invoke(app, [*map(str, arguments), *where])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def read_json(*arguments, data_dir=None, code=0):
    """Run a command with --json; return the one value that it printed."""
    result = penstock(*arguments, "--json", data_dir=data_dir, code=code)
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def start(*arguments, **options):
    """Start a command as a process; its output is text in pipes, unless said."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*PENSTOCK, *map(str, arguments)], **pipes | options)


def wait_for_trades(data_dir):
    """Wait until another process has processed something in a data directory."""
    for _ in range(200):
        time.sleep(0.05)
        try:
            with read_local(data_dir) as reader:
                if reader.states.tickers():
                    return
        except ConfigError:
            continue
    pytest.fail("nothing was processed within ten seconds")
