"""`penstock sandbox up` and `down`: the whole shape of AWS on a laptop."""

import os
import shlex
import sys
from pathlib import Path
from shutil import rmtree

import typer

from penstock.deploying import stacks
from penstock.deploying.deployment import outputs
from penstock.entrypoints.cli.deploy import Context, deploy_to, read_context
from penstock.entrypoints.cli.options import ConfigFile, DataDir, examples
from penstock.entrypoints.cli.output import say, say_next
from penstock.entrypoints.cli.place import Place, find_place
from penstock.entrypoints.cli.sandbox import (
    PORT,
    Port,
    ensure_emulator,
    ensure_poller,
    sandbox_folder,
    stop_all,
)
from penstock.sandbox.emulator import client_variables
from penstock.sandbox.produced import start_producer

__all__ = ["commands"]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(epilog=examples("sandbox up", "sandbox up -c enrichment=true"))
def up(
    *,
    port: Port = PORT,
    context: Context = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Start the emulator with the pipeline deployed, and trades in it.

    The stacks are those of `penstock deploy`, without what the emulator has not; the
    poller serves the event source mappings; and a producer puts a simulated trade on
    the stream each second.  Once more, it deploys what has changed.
    """
    folder = sandbox_folder(config, data_dir)
    found = ensure_emulator(folder, port)
    ensure_poller(folder)
    place = find_place("sandbox", None, config, data_dir)
    deploy_to(place, read_context(context, config), yes=True)
    _produce(place, folder, found.endpoint)
    say(f"\nIt runs at {found.endpoint}, and a trade comes each second. Try:")
    where = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
    say(f'  eval "$(penstock sandbox env{where})"')
    for line in _lines(place):
        say(f"  {line}")
    say("\nNext:")
    say_next(
        ["status --target sandbox", "tail --target sandbox", "sandbox down"],
        config=config,
        data_dir=data_dir,
    )


@commands.command(epilog=examples("sandbox down"))
def down(*, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Stop all of it, and forget what it held.

    `penstock sandbox stop` keeps that for the next start.
    """
    folder = sandbox_folder(config, data_dir)
    stop_all(folder)
    for made in (folder, *(folder.parent / "deploy").glob("sandbox-*")):
        rmtree(made, ignore_errors=True)
    say(f"Nothing runs, and {folder} is gone.")


def _produce(place: Place, folder: Path, endpoint: str) -> None:
    # It gets what the functions get, and nothing of what is set up for AWS.
    deployed = stacks.list_deployed(place.target, place.checkout.project)
    answer = place.target.clients("lambda").get_function_configuration(
        FunctionName=outputs(deployed)["FunctionName"]
    )
    command = place.checkout.facts["producer"]["mock_command"]
    start_producer(
        [sys.executable, "-m", "penstock", *command, "--data-dir", str(folder.parent)],
        folder,
        {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        | answer["Environment"]["Variables"]
        | client_variables(endpoint)
        | {"NO_PROXY": "127.0.0.1"},
    )


def _lines(place: Place) -> list[str]:
    said = outputs(stacks.list_deployed(place.target, place.checkout.project))
    return [
        f"aws kinesis describe-stream-summary --stream-name {said['StreamName']}",
        f"aws dynamodb scan --table-name {said['TableName']} --max-items 5",
        f"aws logs tail /aws/lambda/{said['FunctionName']}",
        f"aws s3 ls --recursive s3://{said['BucketName']}",
    ]
