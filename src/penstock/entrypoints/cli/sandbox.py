"""`penstock sandbox`: an emulator of AWS on this machine, and the poller that it needs.

Everything is kept under the data directory, and nothing is installed by the way.
"""

import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.bootstrap import clock_us
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
    typed,
)
from penstock.entrypoints.cli.output import (
    Column,
    complain,
    print_json,
    print_table,
    say,
    say_next,
)
from penstock.entrypoints.cli.stopping import Stopper
from penstock.errors import BusyError, ConfigError, SourceError, UnavailableError
from penstock.sandbox import emulator as emulators
from penstock.sandbox.emulator import Emulator
from penstock.sandbox.environment import environment_path, install, python_of
from penstock.sandbox.produced import find_producer, stop_producer

if TYPE_CHECKING:
    from penstock.sandbox.served import MappingStatus
    from penstock.sandbox.service import PollerStatus

__all__ = [
    "PORT",
    "Port",
    "commands",
    "ensure_emulator",
    "ensure_poller",
    "sandbox_folder",
    "stop_all",
]

PORT = 4566  # where AWS's emulators are looked for
_MOST_PORT = 65535
_COLUMNS = (
    Column("Function"),
    Column("Stream"),
    Column("Shards", right=True, rank=2),
    Column("Invocations", right=True),
    Column("Failures", right=True),
    Column("Discarded", right=True),
    Column("Waiting", right=True, rank=1),
)


def _port(value: object) -> int:
    if str(value).isdecimal() and int(str(value)) <= _MOST_PORT:
        return int(str(value))
    raise ValueError(f"a port, such as {PORT}, or 0 for any that is free")


Port = Annotated[
    int,
    typer.Option(
        metavar="N", parser=typed(_port), help="Where it listens; 0 for any free port."
    ),
]
_Poller = Annotated[
    bool,
    typer.Option(
        "--poller/--no-poller",
        help="Serve event source mappings as AWS does, not as the emulator does.",
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command("install", epilog=examples("sandbox install"))
def install_emulator() -> None:
    """Install the emulator, in an environment of its own.

    It goes beside penstock, or where PENSTOCK_SANDBOX says: about 160 MB, every
    package of it at a version and hash that come with penstock.
    """
    where = environment_path(os.environ)
    say(f"Installing the emulator in {where}: this takes half a minute.")
    say("Done." if install(where) else "It is there already.")


@commands.command(epilog=examples("sandbox start", "sandbox start --port 0"))
def start(
    *,
    port: Port = PORT,
    poller: _Poller = True,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Start the emulator and the poller, in the background.

    What they hold is kept when they are stopped, and is there again when they start.
    """
    folder = sandbox_folder(config, data_dir)
    found = ensure_emulator(folder, port)
    if poller:
        ensure_poller(folder)
    if as_json:
        print_json(_as_json(folder))
        return
    say(f"AWS's emulator answers at {found.endpoint}.")
    if poller:
        say("Its event source mappings are served as AWS serves them.")
    say("\nNext, for what a shell needs to use it:")
    say_next(["sandbox env"], config=config, data_dir=data_dir)


@commands.command(epilog=examples("sandbox stop"))
def stop(*, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Stop the poller and the emulator; what they hold is kept."""
    folder = sandbox_folder(config, data_dir)
    if not emulators.find(folder):
        say(f"No sandbox runs on {folder}.")
    if stop_all(folder):
        say(f"Stopped. What it held is kept in {folder}.")


@commands.command(epilog=examples("sandbox status", "sandbox status --json"))
def status(
    *, config: ConfigFile = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Show what runs, and how event source mappings are doing."""
    folder = sandbox_folder(config, data_dir)
    if as_json:
        print_json(_as_json(folder))
        return
    found, poller = emulators.find(folder), _service().find_poller(folder)
    if not found:
        say(f"No sandbox runs on {folder}.")
        return
    say(f"AWS's emulator answers at {found.endpoint} (process {found.pid}).")
    if not poller:
        say("No poller runs: the emulator serves mappings, and not as AWS does.")
        return
    _print_poller(poller)


@commands.command(epilog=examples("sandbox env"))
def env(*, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Print what a shell needs to use the sandbox.

    It is for `eval`: AWS_ENDPOINT_URL, a region, and keys that open nothing else.
    """
    variables = emulators.client_variables(
        _running(sandbox_folder(config, data_dir)).endpoint
    )
    say("unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE")
    for name, value in variables.items():
        say(f"export {name}={value}")
    say('export NO_PROXY="127.0.0.1${NO_PROXY:+,$NO_PROXY}"')


@commands.command(epilog=examples("sandbox poll"))
def poll(*, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Serve event source mappings as AWS does, until Ctrl-C.

    `start` does it in the background; after `start --no-poller` it is seen here.
    """
    found = _running(sandbox_folder(config, data_dir))
    stopping, begun = threading.Event(), threading.Event()
    problems: dict[str, str | None] = {}

    def report(now: "PollerStatus") -> None:
        if not begun.is_set():
            begun.set()
            say(f"Serving event source mappings of {found.endpoint}; Ctrl-C ends it.")
        for mapping in now.mappings:
            problem = mapping.tally.problem
            if problems.get(mapping.uuid, "") != problem:
                say(f"{_name(mapping.function_arn)}: {problem or 'served'}")
            problems[mapping.uuid] = problem

    with Stopper().calls(stopping.set):
        if not _service().serve(found, stopping, clock_us, report):
            raise UnavailableError("the emulator has ended")


def stop_all(folder: Path) -> bool:
    """Stop whatever runs on `folder`, and return whether the emulator kept what it had.

    None that runs keeps nothing.
    """
    stop_producer(folder)
    _service().stop_poller(folder)
    if not emulators.find(folder):
        return False
    by_itself = emulators.stop(folder)
    if not by_itself:
        complain("the emulator had to be killed: what it held since it started is lost")
    return by_itself


def ensure_emulator(folder: Path, port: int) -> Emulator:
    """Return the emulator on `folder`, started unless it runs.

    Raises:
        BusyError: It runs at another port.
        ConfigError: It is not installed.
        UnavailableError: It does not start.
    """
    found = emulators.find(folder)
    if found and port not in (0, PORT, found.port):
        raise BusyError(
            f"the sandbox runs already at {found.endpoint}. Stop it first: "
            "`penstock sandbox stop`."
        )
    return found or _start_emulator(folder, port)


def ensure_poller(folder: Path) -> None:
    """Start the poller of the emulator on `folder`, unless it runs."""
    if _service().find_poller(folder) is None:
        command = [sys.executable, "-m", "penstock", "sandbox", "poll"]
        command += ["--data-dir", str(folder.parent)]
        _service().start_poller(command, folder)


def sandbox_folder(config: Path | None, data_dir: Path | None) -> Path:
    """Return where the emulator keeps everything."""
    return (read_settings(config, data_dir).data_dir / "sandbox").absolute()


def _running(folder: Path) -> Emulator:
    found = emulators.find(folder)
    if not found:
        raise ConfigError(
            f"no sandbox runs on {folder}. Start it: `penstock sandbox start`."
        )
    return found


def _as_json(folder: Path) -> dict[str, object]:
    found = emulators.find(folder)
    return {
        "folder": str(folder),
        "emulator": found and {"endpoint": found.endpoint, "pid": found.pid},
        "poller": _service().find_poller(folder),
        "producer": find_producer(folder),
    }


def _start_emulator(folder: Path, port: int) -> Emulator:
    if emulators.ended_badly(folder):
        complain(
            "the last emulator did not end by itself: what came since it was started "
            "is lost, but for objects in S3"
        )
    python = python_of(environment_path(os.environ))
    return emulators.start(python, folder, port=port, keeps=True)


def _service() -> ModuleType:
    try:
        return import_module("penstock.sandbox.service")
    except ImportError as e:
        raise SourceError(
            "the sandbox needs the extra `aws`: pip install 'penstock[cli,aws]'"
        ) from e


def _print_poller(poller: "PollerStatus") -> None:
    say(f"The poller runs (process {poller.pid}).\n")
    if not poller.mappings:
        say("No event source mapping of a Kinesis stream is deployed.")
        return
    print_table(_COLUMNS, [_row(mapping) for mapping in poller.mappings])
    for mapping in poller.mappings:
        if mapping.tally.problem:
            say(f"\n{_name(mapping.function_arn)}: {mapping.tally.problem}")


def _row(mapping: "MappingStatus") -> list[str]:
    tally = mapping.tally
    return [
        _name(mapping.function_arn),
        mapping.stream_arn.rpartition("/")[2],
        f"{mapping.shards:,}",
        f"{tally.invocations:,}",
        f"{tally.failures:,}",
        f"{tally.discarded:,}",
        f"{tally.waiting:,}",
    ]


def _name(function_arn: str) -> str:
    return function_arn.partition(":function:")[2]
