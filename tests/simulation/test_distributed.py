"""Kinesis and Lambda at their worst: nothing is lost, and nothing doubled.

`make simulate SEEDS=10000` runs more seeds.
"""

import os
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from tests.simulation.distributed import (
    CONTAINERS,
    RIGHT,
    RULES,
    attempt,
    replay_of,
    simulate,
    simulate_all,
)
from tests.simulation.mutants import CONTAINER_PATCHES, PATCHES, VARIANTS
from tests.simulation.stores import NewestChecked
from tests.step_properties import follows_the_rules
from tests.strategies import walk
from tests.worlds import BTC

SEEDS = 1000

# So many seeds find each mistake several times over.
ENOUGH = 400

ANYWHERE = {
    "aggregated",
    "answers lost",
    "delivered twice",
    "doubled by the producer",
    "merged",
    "refused by a store",
    "refused by the stream",
    "sent again much later",
    "split",
    "stale",
    "swept meanwhile",
}
FUNCTIONS = ANYWHERE | {
    "answered",
    "answered with failures",
    "crashed after a commit",
    "crashed before a commit",
    "failed over",
    "invoked",
    "invoked again",
    "throttled",
    "timed out after a commit",
    "timed out before a commit",
    "timed out before the answer",
    "zombies after a commit",
    "zombies before a commit",
    "zombies of another poller",
}
CONTAINED = ANYWHERE | {
    "killed after a commit",
    "killed before a commit",
    "passes that failed",
    "passes that found records",
    "replaced in a pass",
}


@pytest.mark.slow
def test_whatever_goes_wrong_each_trade_counts_once():
    loses_and_doubles_nothing(RIGHT, FUNCTIONS, SEEDS)


@pytest.mark.slow
def test_containers_lose_and_double_nothing_either():
    loses_and_doubles_nothing(CONTAINERS, CONTAINED, SEEDS // 4)


@pytest.mark.slow
def test_of_history_only_the_newest_rows_need_a_condition():
    variant = replace(RIGHT, history=NewestChecked)
    assert not finds(variant)


def loses_and_doubles_nothing(variant, everything, seeds):
    happened, failures = simulate_all(range(seeds), variant)
    told = [f"{failure}\n{replay_of(seed, variant)}" for seed, failure in failures]
    assert not failures, "\n".join(told[:3])
    assert happened.keys() == everything
    seldom = {what: n for what, n in happened.items() if n < seeds / 20}
    assert not seldom, "too seldom to show anything"


@pytest.mark.slow
@pytest.mark.parametrize("mistake", VARIANTS)
def test_a_mistake_is_found(mistake):
    assert finds(VARIANTS[mistake])


@pytest.mark.slow
@pytest.mark.parametrize("mistake", PATCHES, ids=lambda mistake: mistake.__name__)
def test_a_mistake_in_the_pipeline_is_found(mistake):
    assert finds(RIGHT, mistake())


@pytest.mark.slow
@pytest.mark.parametrize("mistake", CONTAINER_PATCHES, ids=lambda m: m.__name__)
def test_a_mistake_of_a_container_is_found(mistake):
    assert finds(CONTAINERS, mistake())


def finds(variant, broken=None):
    with broken or nullcontext():
        return any(attempt(seed, variant)[1] for seed in range(ENOUGH))


@pytest.mark.parametrize("rules", RULES)
def test_what_is_expected_is_what_the_rules_say(rules):
    # The simulation compares with a fold; the oracle shares no code with it.
    for seed in range(5):
        chance = Random(seed)  # noqa: S311 (the same examples each time)
        follows_the_rules(walk(chance, 16), rules.of(BTC), cuts=[])


def test_a_seed_replays():
    here = simulate(5)
    told = [replay(5, hash_seed) for hash_seed in ("1", "2")]
    assert told[0] == told[1]
    total = told[0].partition("\n\n")[2]
    assert counted(total) == here


def replay(seed, hash_seed):
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation.distributed", str(seed)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "src", "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def counted(text):
    lines = [line.split(maxsplit=1) for line in text.splitlines()[:-1]]
    return Counter({what: int(count) for count, what in lines})
