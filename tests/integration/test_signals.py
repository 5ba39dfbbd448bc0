"""Signals before a command has begun: no traceback, and the code that it ends with."""

import signal
import time
from pathlib import Path

import pytest

from tests.commands import start, wait_for
from tests.embedded import check, settings


def catches(process, number):
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = [line for line in status.splitlines() if line.startswith("SigCgt:")]
    return int(mask.split()[1], 16) >> (number - 1) & 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("later_s", [0.0, 0.1, 0.2, 0.4, 0.6])
def test_run_ends_well_however_soon_it_is_told_to(tmp_path, number, later_s):
    data_dir = tmp_path / "data"
    with start("run", "--data-dir", data_dir) as process:
        wait_for(lambda: catches(process, signal.SIGTERM), look_s=0.002)
        time.sleep(later_s)
        process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    if (data_dir / "penstock.db").exists():
        assert check(settings(data_dir)).difference is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")
def test_another_command_says_that_it_was_interrupted(tmp_path):
    with start("bars", "BTC-USD", "--data-dir", tmp_path) as process:
        wait_for(lambda: catches(process, signal.SIGTERM), look_s=0.002)
        process.send_signal(signal.SIGTERM)
        output, complaint = process.communicate(timeout=60)
    assert (process.returncode, output, complaint) == (130, "", "")
