"""The Python environment that the emulator runs in: its own, since it pins botocore.

What goes in stands in requirements.txt beside this module, exact and with hashes.  It
is installed when it is asked for, never by the way.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree

from penstock.errors import ConfigError, UnavailableError

__all__ = [
    "VARIABLE",
    "environment_path",
    "install",
    "is_installed",
    "python_of",
    "runtime_of",
]

VARIABLE = "PENSTOCK_SANDBOX"
"""The environment variable that names another place for it."""

_PINS = Path(__file__).parent / "requirements.txt"
# A copy of the pins, written last: an environment without it, or with others, is none.
_STAMP = "requirements.txt"


def environment_path(variables: Mapping[str, str]) -> Path:
    """Return where the environment is, or is to be.

    It is what PENSTOCK_SANDBOX says; otherwise it lies within the environment that
    penstock runs in, and goes with it.
    """
    named = variables.get(VARIABLE)
    return Path(named).absolute() if named else Path(sys.prefix) / "sandbox"


def is_installed(environment: Path) -> bool:
    """Tell whether the environment is complete, and holds what this version pins."""
    try:
        return (environment / _STAMP).read_bytes() == _PINS.read_bytes()
    except OSError:
        return False


def python_of(environment: Path) -> Path:
    """Return the environment's interpreter.

    Raises:
        ConfigError: The environment is not there, or is another version's.
    """
    if not is_installed(environment):
        state = "is out of date" if environment.exists() else "is not installed"
        raise ConfigError(
            f"the emulator {state} in {environment}. Run `penstock sandbox install`, "
            f"or let {VARIABLE} name an environment that it has made."
        )
    return environment / "bin" / "python"


def runtime_of(environment: Path) -> tuple[str, str]:
    """Return what the emulator runs functions with: Python's version, and the machine.

    Such as ("3.13", "x86_64"): whatever runtime a function asks for.

    Raises:
        ConfigError: The environment is not there, or is another version's.
    """
    code = "import sys, platform; print(*sys.version_info[:2], platform.machine())"
    said = subprocess.check_output([python_of(environment), "-c", code], text=True)  # noqa: S603 (as below)
    major, minor, machine = said.split()
    return f"{major}.{minor}", machine


def install(environment: Path) -> bool:
    """Make the environment from the pins, and return whether anything was to do.

    An environment of other pins is replaced.  Takes half a minute, and the network.

    Raises:
        ConfigError: A folder is in the way, or no environment can be made there.
        UnavailableError: The packages did not come.
    """
    if is_installed(environment):
        return False
    _clear(environment)
    _run(
        [sys.executable, "-m", "venv", str(environment)],
        ConfigError(f"no environment for the emulator can be made in {environment}"),
    )
    _run(
        [
            *(str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"),
            *("--disable-pip-version-check", "--no-input", "--only-binary=:all:"),
            *("--require-hashes", "--requirement", str(_PINS)),
        ],
        UnavailableError("the emulator's packages could not be installed"),
    )
    (environment / _STAMP).write_bytes(_PINS.read_bytes())
    return True


def _clear(environment: Path) -> None:
    if not environment.exists():
        return
    # What this has not made is not its to remove.
    if not (environment / "pyvenv.cfg").is_file():
        raise ConfigError(
            f"{environment} is in the way: it is no Python environment. Remove it, or "
            f"name another place in {VARIABLE}."
        )
    rmtree(environment)


def _run(command: list[str], failure: ConfigError | UnavailableError) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (nothing of it comes from outside)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise type(failure)(f"{failure}: {said or f'exit code {done.returncode}'}")
