"""What cannot be deployed is refused at synthesis, with what to write instead."""

import json
import subprocess

import pytest

from tests.infra.refusals import REFUSED
from tests.infra.templates import BIN, INFRA, environment


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_deployed_is_refused_with_what_to_write(ours, name):
    assert ours.refused[name] == REFUSED[name][1]


def test_nothing_else_is_refused(ours):
    assert set(ours.refused) == set(REFUSED)


def test_the_app_says_it_in_one_line(tmp_path):
    done = subprocess.run(
        [BIN / "python", "app.py"],
        cwd=INFRA / "cdk-python",
        env=environment()
        | {
            "CDK_CONTEXT_JSON": json.dumps({"streamShardCount": "0"}),
            "CDK_OUTDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == REFUSED["no shards"][1]
    assert not list(tmp_path.glob("*.template.json"))
