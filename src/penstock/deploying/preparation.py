"""Everything up to the question whether to deploy."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from penstock.deploying import stacks
from penstock.deploying.assets import bootstrap_sandbox, publish
from penstock.deploying.costs import Cost, fixed_costs
from penstock.deploying.deployment import Plan, make_plans
from penstock.deploying.stacks import Tell
from penstock.deploying.synthesis import Checkout, synthesise
from penstock.deploying.target import Target
from penstock.packaging import Target as Runtime
from penstock.packaging import package
from penstock.packaging.installing import ARCHITECTURES

__all__ = ["Prepared", "prepare", "runtime_context"]

_CODE, _PYTHON, _ARCHITECTURE = "codeDir", "lambdaPython", "lambdaArchitecture"


class Prepared(Struct, frozen=True, kw_only=True):
    """What would be deployed.

    Attributes:
        plans: What becomes of each stack, in the order in which it does.
        costs: What they cost by being there; nothing in the sandbox.
    """

    plans: list[Plan]
    costs: list[Cost]


def runtime_context(python: str, machine: str) -> dict[str, str]:
    """Return the context with which functions run on a machine with its Python.

    >>> runtime_context("3.13", "aarch64")
    {'lambdaPython': '3.13', 'lambdaArchitecture': 'arm64'}
    """
    names = {machine: name for name, machine in ARCHITECTURES.items()}
    return {_PYTHON: python, _ARCHITECTURE: names.get(machine, machine)}


def prepare(
    target: Target,
    checkout: Checkout,
    folder: Path,
    context: Mapping[str, str],
    tell: Tell,
) -> Prepared:
    """Package the functions, write the templates, publish both, and plan.

    Args:
        target: Where to.
        checkout: Of what.
        folder: For zips and templates.
        context: Of the CDK app; zips that are made already are its `codeDir`.
        tell: Told what is done.

    Raises:
        ConfigError: Something is to be changed first; nothing is deployed.
        UnavailableError: AWS or the package index does not answer.
    """
    chosen = dict(context)
    if _CODE not in chosen:
        facts = checkout.facts["functions"]
        runtime = Runtime(
            arch=chosen.get(_ARCHITECTURE, facts["architecture"]),
            python=chosen.get(_PYTHON, facts["python"]),
        )
        tell(f"Packaging the functions for Python {runtime.python} on {runtime.arch}")
        package(folder / "lambda", runtime)
        chosen[_CODE] = str((folder / "lambda").absolute())
    tell("Writing the templates")
    wanted = synthesise(checkout, target, folder / "templates", chosen)
    if target.kind == "sandbox":
        bootstrap_sandbox(target, wanted)
    publish(target, wanted)
    deployed = stacks.list_deployed(target, checkout.project)
    for found in deployed.values():
        stacks.settle(target, found, tell)
    plans = make_plans(target, wanted, stacks.list_deployed(target, checkout.project))
    is_free = target.kind == "sandbox"
    costs = [] if is_free else fixed_costs(stack.template for stack in wanted)
    return Prepared(plans=plans, costs=costs)
