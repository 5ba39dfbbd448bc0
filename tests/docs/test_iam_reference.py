"""The reference of rights says what the policies say, statement by statement."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/iam.md").read_text()
POLICIES = {path.stem: path for path in (ROOT / "infra/policies").glob("*.json")}
CODE = re.compile(r"`([^`]+)`")


def told(name):
    """The statements of a policy's table: {name: (actions, resources)}."""
    part = PAGE.partition(f"`infra/policies/{name}.json`")[2].partition("\n## ")[0]
    rows = (line.split("|") for line in part.splitlines() if line.startswith("| `"))
    return {
        CODE.findall(statement)[0]: (CODE.findall(actions), CODE.findall(resources))
        for _, statement, actions, resources, *_ in rows
    }


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_is_there_as_it_is(name):
    document = json.loads(POLICIES[name].read_text())
    assert {s["Effect"] for s in document["Statement"]} == {"Allow"}
    assert told(name) == {
        s["Sid"]: (s["Action"], s["Resource"]) for s in document["Statement"]
    }


def test_no_policy_is_told_that_is_not_there():
    assert set(re.findall(r"infra/policies/(\w+)\.json", PAGE)) == set(POLICIES)
