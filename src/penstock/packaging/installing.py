"""Locked packages for another machine: by uv, or by pip where there is no uv."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from penstock.errors import ConfigError, UnavailableError

__all__ = ["ARCHITECTURES", "PYTHONS", "Target", "install"]

# Lambda's names -> those of wheels.
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
PYTHONS = ("3.11", "3.12", "3.13")

# Wheels for a glibc of 2.17 or newer: every Amazon Linux that Lambda has.
_PLATFORM = "manylinux2014"


class Target(Struct, frozen=True, kw_only=True):
    """A Lambda runtime.

    Attributes:
        arch: One of ARCHITECTURES.
        python: One of PYTHONS.
    """

    arch: str = "arm64"
    python: str = "3.13"


def install(locked: Path, folder: Path, target: Target) -> None:
    """Install what `locked` lists, and nothing that it does not, into `folder`.

    Only wheels of the hashes that it gives; nothing is built, nothing run.

    Raises:
        ConfigError: Neither uv nor pip is there.
        UnavailableError: It failed, as where the package index does not answer.
    """
    command = [
        *_installer(ARCHITECTURES[target.arch]),
        *("--python-version", target.python, "--only-binary", ":all:", "--no-deps"),
        *("--require-hashes", "--quiet", "--target", str(folder), "-r", str(locked)),
    ]
    done = subprocess.run(  # noqa: S603 (our own arguments, and no shell)
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or "no reason given"
        raise UnavailableError(f"{' '.join(command[:3])} failed: {said}")


def _installer(machine: str) -> list[str]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        install = [uv, "pip", "install", "--python", sys.executable]
        return [*install, "--python-platform", f"{machine}-{_PLATFORM}"]
    if find_spec("pip"):
        platform = f"{_PLATFORM}_{machine}"
        return [sys.executable, "-m", "pip", "install", "--platform", platform]
    raise ConfigError(
        "packaging needs uv or pip to fetch what the functions need. Install one: "
        "https://docs.astral.sh/uv."
    )
