"""The workflows of GitHub Actions: pinned, with no right too many, and in order."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.infra.templates import BIN

_FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
_ALL = sorted(_FOLDER.glob("*.yml"))


def parsed(name):
    # "on" is YAML's word for true.
    return yaml.safe_load((_FOLDER / name).read_text())


def test_zizmor_finds_nothing():
    found = subprocess.run(
        [BIN / "zizmor", "--offline", "--min-severity", "medium", _FOLDER],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.skipif(not shutil.which("actionlint"), reason="actionlint is not here")
def test_actionlint_finds_nothing():
    found = subprocess.run(
        ["actionlint", *_ALL], capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize("path", _ALL, ids=lambda path: path.name)
def test_every_action_is_pinned_and_no_right_is_given_to_all(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    assert parsed(path.name)["permissions"] == {}


def test_test_deploys_by_itself_and_main_by_hand():
    assert parsed("deploy-test.yml")[True] == {"push": {"branches": ["test"]}}
    by_hand = parsed("deploy-trading-pipeline.yml")
    assert by_hand["name"] == "Deploy Trading Pipeline"
    assert list(by_hand[True]) == ["workflow_dispatch"]
    assert by_hand["jobs"]["tests"]["if"] == "github.ref == 'refs/heads/main'"
    for name in ("deploy-test.yml", "deploy-trading-pipeline.yml"):
        assert parsed(name)["jobs"]["deploy"]["needs"] == "tests"


def test_a_plan_is_shown_before_it_is_applied():
    jobs = parsed("deploy.yml")["jobs"]
    assert "deploy.sh --plan" in jobs["plan"]["steps"][-1]["run"]
    assert "GITHUB_STEP_SUMMARY" in jobs["plan"]["steps"][-1]["run"]
    assert jobs["apply"]["needs"] == "plan"
    assert jobs["apply"]["environment"] == "${{ inputs.environment }}"
    assert "--plan" not in jobs["apply"]["steps"][-1]["run"]


def test_roles_are_assumed_and_no_keys_are_kept():
    for path in _ALL:
        assert "secrets." not in path.read_text()
        assert "access-key" not in path.read_text()
