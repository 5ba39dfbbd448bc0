"""`penstock deploy` and `destroy`: the infrastructure of infra/, there and gone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from penstock.deploying import stacks
from penstock.deploying.checks import check_functions
from penstock.deploying.costs import Cost
from penstock.deploying.deployment import Plan, abandon, carry_out, outputs
from penstock.deploying.preparation import prepare
from penstock.deploying.removal import remove
from penstock.entrypoints.cli.options import (
    SETTINGS_FILE,
    ConfigFile,
    DataDir,
    examples,
)
from penstock.entrypoints.cli.output import complain, say, say_next
from penstock.entrypoints.cli.place import (
    EnvironmentName,
    Place,
    TargetName,
    Yes,
    ask,
    find_place,
)
from penstock.entrypoints.cli.sandbox import sandbox_folder
from penstock.errors import ConfigError
from penstock.sandbox.produced import stop_producer

__all__ = ["Context", "commands", "deploy_to", "read_context"]

_FUNCTION = "AWS::Lambda::Function"

Context = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        "-c",
        metavar="KEY=VALUE",
        help="A switch of the infrastructure, such as streamShardCount=4; repeatable.",
    ),
]
_Diff = Annotated[
    bool, typer.Option("--diff", help="Show what would change, and change nothing.")
]
_KeepData = Annotated[
    bool,
    typer.Option("--keep-data", help="Leave the bucket and the tables, as they are."),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    epilog=examples(
        "deploy --diff",
        "deploy --env prod -c streamShardCount=4 -c email=ops@example.com",
        "deploy --target sandbox --yes",
    )
)
def deploy(
    *,
    env: EnvironmentName = None,
    target: TargetName = "aws",
    context: Context = None,
    diff: _Diff = False,
    yes: Yes = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Bring the pipeline to AWS, or to its emulator.

    It needs a checkout of penstock: infra/ says what is deployed, with its defaults in
    infra/facts.json.  What would change is shown, with what it costs by the month, and
    then asked.  Interrupted or failed, the same command goes on where it was.
    """
    place = find_place(target, env, config, data_dir)
    chosen = read_context(context, config)
    if not deploy_to(place, chosen, diff=diff, yes=yes) or diff:
        return
    options = "" if target == "aws" else f" --target {target}"
    options += f" --env {place.target.environment}"
    say("\nNext:")
    say_next(
        [f"{command}{options}" for command in ("status", "tail", "destroy")],
        config=config,
        data_dir=data_dir,
    )


@commands.command(epilog=examples("destroy --env test", "destroy --keep-data"))
def destroy(
    *,
    env: EnvironmentName = None,
    target: TargetName = "aws",
    keep_data: _KeepData = False,
    yes: Yes = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Take a deployed pipeline away, and prove it.

    Schedules and services stop first, then the functions; then the bucket is emptied,
    and every stack deleted, with the logs and tables that services made by themselves.
    What is still there is looked for by tag and by name, and listed; there is none.
    """
    place = find_place(target, env, config, data_dir)
    name = place.target.environment
    deployed = stacks.list_deployed(place.target, place.checkout.project)
    say(f"{_where(place)}: {', '.join(deployed) or 'no stacks'}.")
    what = "but for the bucket and the tables" if keep_data else "with all data"
    if not ask(f"Delete {name}, {what}?", yes=yes):
        return
    if target == "sandbox":
        stop_producer(sandbox_folder(config, data_dir))
    removed = remove(
        place.target,
        deployed,
        place.checkout.names(name),
        _tell,
        keeps_data=keep_data,
    )
    for kept in removed.kept:
        say(f"Kept: {kept}")
    if removed.left:
        complain(f"still there: {', '.join(removed.left)}")
        raise typer.Exit(1)
    say(f"Nothing {'else ' if removed.kept else ''}is left of {name}.")


def deploy_to(
    place: Place, context: dict[str, str], *, diff: bool = False, yes: bool = False
) -> bool:
    """Show, ask, deploy, try and say; return whether it came to that."""
    prepared = prepare(
        place.target, place.checkout, place.folder, place.runtime | context, say
    )
    say(f"\n{_where(place)}:")
    _show(prepared.plans, whole=diff)
    _show_costs(prepared.costs)
    is_changed = any(plan.action for plan in prepared.plans)
    if diff or (is_changed and not ask("\nDeploy this?", yes=yes)):
        abandon(place.target, prepared.plans)
        return diff
    carry_out(place.target, prepared.plans, _tell)
    _try_and_say(place)
    return True


def read_context(pairs: list[str] | None, config: Path | None) -> dict[str, str]:
    """Read what `-c` says, with the settings that the functions get.

    Raises:
        ConfigError: A word is no KEY=VALUE.
    """
    wrong = [pair for pair in pairs or [] if "=" not in pair]
    if wrong:
        raise ConfigError(f"-c must be KEY=VALUE; found {wrong[0]!r}.")
    chosen = dict(pair.split("=", 1) for pair in pairs or [])
    path = config or (SETTINGS_FILE if SETTINGS_FILE.is_file() else None)
    if path:
        chosen["config"] = str(path.absolute())
    return chosen


def _try_and_say(place: Place) -> None:
    target = place.target
    deployed = stacks.list_deployed(target, place.checkout.project)
    held = [r for s in deployed.values() for r in stacks.resources(target, s.id_)]
    names = [r["PhysicalResourceId"] for r in held if r["ResourceType"] == _FUNCTION]
    check_functions(target, names)
    say(f"\nEvery function answers: {', '.join(sorted(names))}.\n")
    said = outputs(deployed)
    width = max(map(len, said), default=0)
    for key, value in sorted(said.items()):
        say(f"{key:<{width}}  {value}")


def _where(place: Place) -> str:
    target = place.target
    where = "the sandbox" if target.kind == "sandbox" else f"account {target.account}"
    return f"{target.environment} in {where}, {target.region}"


def _show(plans: Sequence[Plan], *, whole: bool) -> None:
    for plan in plans:
        if plan.action == "create" and not whole:
            say(f"{plan.name}: create, with {len(plan.changes)} resources")
            continue
        say(f"{plan.name}: {plan.action or 'as it is'}")
        for change in plan.changes:
            say(f"  {change}")


def _show_costs(costs: Sequence[Cost]) -> None:
    if not costs:
        return
    total = sum(cost.monthly_usd for cost in costs)
    say(f"\nIt costs about ${total:,.2f} a month by being there (prices of us-east-1):")
    for cost in costs:
        say(f"  ${cost.monthly_usd:>8,.2f}  {cost.count} x {cost.what}")
    say("What flows through it comes on top.")


def _tell(line: str) -> None:
    say(f"  {line}")
