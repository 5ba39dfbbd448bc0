"""The producer beside the emulator: one at a time, and known by what it holds."""

import os
import sys

import pytest

from penstock.errors import UnavailableError
from penstock.sandbox.produced import find_producer, start_producer, stop_producer

RUNS = [
    sys.executable,
    "-c",
    "import time; print('started', flush=True); time.sleep(60)",
]
FAILS = [sys.executable, "-c", "raise SystemExit('no stream')"]


def test_it_runs_once_until_it_is_stopped(tmp_path):
    start_producer(RUNS, tmp_path, dict(os.environ))
    pid = find_producer(tmp_path)
    assert pid is not None
    start_producer(RUNS, tmp_path, dict(os.environ))
    assert find_producer(tmp_path) == pid
    stop_producer(tmp_path)
    assert find_producer(tmp_path) is None
    stop_producer(tmp_path)


def test_one_that_does_not_start_says_why(tmp_path):
    with pytest.raises(UnavailableError, match="the producer did not start: no stream"):
        start_producer(FAILS, tmp_path, dict(os.environ))
    assert find_producer(tmp_path) is None
