"""`penstock enrich`: events of a file, with what is looked up for them."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from penstock.bootstrap import clock_us, open_local_enrichment
from penstock.drivers.events import read_events
from penstock.enrichment import enrich_batch
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import complain, print_json, say, say_next
from penstock.entrypoints.cli.words import counted
from penstock.errors import SourceError

__all__ = ["commands"]

_STDIN = Path("-")

_File = Annotated[
    Path,
    # Hidden, or help would say that it is a <Path>; the text says what it is.
    typer.Argument(metavar="FILE", hidden=True),
]

commands = typer.Typer(rich_markup_mode=None)


class _Report(Struct, kw_only=True):
    """What `enrich` prints.

    Attributes:
        events: Events stored.
        missing: Lookups of them that found no row.
        dead_letters: Lines that were no events.
        objects: The objects that hold the events.
    """

    events: int = 0
    missing: int = 0
    dead_letters: int = 0
    objects: list[str] = []


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(epilog=examples("enrich clicks.ndjson", "enrich - --json"))
def enrich(
    file: _File = _STDIN,
    *,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add what is looked up to the events of FILE.

    FILE holds a JSON object a line, plain or packed with gzip, zstd or zip; - is the
    standard input.  Each of the [[lookups]] of the settings puts a row into every
    event, or null where there is none, and the result goes to enriched-data/ in the
    archive.  The same file again writes the same objects again.
    """
    settings = read_settings(config, data_dir)
    if not settings.lookups:
        complain("no [[lookups]] in the settings: events are stored as they come")
    path, arrival_us = _opened(file)
    report = _Report()
    with open_local_enrichment(settings) as ports:
        for records in read_events(path, arrival_us):
            result = enrich_batch(records, ports, clock_us())
            if result.failed:
                raise result.failed
            report.events += result.events
            report.missing += result.missing
            report.dead_letters += result.dead_letters
            report.objects += [result.key] if result.key else []
    if as_json:
        print_json(report)
        return
    objects = counted(len(report.objects), "object")
    say(f"{counted(report.events, 'event')} enriched, into {objects}:")
    missing = counted(report.missing, "lookup")
    say(f"{missing} without a row, {counted(report.dead_letters, 'dead letter')}.")
    nexts = ["dead-letters"] if report.dead_letters else []
    say_next(nexts, config=config, data_dir=data_dir)


def _opened(file: Path) -> tuple[Path, int]:
    """Return where the events are, and the time that their objects are filed under.

    A file's own, so that it makes the same objects whenever it is read.
    """
    if file == _STDIN:
        return Path("/dev/stdin"), clock_us()
    try:
        return file, file.stat().st_mtime_ns // 1000
    except OSError as e:
        raise SourceError(f"{file}: cannot be opened: {e.strerror}.") from e
