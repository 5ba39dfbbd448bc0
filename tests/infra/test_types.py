"""The CDK app is typed as strictly as the package."""

import os
import subprocess

import pytest

from tests.infra.templates import BIN, INFRA, ROOT


@pytest.mark.long
def test_mypy_finds_nothing_in_the_app():
    done = subprocess.run(
        [
            ROOT / ".venv" / "bin" / "mypy", "--python-executable", BIN / "python",
            "--cache-dir", ROOT / ".mypy_cache" / "infra", "--package", "penstock_cdk",
        ],
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": str(INFRA / "cdk-python")},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
