"""`penstock status`, `logs` and `tail`: how what is deployed is doing."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, cast

import typer
from msgspec import Struct

from penstock.aws.clients import Clients
from penstock.aws.states import DynamoStates
from penstock.bootstrap import clock_us
from penstock.codec import iso_time
from penstock.config.settings import AwsSettings
from penstock.deploying import stacks
from penstock.deploying.bill import cost_so_far
from penstock.deploying.logs import Line, follow, read_lines
from penstock.deploying.overview import FunctionState, Overview, look_over
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    typed,
)
from penstock.entrypoints.cli.output import Column, fields, print_json, print_table, say
from penstock.entrypoints.cli.place import (
    EnvironmentName,
    Place,
    TargetName,
    find_place,
)
from penstock.entrypoints.cli.stopping import Stopper
from penstock.entrypoints.cli.words import price
from penstock.errors import ConfigError
from penstock.units import duration_us

__all__ = ["commands"]

_FUNCTION = "AWS::Lambda::Function"
_TABLE = "AWS::DynamoDB::Table"
_COLUMNS = (
    Column("Function"),
    Column("Invocations", right=True),
    Column("Errors", right=True),
    Column("Oldest record, s", right=True, rank=1),
)
_HOUR_US, _MINUTE_US = 3_600_000_000, 60_000_000
_Since = Annotated[
    int | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=typed(duration_us),
        help="How far back, such as 10m.  [default: 1h; for tail, 1m]",
    ),
]

commands = typer.Typer(rich_markup_mode=None)


_Cost = Annotated[
    bool,
    typer.Option(
        "--cost", help="Ask what this month has cost so far; AWS takes $0.01 for it."
    ),
]


class _Price(Struct, frozen=True, kw_only=True):
    """A ticker's last one, and when it was."""

    price: float
    time_us: int


@commands.command(epilog=examples("status", "status --target sandbox --json"))
def status(
    *,
    env: EnvironmentName = None,
    target: TargetName = "aws",
    config: ConfigFile = None,
    data_dir: DataDir = None,
    cost: _Cost = False,
    as_json: AsJson = False,
) -> None:
    """Show how what is deployed is doing.

    Its stacks; the stream; what the functions did in the last hour, and how old the
    oldest record was that they were given; the alarms that ring; and the last prices.
    """
    place = find_place(target, env, config, data_dir)
    now = datetime.now(UTC)
    found = look_over(place.target, place.checkout.project, now)
    prices = _prices(place) if found.stacks else {}
    costs = cost_so_far(place.target, place.checkout.project, now) if cost else {}
    if as_json:
        print_json(fields(found, prices=prices, cost_usd=costs if cost else None))
        return
    if not found.stacks:
        say(f"Nothing is deployed as {place.target.environment}.")
        return
    _print(found)
    for ticker, last in sorted(prices.items()):
        say(f"{ticker}: {price(last.price)} at {iso_time(last.time_us)}")
    if cost:
        _print_cost(costs)


@commands.command(epilog=examples("logs consumer", "logs consumer --since 10m"))
def logs(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", hidden=True)],
    *,
    since: _Since = None,
    env: EnvironmentName = None,
    target: TargetName = "aws",
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print what a function has written.

    FUNCTION is its name, or enough of it: consumer, producer, sweeper, enrichment.
    """
    place = find_place(target, env, config, data_dir)
    matching = [name for name in _functions(place) if function in name]
    if len(matching) != 1:
        known = ", ".join(matching or _functions(place)) or "none"
        raise ConfigError(
            f"{function!r} names {len(matching)} functions: name one of {known}."
        )
    since_ms = (clock_us() - (since or _HOUR_US)) // 1000
    for line in read_lines(place.target, matching[0], since_ms):
        say(line.text)


@commands.command(epilog=examples("tail", "tail --env prod --since 10m"))
def tail(
    *,
    since: _Since = None,
    env: EnvironmentName = None,
    target: TargetName = "aws",
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print what all functions write, as it comes.

    Ctrl-C ends it.
    """
    place = find_place(target, env, config, data_dir)
    functions = _functions(place)
    if not functions:
        raise ConfigError(f"nothing is deployed as {place.target.environment}.")
    stopping = threading.Event()
    since_ms = (clock_us() - (since or _MINUTE_US)) // 1000
    with Stopper().calls(stopping.set):
        for line in follow(place.target, functions, since_ms, stopping.is_set):
            say(_line(line))


def _functions(place: Place) -> list[str]:
    return _held(place, _FUNCTION)


def _held(place: Place, type_: str) -> list[str]:
    deployed = stacks.list_deployed(place.target, place.checkout.project)
    return sorted(
        found["PhysicalResourceId"]
        for stack in deployed.values()
        for found in stacks.resources(place.target, stack.id_)
        if found["ResourceType"] == type_
    )


def _prices(place: Place) -> dict[str, _Price]:
    names = AwsSettings(environment=place.target.environment).named()
    if names.state_table not in _held(place, _TABLE):
        return {}
    # Clients by the name of a service are all that it asks for.
    clients = cast("Clients", place.target.clients)
    states = DynamoStates(clients, names.state_table, names.positions_table)
    return {
        ticker: _Price(price=state.last_price, time_us=state.last_us)
        for ticker, state in states.load(states.tickers()).items()
    }


def _print(found: Overview) -> None:
    for name, state in found.stacks.items():
        say(f"{name}: {state}")
    if found.stream:
        stream = found.stream
        say(f"{stream.name}: {stream.status}, {stream.shards} shards")
    say("\nIn the last hour:\n")
    print_table(_COLUMNS, [_row(function) for function in found.functions])
    ringing = [name for name, state in found.alarms.items() if state == "ALARM"]
    say(f"\nAlarms: {', '.join(ringing) or f'none of {len(found.alarms)} rings'}\n")


def _print_cost(costs: Mapping[str, Decimal]) -> None:
    say(f"\nThis month so far: ${sum(costs.values()):,.2f}")
    for service, usd in costs.items():
        say(f"  {service}: ${usd:,.2f}")
    if not costs:
        say("Nothing is billed by its tags. Activate `project` and `environment` as")
        say("cost allocation tags; AWS tells a day's cost the day after.")


def _row(found: FunctionState) -> list[str]:
    age = found.iterator_age_ms
    return [
        found.name,
        "-" if found.invocations is None else f"{found.invocations:,}",
        "-" if found.errors is None else f"{found.errors:,}",
        "-" if age is None else f"{age / 1000:,.1f}",
    ]


def _line(line: Line) -> str:
    return f"{iso_time(line.time_ms * 1000)} {line.function}: {line.text}"
