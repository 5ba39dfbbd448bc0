"""A disk that fills up: a clear message, nothing lost, nothing half-written."""

import os
import shutil
import subprocess
import sys

import pytest

from penstock.codec import encode_trade
from tests.embedded import check, market, settings

TRADES = 40_000


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB, and a way to make it larger."""
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "penstock-test", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount a file system")

    def enlarge():
        subprocess.run(["mount", "-o", "remount,size=200m", place], check=True)

    yield place, enlarge
    subprocess.run(["umount", place], check=True)


def replay(path, data_dir):
    command = [sys.executable, "-m", "penstock", "replay", path]
    return subprocess.run(
        [*command, "--data-dir", data_dir, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_replay_onto_a_full_disk_goes_on_when_there_is_room(small_disk, tmp_path):
    place, enlarge = small_disk
    path = tmp_path / "trades.ndjson"
    path.write_bytes(b"".join(encode_trade(trade) for trade in market(TRADES)))

    full = replay(path, place / "data")
    assert full.returncode == 4
    assert "penstock.db: database or disk is full. Free some space" in full.stderr
    assert "Traceback" not in full.stderr

    enlarge()
    assert replay(path, place / "data").returncode == 0
    verdict = check(settings(place / "data"))
    assert (verdict.difference, verdict.trades, verdict.waiting) == (None, TRADES, 0)
