"""CDK TypeScript makes what CDK Python makes, and its own tests pass."""

import json
import os
import subprocess

import pytest

from tests.infra.refusals import REFUSED
from tests.infra.templates import (
    BIN,
    CHANGED,
    GOOD,
    PACKAGES,
    TYPESCRIPT,
    environment,
)

pytestmark = pytest.mark.skipif(
    not PACKAGES.is_dir() and "CI" not in os.environ,
    reason=f"{PACKAGES} is not there: make infra",
)
# Its text is the operating system's, which each form words by itself.
WORDED_APART = "no settings"


@pytest.fixture(scope="module")
def typescript(synthesised):
    return synthesised.typescript[0]


@pytest.fixture(scope="module")
def typescript_of_others(synthesised):
    return synthesised.typescript[1]


def whole(synthesised, job):
    """Return the templates to the letter, logical ids and versions' hashes too."""
    files = sorted((synthesised.folder / job).glob("*.template.json"))
    assert files
    return {file.name: json.loads(file.read_text()) for file in files}


@pytest.mark.parametrize("job", GOOD)
def test_its_templates_are_those_of_cdk_python(job, ours, typescript):
    # So a deployment by one may go on by the other, and changes nothing.
    assert whole(typescript, job) == whole(ours, job)


@pytest.mark.parametrize("job", CHANGED)
def test_other_facts_change_what_they_change_in_cdk_python(
    job, theirs, typescript_of_others
):
    assert whole(typescript_of_others, job) == whole(theirs, job)


@pytest.mark.parametrize("job", GOOD)
def test_the_rules_of_cdk_nag_find_nothing_that_is_not_accepted(job, typescript):
    reports = {
        r["pluginName"]: (r["conclusion"], r["violations"])
        for r in typescript.report(job)
    }
    assert "AwsSolutions" in reports
    assert all(report == ("success", []) for report in reports.values())


def test_it_refuses_what_cdk_python_refuses_in_the_same_words(ours, typescript):
    assert typescript.refused.keys() == REFUSED.keys()
    same = REFUSED.keys() - {WORDED_APART}
    assert {name: typescript.refused[name] for name in same} == {
        name: ours.refused[name] for name in same
    }


def run(*command, code=0, **variables):
    done = subprocess.run(
        command,
        cwd=TYPESCRIPT,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_its_types_are_right_and_its_own_tests_pass():
    assert "\N{INFORMATION SOURCE} fail 0" in run("npm", "test")


def test_the_app_says_in_one_line_what_cannot_be_deployed(tmp_path):
    said = run(
        BIN / "node",
        "app.ts",
        code=1,
        CDK_CONTEXT_JSON=json.dumps({"streamShardCount": "0"}),
        CDK_OUTDIR=str(tmp_path),
    )
    assert said.strip() == REFUSED["no shards"][1]
    assert not list(tmp_path.glob("*.template.json"))
