"""Options of the commands about what is deployed, and what they come to."""

import os
from pathlib import Path
from typing import Annotated

import typer

from penstock.deploying.preparation import runtime_context
from penstock.deploying.synthesis import Checkout, find_checkout
from penstock.deploying.target import Target, find_aws, of_emulator
from penstock.entrypoints.cli.options import read_settings
from penstock.errors import ConfigError
from penstock.sandbox import emulator as emulators
from penstock.sandbox.environment import environment_path, runtime_of

__all__ = ["EnvironmentName", "Place", "TargetName", "Yes", "ask", "find_place"]

_TARGETS = ("aws", "sandbox")

EnvironmentName = Annotated[
    str | None,
    typer.Option(
        "--env",
        metavar="NAME",
        help="What names end in.  [default: [aws] environment of the settings, or dev]",
    ),
]
TargetName = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Where: aws, or sandbox, the emulator on this machine.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


class Place:
    """Where something is deployed, and what says how.

    Attributes:
        target: Where.
        checkout: What.
        folder: For what is made on the way.
    """

    def __init__(self, target: Target, data_dir: Path) -> None:
        self.target = target
        self.folder = data_dir / "deploy" / f"{target.kind}-{target.environment}"
        self.checkout: Checkout = find_checkout(Path.cwd(), os.environ)

    @property
    def runtime(self) -> dict[str, str]:
        """The context with which functions run there; empty for any.

        Raises:
            ConfigError: The emulator's environment is not where it should be.
        """
        if self.target.kind == "aws":
            return {}
        return runtime_context(*runtime_of(environment_path(os.environ)))


def find_place(
    kind: str, environment: str | None, config: Path | None, data_dir: Path | None
) -> Place:
    """Find what the options name.

    Raises:
        ConfigError: There is no such target, or no way to it.
    """
    settings = read_settings(config, data_dir)
    name = environment or settings.aws.environment
    if kind not in _TARGETS:
        raise ConfigError(f"--target must be {' or '.join(_TARGETS)}; found {kind!r}.")
    if kind == "aws":
        return Place(find_aws(name), settings.data_dir)
    found = emulators.find((settings.data_dir / "sandbox").absolute())
    if not found:
        raise ConfigError(
            f"no sandbox runs on {settings.data_dir}. `penstock sandbox up` starts one,"
            " with the pipeline deployed in it."
        )
    return Place(of_emulator(found.endpoint, name), settings.data_dir)


def ask(question: str, *, yes: bool) -> bool:
    """Ask, unless that is not wanted, and return whether the answer is yes.

    Raises:
        ConfigError: There is nobody to ask.
    """
    if yes:
        return True
    try:
        return typer.confirm(question)
    except typer.Abort as e:
        raise ConfigError("nobody answers, and nothing was done. Pass --yes.") from e
