"""kill -9 at random moments while replaying: nothing lost, nothing doubled.

Each cycle replays one file into a fresh data directory with a process that is killed
again and again until it gets to the end, and compares what is left with what an
undisturbed replay leaves.  `make crash` runs cycles until 100 kills are reached.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from penstock.codec import encode_trade
from tests.embedded import check, dump, market, settings

KILLS = int(os.environ.get("PENSTOCK_KILLS", "12"))
SEED = int(os.environ.get("PENSTOCK_SEED", "1"))

# The process to kill.  It reads what the parent wrote, and appends, commits and
# archives in small pieces and none too fast, so that a kill has many places to hit.
REPLAY = """
import sys, time
from msgspec.structs import replace
from penstock.bootstrap import open_store
from penstock.drivers.files import open_file
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.worker import Worker
from tests.embedded import settings

def in_pieces(source):
    for batch in source:
        for start in range(0, len(batch.trades), 100):
            yield SourceBatch(batch.trades[start:start + 100])
            time.sleep(0.002)

wanted = settings(sys.argv[2])
wanted = replace(wanted, archive=replace(wanted.archive, max_bytes=100_000))
with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
    with open_file(sys.argv[1]) as source:
        worker.feeder.feed(in_pieces(source), contiguous=False)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A file of trades."""
    path = tmp_path_factory.mktemp("recorded") / "trades.ndjson"
    path.write_bytes(b"".join(encode_trade(t) for t in market(60_000, seed=SEED)))
    return path


@pytest.fixture(scope="module")
def reference(recorded, tmp_path_factory):
    """What an undisturbed replay leaves."""
    wanted = settings(tmp_path_factory.mktemp("reference"))
    start_replay(recorded, wanted).wait()
    left = dump(wanted)
    assert sum(s.trades for s in left["states"].values()) == 60_000
    assert len(left["completed"]) > 5
    return left


def start_replay(recorded, wanted):
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", REPLAY, recorded, wanted.data_dir],
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
    )


def kill_until_done(recorded, wanted, chance, most):
    """Kill the replay at random moments until one gets through; count the kills."""
    for kills in range(most):
        process = start_replay(recorded, wanted)
        try:
            process.wait(timeout=chance.uniform(0.25, 1.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert check(wanted, backlog=True).difference is None
        else:
            assert process.returncode == 0
            return kills
    assert start_replay(recorded, wanted).wait() == 0
    return most


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_9_loses_and_doubles_nothing(recorded, reference, tmp_path):
    chance, kills, cycle = Random(SEED), 0, 0  # noqa: S311 (where to kill is no secret)
    while kills < KILLS:
        cycle += 1
        wanted = settings(tmp_path / str(cycle))
        kills += kill_until_done(recorded, wanted, chance, KILLS - kills)
        assert check(wanted).difference is None, f"cycle {cycle} of seed {SEED}"
        assert dump(wanted) == reference, f"cycle {cycle} of seed {SEED}"
