"""What is installed without extras works, and the core's imports stay light."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
CORE = """
import penstock.bootstrap, penstock.local.archiver, penstock.memory
import penstock.pipeline, penstock.verify
"""
# What an import path that must start within milliseconds never reaches.
HEAVY = {
    *("asyncio", "boto3", "botocore", "click", "duckdb", "rich", "starlette"),
    *("typer", "uvicorn", "zstandard"),
}


def contents(package):
    return {
        path.relative_to(package): path.read_bytes()
        for pattern in ("*.py", "*.txt", "py.typed")
        for path in package.rglob(pattern)
    }


def test_the_core_imports_nothing_heavy():
    code = f"{CORE}\nimport sys\nprint(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert "penstock.local.stream" in loaded
    assert HEAVY.intersection(loaded) == set()


@pytest.mark.skipif(not UV.exists(), reason="uv is not installed beside this Python")
def test_the_built_package_works_with_msgspec_alone(tmp_path):
    venv = tmp_path / "venv"
    sync = ["sync", "--locked", "--no-default-groups", "--no-editable", "--quiet"]
    # Or uv would take the package that it built last from its cache.
    subprocess.run(
        [UV, *sync, "--reinstall-package=penstock", "--python", sys.executable],
        cwd=ROOT,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(venv)},
        check=True,
    )
    code = (
        f"{CORE}\nfrom importlib.metadata import distributions, version\n"
        "assert penstock.__version__ == version('penstock')\n"
        "print(*sorted(d.name for d in distributions()), penstock.__file__)"
    )
    python = [venv / "bin" / "python", "-I", "-W", "error", "-c", code]
    *installed, file = subprocess.check_output(python, text=True).split()
    assert installed == ["msgspec", "penstock"]
    assert Path(file).is_relative_to(venv)
    assert contents(Path(file).parent) == contents(ROOT / "src" / "penstock")
