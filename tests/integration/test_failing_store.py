"""A store that fails under a live feed: the error, soon, and no process left."""

import resource

import pytest

from tests.live import config_for, start_live
from tests.servers import VenueServer, made_trades

_LARGEST = 600_000  # bytes of any file: soon reached by the database


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST, _LARGEST))


@pytest.mark.parametrize(
    ("command", "target", "fails"),
    [
        ("run", ["--data-dir", "data"], "penstock.db"),
        ("produce", ["--data-dir", "data"], "penstock.db"),
        ("record", ["frames.jsonl"], "frames.jsonl cannot be written: File too large"),
    ],
)
def test_a_live_feed_ends_with_the_error_when_the_disk_fails(
    tmp_path, command, target, fails
):
    made = made_trades("coinbase", 20_000)
    with VenueServer("coinbase", made, rate_per_s=4_000, starts_with=1) as server:
        config = config_for(tmp_path, coinbase=server)
        options = {"cwd": tmp_path, "preexec_fn": limit_files}
        with start_live(command, *target, config=config, **options) as process:
            output, complaint = process.communicate(timeout=60)
    assert process.returncode == 4, (output, complaint)
    assert fails in complaint
    assert "Traceback" not in complaint
