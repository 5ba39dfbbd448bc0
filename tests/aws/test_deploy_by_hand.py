"""The commands of the how-to do what it says, where there is an AWS CLI to try it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.sandbox.emulator import client_variables
from tests.aws.both import polling
from tests.docs.test_docs import DOCS, OPTIONS, OUTPUT, blocks_of, steps_of

PAGE = DOCS / "how-to" / "deploy-by-hand.md"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
STEPS = [
    step
    for block in blocks_of(PAGE)
    if block.note.endswith("needs the AWS CLI, and the sandbox")
    for step in steps_of(block)
]


def has_cli():
    if shutil.which("aws") is None:
        return False
    asked = subprocess.run(["aws", "--version"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.skipif(not has_cli(), reason="the AWS CLI is not installed")
def test_each_command_does_what_the_page_says(aws, emulator, zips, tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "sandbox").symlink_to(zips)
    variables = client_variables(emulator.endpoint)
    environment = {"PATH": PATH, "HOME": str(tmp_path), **variables}
    assert len(STEPS) > 20
    with polling(aws, tmp_path / "poller"):
        for command, expected in STEPS:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
                check=False,
            )
            said = f"{command}\n{done.stdout}"
            assert done.returncode == 0, said
            if expected:
                assert OUTPUT.check_output(expected, done.stdout, OPTIONS), said
