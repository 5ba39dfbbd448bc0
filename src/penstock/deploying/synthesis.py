"""Runs the CDK app of a checkout, in the environment that `make` sets up for it."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

from msgspec import Struct

from penstock.aws.errors import translated
from penstock.deploying.assembly import Stack, missing_context, read_assembly
from penstock.deploying.leftovers import Names
from penstock.deploying.target import Target
from penstock.errors import ConfigError

__all__ = ["VARIABLE", "Checkout", "find_checkout", "synthesise"]

VARIABLE = "PENSTOCK_INFRA"
"""The environment variable that names another environment with the CDK in it."""

_APP = Path("infra", "cdk-python")
_ALARMS = "crypto-"  # each alarm has a name that only its stack knows
_QUOTED = 3000  # characters


class Checkout(Struct, frozen=True, kw_only=True):
    """A checkout of penstock, for what is deployed is not in its package.

    Attributes:
        root: Its folder.
        environment: The Python environment with the CDK.
    """

    root: Path
    environment: Path

    @property
    def facts(self) -> dict[str, Any]:
        """The names and defaults of infra/facts.json."""
        found: dict[str, Any] = json.loads(
            (self.root / "infra" / "facts.json").read_bytes()
        )
        return found

    @property
    def project(self) -> str:
        """The value of the tag `project`, by which all of it is found."""
        return str(self.facts["tags"]["project"])

    def names(self, environment: str) -> Names:
        """By what the resources of an environment are known."""
        bases = frozenset(self.facts["names"].values()) | {_ALARMS}
        return Names(project=self.project, bases=bases, environment=environment)


def find_checkout(start: Path, variables: Mapping[str, str]) -> Checkout:
    """Find the checkout that `start` is in, or that penstock itself runs from.

    Raises:
        ConfigError: There is none.
    """
    for folder in (start, *start.parents, Path(__file__).parents[3]):
        if (folder / _APP / "app.py").is_file():
            named = variables.get(VARIABLE)
            environment = Path(named) if named else folder / ".venv-infra"
            return Checkout(root=folder, environment=environment.absolute())
    raise ConfigError(
        f"{start} is in no checkout of penstock: {_APP}, which says what is deployed,"
        " is not there. Clone penstock, and run the command in its folder."
    )


def synthesise(
    checkout: Checkout, target: Target, out: Path, context: Mapping[str, str]
) -> list[Stack]:
    """Write the templates into the folder `out`; return the stacks in their order.

    Args:
        checkout: Whose app.
        target: Its account and region, of which the names of resources are made.
        out: What was in it goes.
        context: The app's context variables.

    Raises:
        ConfigError: The app refuses the context, or its environment is not there.
    """
    chosen: dict[str, Any] = {
        **json.loads((checkout.root / _APP / "cdk.json").read_bytes())["context"],
        **context,
        "environment": target.environment,
        "profile": target.kind,
    }
    _run(checkout, target, out, chosen)
    if missing := missing_context(out):
        _run(checkout, target, out, chosen | _looked_up(target, missing))
    return read_assembly(out)


def _run(
    checkout: Checkout, target: Target, out: Path, context: Mapping[str, Any]
) -> None:
    python = checkout.environment / "bin" / "python"
    if not python.exists():
        raise ConfigError(
            f"the CDK is not installed in {checkout.environment}. Run"
            f" `make .venv-infra/.ready` in {checkout.root}, or let {VARIABLE} name an"
            " environment that has it."
        )
    rmtree(out, ignore_errors=True)
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(  # noqa: S603 (our own app, and no shell)
        [python, "app.py"],
        cwd=checkout.root / _APP,
        env={
            **os.environ,
            "PATH": path,  # Node.js is beside the interpreter
            "CDK_OUTDIR": str(out.absolute()),
            "CDK_DEFAULT_ACCOUNT": target.account,
            "CDK_DEFAULT_REGION": target.region,
            "CDK_CONTEXT_JSON": json.dumps(context),
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-_QUOTED:]
        raise ConfigError(f"nothing was deployed: {said}")


def _looked_up(target: Target, missing: list[dict[str, Any]]) -> dict[str, Any]:
    strange = [m["provider"] for m in missing if m["provider"] != "availability-zones"]
    if strange:
        raise ConfigError(
            f"the app asks AWS for {strange[0]}, which is not known here."
        )
    with translated("ec2 DescribeAvailabilityZones"):
        answer = target.clients("ec2").describe_availability_zones()
    zones = [zone["ZoneName"] for zone in answer["AvailabilityZones"]]
    return {m["key"]: zones for m in missing}
