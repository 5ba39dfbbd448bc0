"""`penstock package`: small zips, the same again, that work where nothing else is."""

import filecmp
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from penstock.packaging import FUNCTIONS
from tests.commands import penstock, read_json

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
LOCKED = ROOT / "src" / "penstock" / "packaging" / "lambda.txt"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
EXPORT = ["export", "--quiet", "--locked", "--no-default-groups", "--no-emit-project"]
EXPORT += ["--no-header", "--no-annotate"]

pytestmark = pytest.mark.skipif(not UV.exists(), reason="uv is not beside this Python")


def export(*options):
    """Return a part of uv.lock as requirements."""
    command = [UV, *EXPORT, *options]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def test_what_is_packed_is_what_is_locked():
    assert LOCKED.read_text() == export("--extra", "live", "--prune", "websockets")


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    """The zips for this machine's Python."""
    out = tmp_path_factory.mktemp("lambda")
    made = package(out, arch=os.uname().machine, python=HERE)
    return {item["function"]: Path(item["path"]) for item in made}


def package(out, *, arch="arm64", python="3.13"):
    names = ["--target", "lambda", "--arch", arch, "--python", python, "--out", out]
    return read_json("package", *names)


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_zips_are_small_the_same_again_and_for_the_machine_asked_for(tmp_path, python):
    one = package(tmp_path / "one", python=python)
    two = package(tmp_path / "two", python=python)
    assert [item["function"] for item in one] == list(FUNCTIONS)
    for first, second in zip(one, two, strict=True):
        assert filecmp.cmp(first["path"], second["path"], shallow=False)
        assert first["size_bytes"] == Path(first["path"]).stat().st_size < 3_000_000
        with zipfile.ZipFile(first["path"]) as archive:
            names = archive.namelist()
        tag = python.replace(".", "")
        assert f"msgspec/_core.cpython-{tag}-aarch64-linux-gnu.so" in names
        assert f"data_{first['function']}_lambda.py" in names
        assert not {n for n in names if n.startswith(("boto", "penstock/local"))}


def test_pip_makes_the_same_zips_where_there_is_no_uv(tmp_path, monkeypatch):
    by_uv = package(tmp_path / "one")
    monkeypatch.setattr("penstock.packaging.installing.shutil.which", lambda _: None)
    python = tmp_path / "python"  # which no uv stands beside
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr("penstock.packaging.installing.sys.executable", str(python))
    by_pip = package(tmp_path / "two")
    for first, second in zip(by_uv, by_pip, strict=True):
        assert filecmp.cmp(first["path"], second["path"], shallow=False)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A Python that has what Lambda's runtime has, and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    locked = folder / "locked.txt"
    locked.write_text(export("--extra", "aws", "--prune", "msgspec"))
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, folder / "v"], check=True)
    python = folder / "v" / "bin" / "python"
    install = [UV, "pip", "install", "-q", "--require-hashes", "--python", python]
    subprocess.run([*install, "-r", locked], check=True)
    return python


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_zip_can_be_imported_where_only_the_sdk_is(name, zips, runtime, tmp_path):
    with zipfile.ZipFile(zips[name]) as archive:
        archive.extractall(tmp_path)
    code = f"import {FUNCTIONS[name]} as f, penstock; print(penstock.__file__)"
    done = subprocess.check_output(
        [runtime, "-W", "error", "-c", code], cwd=tmp_path, text=True
    )
    assert Path(done.strip()).is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--target", "azure", "--target must be lambda; found 'azure'."),
        ("--arch", "arm", "--arch must be arm64 or x86_64; found 'arm'."),
        ("--python", "2.7", "--python must be 3.11 or 3.12 or 3.13; found '2.7'."),
    ],
)
def test_what_lambda_does_not_have_is_told(option, value, complaint):
    said = penstock("package", option, value, code=2)
    assert said.stderr == f"penstock: {complaint}\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    said = penstock("package", "--out", tmp_path / "file" / "zips", code=2)
    assert "cannot be written: Not a directory. Pass another --out." in said.stderr
