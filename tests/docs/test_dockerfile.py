"""The Dockerfile, as far as it can be told without building it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import penstock
from penstock.entrypoints.cli import COMMANDS
from tests.commands import penstock as run_penstock

ROOT = Path(__file__).parents[2]
FILE = ROOT / "Dockerfile"


def instructions():
    """Return [(instruction, arguments)], comments left out and lines joined."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


ALL = instructions()
STAGES = [n for n, (name, _) in enumerate(ALL) if name == "FROM"]
FINAL = ALL[STAGES[-1] :]


def of(name, within=ALL):
    return [arguments for instruction, arguments in within if instruction == name]


def test_base_images_have_a_version_and_nothing_is_fetched_from_elsewhere():
    assert [image.split()[0] for image in of("FROM")] == ["python:3.13-slim"] * 2
    assert of("ADD") == []


def test_the_final_stage_runs_as_a_user_without_rights_and_installs_nothing():
    (user,) = of("USER", FINAL)
    assert int(user) > 0
    assert not re.search(r"\b(apt-get|pip|uv|gcc)\b", " ".join(of("RUN", FINAL)))
    names = [name for name, _ in FINAL]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_dependencies_are_those_of_the_lock_file():
    installs = [run for run in of("RUN") if "uv" in run]
    assert len(installs) == 3
    assert "--require-hashes" in installs[0]
    assert all("--locked" in run for run in installs[1:])


def test_what_is_copied_exists_and_docker_may_see_it():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for copy in of("COPY"):
        if copy.startswith("--from"):
            continue
        for source in copy.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored


def test_everything_that_runs_is_in_exec_form():
    health = [text.partition("CMD ")[2] for text in of("HEALTHCHECK", FINAL)]
    for command in [*of("RUN"), *of("ENTRYPOINT"), *of("CMD"), *health]:
        assert all(isinstance(word, str) for word in json.loads(command))


def test_the_command_is_one_of_ours_and_takes_its_options(tmp_path):
    (entrypoint,), (command,) = of("ENTRYPOINT", FINAL), of("CMD", FINAL)
    assert json.loads(entrypoint) == ["penstock"]
    name, *options = json.loads(command)
    assert name in COMMANDS
    here = [option.replace("/data", str(tmp_path)) for option in options]
    run_penstock(name, *here, "--duration", "1500ms")
    (health,) = of("HEALTHCHECK", FINAL)
    check = json.loads(health.partition("CMD ")[2])
    healthy = [word.replace("/data", str(tmp_path)) for word in check]
    assert "/data/healthy" in command
    assert subprocess.run(healthy, check=False).returncode == 0
    os.utime(tmp_path / "healthy", (0, 0))
    assert subprocess.run(healthy, check=False).returncode == 1


def test_labels_say_the_version():
    (labels,) = of("LABEL", FINAL)
    assert f'image.version="{penstock.__version__}"' in labels
    assert 'image.licenses="Apache-2.0"' in labels


def test_hadolint_has_no_complaint():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, str(FILE)], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
