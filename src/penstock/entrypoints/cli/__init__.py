"""The `penstock` command: parses, calls, prints, and decides nothing.

Each group of commands is a module beside this one, imported once a command of it is
asked for, so that help comes at once.  Here alone errors become exit codes.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from penstock import __version__
from penstock.errors import PenstockError, SourceError, UnavailableError

__all__ = ["COMMANDS", "EXIT_CODES", "GROUPS", "Entry", "app", "main"]

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "verify found a difference, redrive letters that stay, lookup get no row,"
    " destroy something left",
    2: "the command, the settings or a file cannot be used as they are",
    4: "a disk or another store did not answer: the same command may work later",
    130: "interrupted by Ctrl-C or SIGTERM; 0 where that is the usual end, as of run",
    141: "whoever read the output stopped reading",
}


class Entry(NamedTuple):
    """Where a command is.

    Attributes:
        module: Its module, beside this one.
        summary: The first line of its help.
    """

    module: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "run": Entry("run", "Watch a market live: bars, alerts, positions, profit."),
    "replay": Entry("replay", "Run recorded trades through the pipeline."),
    "produce": Entry("produce", "Take trades into the log, and do no more."),
    "consume": Entry("consume", "Process the trades of a Kinesis stream."),
    "record": Entry("record", "Write down what venues send, as they send it."),
    "feeds": Entry("feeds", "Show what the live feeds are doing."),
    "positions": Entry("look", "List the open positions, at the last prices."),
    "trades": Entry("look", "List the completed trades, newest first."),
    "alerts": Entry("look", "List the alerts, newest first."),
    "history": Entry("series", "List the prices of a ticker, newest first."),
    "bars": Entry("series", "List the bars of a ticker, newest first."),
    "dead-letters": Entry("letters", "List what could not be read, newest first."),
    "redrive": Entry("letters", "Try the dead letters again, after a fix."),
    "verify": Entry("verify", "Rebuild all from the archive, and compare."),
    "lookup load": Entry("lookup", "Load rows into TABLE from FILE: CSV or JSON."),
    "lookup list": Entry("lookup", "List rows of TABLE."),
    "lookup get": Entry("lookup", "Show the rows of TABLE under each KEY."),
    "package": Entry("package", "Make the zips of the AWS functions."),
    "deploy": Entry("deploy", "Bring the pipeline to AWS, or to its emulator."),
    "destroy": Entry("deploy", "Take a deployed pipeline away, and prove it."),
    "status": Entry("deployed", "Show how what is deployed is doing."),
    "logs": Entry("deployed", "Print what a function has written."),
    "tail": Entry("deployed", "Print what all functions write, as it comes."),
    "enrich": Entry("enrich", "Add what is looked up to the events of FILE."),
    "sandbox install": Entry(
        "sandbox", "Install the emulator, in an environment of its own."
    ),
    "sandbox start": Entry(
        "sandbox", "Start the emulator and the poller, in the background."
    ),
    "sandbox stop": Entry(
        "sandbox", "Stop the poller and the emulator; what they hold is kept."
    ),
    "sandbox status": Entry(
        "sandbox", "Show what runs, and how event source mappings are doing."
    ),
    "sandbox up": Entry(
        "sandbox_up", "Start the emulator with the pipeline deployed, and trades in it."
    ),
    "sandbox down": Entry("sandbox_up", "Stop all of it, and forget what it held."),
    "sandbox env": Entry("sandbox", "Print what a shell needs to use the sandbox."),
    "sandbox poll": Entry(
        "sandbox", "Serve event source mappings as AWS does, until Ctrl-C."
    ),
}
# The first word of commands of two.
GROUPS: Mapping[str, str] = {
    "lookup": "Keep the tables that events are enriched from.",
    "sandbox": "Run an emulator of AWS on this machine.",
}


class _Command(TyperCommand):
    """A command that is imported when it is used."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name=name, help=entry.summary)
        self._module = entry.module

    def make_context(self, *arguments: Any, **extra: Any) -> Any:  # noqa: ANN401 (Typer has no public names for these)
        try:
            module = import_module(f"{__name__}.{self._module}")
        except ModuleNotFoundError as e:
            if e.name not in ("boto3", "botocore"):
                raise
            raise SourceError(
                f"{self.name} needs the extra `aws`: pip install 'penstock[cli,aws]'"
            ) from e
        command = get_group(module.commands).commands[str(self.name)]
        return command.make_context(*arguments, **extra)


class _Commands(TyperGroup):
    """All commands, and what becomes of their errors."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 (Typer's)
        super().__init__(**attributes)
        groups = {
            name: TyperGroup(
                name=name, help=text, no_args_is_help=True, rich_markup_mode=None
            )
            for name, text in GROUPS.items()
        }
        for words, entry in COMMANDS.items():
            first, _, second = words.partition(" ")
            if second:
                groups[first].add_command(_Command(second, entry))
                self.add_command(groups[first])
            else:
                self.add_command(_Command(first, entry))

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 (as above)
        try:
            return super().invoke(ctx)
        except PenstockError as e:
            typer.echo(f"penstock: {e}", err=True)
            raise typer.Exit(4 if isinstance(e, UnavailableError) else 2) from e
        except BrokenPipeError as e:
            _forget_output()
            raise typer.Exit(141) from e


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # it takes longer than everything else together
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExit codes:\n"
    + "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES.items())
    + "\n\n\b\nExample:\n  penstock run --duration 30s",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Stream, watch, trade on paper, archive and query exchanges' trades.

    `penstock run` shows what it does; the others look at what it has done.
    """


def main() -> None:
    """Run the command line of this process, and exit.

    Raises:
        SystemExit: Always, with one of EXIT_CODES.
    """
    try:
        app()
    finally:
        _flush()


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()


def _forget_output() -> None:
    # Or Python complains about what it cannot write, at the very end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
