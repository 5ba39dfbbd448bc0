"""`penstock replay`: recorded trades through the embedded pipeline."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import partial
from math import isinf
from pathlib import Path
from typing import Annotated

import typer

from penstock.bootstrap import open_store
from penstock.drivers.files import FORMATS, FileSource, open_file
from penstock.drivers.pace import Pace, parse_speed
from penstock.entrypoints.cli.live import summary
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import complain, print_json, say, say_next
from penstock.entrypoints.cli.progress import ReplayProgress
from penstock.entrypoints.cli.tally import Report
from penstock.entrypoints.cli.words import counted
from penstock.entrypoints.cli.work import Work
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.letters import letter_of
from penstock.feeds import Notes

__all__ = ["commands"]

_INTERRUPTED = 130

_Files = Annotated[
    list[Path],
    # Hidden, or help would say that it is a <list[Path]>; the text says what it is.
    typer.Argument(metavar="FILE", hidden=True),
]
_FormatName = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        autocompletion=lambda: list(FORMATS),
        help=f"One of {', '.join(FORMATS)}.  [default: told by the file]",
    ),
]
_Symbol = Annotated[
    str | None,
    typer.Option(
        "--symbol", metavar="SYMBOL", help="BASE-QUOTE, for formats that do not say it."
    ),
]
_Venue = Annotated[
    str | None,
    typer.Option(
        "--venue", metavar="VENUE", help="The venue, for formats that do not say it."
    ),
]
_Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="FIELD=COLUMN,...",
        help="For csv and parquet: which column holds what, where its name does not "
        "tell; by number, from 1, where there is no header.",
    ),
]
_Speed = Annotated[
    str,
    typer.Option(
        "--speed",
        metavar="max|N",
        help="As fast as possible, or at N times the recorded pace.",
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    epilog=examples(
        "replay trades.ndjson.gz",
        "replay monday.frames.gz tuesday.frames.gz --format binance --json",
        "replay ticks.csv --symbol BTC-USD --columns price=px --speed 10",
    )
)
def replay(
    files: _Files,
    *,
    format_name: _FormatName = None,
    symbol: _Symbol = None,
    venue: _Venue = None,
    columns: _Columns = None,
    speed: _Speed = "max",
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Run recorded trades through the pipeline.

    Each FILE is read in its turn, plain or packed with gzip, zstd or zip.  Running it
    again over the same files into the same data directory finishes what was
    interrupted, and changes nothing that was done.  What cannot be read becomes a dead
    letter, and the rest goes on.
    """
    settings = read_settings(config, data_dir)
    mapping = _read_columns(columns) if columns else None
    opened = partial(
        open_file, format_name=format_name, symbol=symbol, venue=venue, columns=mapping
    )
    times = parse_speed(speed)
    _check(files, opened)
    with open_store(settings) as store:
        work = Work(store, settings)
        _feed(work, files, opened, pace=None if isinf(times) else Pace(times))
        report = work.final_report()
    if as_json:
        print_json(report)
    else:
        _print(report, files)
        nexts = [f"bars {ticker}" for ticker in work.tally.tickers()[:1]]
        nexts += ["dead-letters"] if report.dead_letters else []
        say_next(nexts, config=config, data_dir=data_dir)
    if work.signalled:
        complain("interrupted: the same command again finishes it")
        raise typer.Exit(_INTERRUPTED)


def _read_columns(text: str) -> Mapping[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(field and column for field, _, column in pairs):
        raise typer.BadParameter(
            f"expected FIELD=COLUMN,..., such as price=px,time=ts; found {text!r}",
            param_hint="--columns",
        )
    return {field.strip(): column.strip() for field, _, column in pairs}


def _check(files: Sequence[Path], opened: Callable[[Path], FileSource]) -> None:
    # So that a mistake shows before anything is done; a pipe can be read only once.
    for path in files:
        if not path.is_fifo() and not path.is_relative_to("/dev"):
            opened(path).close()


def _feed(
    work: Work,
    files: Sequence[Path],
    opened: Callable[[Path], FileSource],
    *,
    pace: Pace | None,
) -> None:
    with work.stoppable(), ReplayProgress(files) as progress, work.worker as worker:
        for path in files:
            progress.begin(path.name)
            with opened(path) as source:
                for warning in source.warnings:
                    complain(warning)
                worker.feeder.feed(
                    _batches(source, progress),
                    contiguous=source.contiguous,
                    pace=pace,
                )
                for remark in _remarks(source.notes):
                    complain(f"{path}: {remark}")
            if worker.feeder.is_stopping:
                break
        progress.begin("processing")


def _batches(
    source: FileSource, progress: ReplayProgress
) -> Generator[SourceBatch, None, None]:
    for batch in source:
        yield SourceBatch(batch.trades, [letter_of(item) for item in batch.bad])
        progress.advance(batch.consumed_bytes, len(batch.trades))


def _remarks(notes: Notes) -> Iterator[str]:
    if notes.late:
        late = counted(notes.late, "trade")
        yield f"{late} came after newer ones, by their ids, and were left out"
    if notes.missed:
        yield f"{counted(notes.missed, 'message')} of the venue never arrived"
    if notes.rounded:
        rounded = counted(notes.rounded, "number")
        yield f"{rounded} of more than 15 digits were rounded to 15"
    for symbol, reason in notes.refused.items():
        yield f"the venue refused {symbol}: {reason}"
    for reason, times in notes.errors.items():
        yield f"the venue complained, {counted(times, 'time')}: {reason}"


def _print(report: Report, files: Sequence[Path]) -> None:
    if report.duplicates and not report.trades:
        known = counted(report.duplicates, "trade")
        say(f"Nothing new in {counted(len(files), 'file')}: all {known} were known.")
        return
    done, totals = summary(report)
    say(f"Replayed {counted(len(files), 'file')}, {done}:\n{totals}.")
