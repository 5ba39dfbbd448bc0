"""What every Checkpoints must do."""

import pytest

from penstock.errors import UnavailableError

SHARD, OTHER = "shardId-000000000000", "shardId-000000000001"


@pytest.fixture
def checkpoints(backend):
    return backend.checkpoints


def test_a_new_consumer_starts_at_zero(checkpoints):
    assert checkpoints.position("trades", SHARD) == 0


def test_a_checkpoint_is_remembered(checkpoints):
    checkpoints.checkpoint("trades", SHARD, 41)
    checkpoints.checkpoint("trades", SHARD, 42)
    assert checkpoints.position("trades", SHARD) == 42


@pytest.mark.parametrize("lower", [0, 41, 42])
def test_a_checkpoint_never_goes_back(checkpoints, lower):
    checkpoints.checkpoint("trades", SHARD, 42)
    checkpoints.checkpoint("trades", SHARD, lower)
    assert checkpoints.position("trades", SHARD) == 42


def test_each_consumer_goes_its_own_way_in_each_shard(checkpoints):
    checkpoints.checkpoint("trades", SHARD, 1)
    checkpoints.checkpoint("trades", OTHER, 2)
    checkpoints.checkpoint("archive", SHARD, 3)
    assert checkpoints.position("trades", SHARD) == 1
    assert checkpoints.position("trades", OTHER) == 2
    assert checkpoints.position("archive", SHARD) == 3
    assert checkpoints.position("archive", OTHER) == 0


def test_a_refused_checkpoint_leaves_the_one_before(backend, checkpoints):
    checkpoints.checkpoint("trades", SHARD, 1)
    with backend.refusing("trades"), pytest.raises(UnavailableError):
        checkpoints.checkpoint("trades", SHARD, 2)
    assert checkpoints.position("trades", SHARD) == 1
    checkpoints.checkpoint("trades", SHARD, 2)
    assert checkpoints.position("trades", SHARD) == 2
