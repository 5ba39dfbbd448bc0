"""The scripts: free of what shellcheck finds, and run for real against the emulator."""

import os
import platform
import subprocess
from pathlib import Path

import pytest

from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables
from tests.aws.conftest import emulator, emulator_python  # noqa: F401 - fixtures
from tests.infra.hand_written import NAMES, for_the_emulator, text_of
from tests.infra.templates import BIN

# pytest finds a fixture by its name, which is an argument's as well.
# ruff: noqa: F811

_ROOT = Path(__file__).parents[2]
_SCRIPTS = _ROOT / "scripts"
_STAGES = _SCRIPTS / "deployment-automation-scripts"
_ALL = sorted(_SCRIPTS.rglob("*.sh"))


@pytest.fixture
def environment(emulator, tmp_path):
    for name in NAMES:
        (tmp_path / name).write_text(for_the_emulator(text_of(name)))
    return {
        **os.environ,
        **client_variables(emulator.endpoint),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "TEMPLATES": str(tmp_path),
        "ARCHITECTURE": "arm64"
        if platform.machine() in ("arm64", "aarch64")
        else "x86_64",
    }


def run(name, *options, env):
    return subprocess.run(
        [_STAGES / name, *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_shellcheck_finds_nothing():
    found = subprocess.run(
        [BIN / "shellcheck", "--external-sources", *_ALL],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout, found.returncode) == ("", 0)


def test_those_that_are_run_stop_at_the_first_failure():
    run_by_hand = [path for path in _ALL if os.access(path, os.X_OK)]
    assert {path.name for path in run_by_hand} == {"deploy.sh", "destroy.sh"}
    for path in run_by_hand:
        assert "\nset -" in path.read_text()
        assert "euo pipefail\n" in path.read_text()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"PENSTOCK": "no-such-command"}, "no-such-command is not here"),
        (
            {"ENVIRONMENT": "production"},
            "ENVIRONMENT must be dev, test, staging or prod",
        ),
        ({"TEMPLATES": "/nowhere"}, "no cloudformation.yaml in TEMPLATES=/nowhere"),
    ],
)
def test_a_missing_prerequisite_is_named(environment, changed, told):
    refused = run("deploy.sh", env=environment | changed)
    assert refused.returncode == 2
    assert told in refused.stderr


@pytest.mark.long
def test_every_stage_is_deployed_and_destroyed(environment, emulator):
    cloudformation = make_clients(emulator.endpoint)("cloudformation")
    failed = run("deploy.sh", env=environment | {"STACK_PARAMETERS": "Producer=ecs"})
    assert failed.returncode != 0
    assert "pipeline failed" in failed.stderr
    made = run("deploy.sh", "--from", "pipeline", env=environment)
    assert made.returncode == 0, made.stderr
    assert "FunctionName\tcrypto-data-consumer-dev" in made.stdout
    glue = make_clients(emulator.endpoint)("glue")
    assert glue.get_crawler(Name="trading-data-crawler-dev")["Crawler"]["State"]
    gone = run("destroy.sh", "--yes", env=environment)
    assert gone.returncode == 0, gone.stderr
    summaries = cloudformation.list_stacks()["StackSummaries"]
    assert {s["StackStatus"] for s in summaries} == {"DELETE_COMPLETE"}
    assert make_clients(emulator.endpoint)("s3").list_buckets()["Buckets"] == []


def test_nothing_is_destroyed_without_leave(environment):
    refused = run("destroy.sh", env=environment)
    assert refused.returncode != 0
