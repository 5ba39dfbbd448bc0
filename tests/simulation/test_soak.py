"""A great many messages through one driver, whose memory stays as it was.

`make soak` sends ten million; `PENSTOCK_MESSAGES` says another number.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "websocket.py"
MESSAGES = int(os.environ.get("PENSTOCK_MESSAGES", "400_000"))
# What the allocator may take on the way; it takes 0.1.  A pointer and a number kept of
# each message would be more.
MOST_MB = 6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells")
def test_the_memory_of_a_driver_does_not_grow():
    command = [sys.executable, SOAK, "--soak", str(MESSAGES)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    sys.stdout.write(said)  # for `make soak`
    assert int(said.split()[0].replace(",", "")) >= MESSAGES
    found = dict(re.findall(r"memory at +(\d+) %: ([0-9.]+) MB", said))
    memory_mb = {int(percent): float(mb) for percent, mb in found.items()}
    assert memory_mb[100] - memory_mb[10] < MOST_MB
