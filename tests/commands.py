"""Running `penstock` in a test: within the process, or as one of its own."""

import json
import subprocess
import sys
import time

from typer.testing import CliRunner

from penstock.entrypoints.cli import app
from penstock.errors import ConfigError
from penstock.local import read_local

__all__ = [
    "PENSTOCK",
    "Process",
    "penstock",
    "read_json",
    "start",
    "wait_for",
    "wait_for_trades",
]

PENSTOCK = [sys.executable, "-m", "penstock"]

_PATIENCE_S = 60.0


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


class Process(subprocess.Popen):
    """A process that ends with its `with` statement.

    `Popen` waits there for a process to end by itself: for ever, where a test fails
    before it has told it to.
    """

    def __exit__(self, *error):
        self.kill()
        super().__exit__(*error)


def start(*arguments, **options):
    """Start a command as a process; its output is text in pipes, unless said."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return Process([*PENSTOCK, *map(str, arguments)], **pipes | options)


def wait_for(condition, *, look_s=0.02):
    """Wait until `condition` holds, with patience for a busy machine."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(look_s)


def wait_for_trades(data_dir):
    """Wait until another process has processed something in a data directory."""

    def is_there():
        try:
            with read_local(data_dir) as reader:
                return reader.states.tickers()
        except ConfigError:
            return False

    wait_for(is_there)
