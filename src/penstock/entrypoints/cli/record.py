"""`penstock record`: what venues send, into files that can be replayed."""

import shlex
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from penstock.bootstrap import clock_us
from penstock.drivers.recorder import Packed, Recorder
from penstock.entrypoints.cli.choice import (
    Duration,
    SourceNames,
    Symbols,
    choose,
    import_live,
)
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    examples,
    read_settings,
    typed,
)
from penstock.entrypoints.cli.output import complain, print_json, say
from penstock.entrypoints.cli.progress import RecordProgress
from penstock.entrypoints.cli.stopping import Stopper
from penstock.entrypoints.cli.words import counted
from penstock.entrypoints.wanted import symbols_by_source
from penstock.errors import PenstockError, SourceError
from penstock.feeds import FEEDS
from penstock.units import duration_us, size_bytes, within

if TYPE_CHECKING:
    from penstock.drivers.live import LiveBatch, LiveSource, SourceStatus
    from penstock.entrypoints.cli.watch import Notices

__all__ = ["commands"]

_FLUSH_S = 0.5  # what is lost if the process is killed, at most
_NOTICE_S = 1.0


class _Rotation(NamedTuple):
    """When to begin the next file; infinite for never."""

    after_s: float
    after_bytes: float


_NEVER = _Rotation(float("inf"), float("inf"))


def _read_rotation(value: object) -> _Rotation:
    try:
        us = within(duration_us, "1s", "365d")(value)
    except ValueError:
        try:
            return _Rotation(float("inf"), within(size_bytes, "1kB", "1000GB")(value))
        except ValueError as e:
            raise ValueError("a duration from 1s or a size from 1kB") from e
    return _Rotation(us / 1e6, float("inf"))


_File = Annotated[
    Path,
    # Hidden, or help would say that it is a <path>; the text says what it is.
    typer.Argument(metavar="FILE", hidden=True),
]
_Rotate = Annotated[
    _Rotation | None,
    typer.Option(
        "--rotate",
        metavar="TIME|SIZE",
        parser=typed(_read_rotation),
        help="Begin another file after so long, such as 1h, or so much, such as "
        "100MB.  [default: never]",
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(
    epilog=examples(
        "record --source coinbase --symbol BTC-USD btc.jsonl.zst",
        "record --source kraken --symbol BTC-USD --rotate 1h kraken.jsonl.gz",
    )
)
def record(
    file: _File,
    *,
    source: SourceNames = None,
    symbol: Symbols = None,
    rotate: _Rotate = None,
    duration: Duration = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Write down what venues send, as they send it.

    Every frame goes into FILE with its time, and so does every trade as it was passed
    on, those included that were fetched to fill a gap: `penstock replay FILE` makes
    the same of it as `penstock run` made.  A name that ends in .zst or .gz is packed.
    With --rotate each file has the time of its beginning in its name.  Needs no data
    directory.  Ctrl-C or SIGTERM stops it; if it is killed, at most the last second
    is missing.
    """
    settings = choose(read_settings(config, None), source=source, symbol=symbol)
    strange = [kind for kind in settings.source.kinds if kind not in FEEDS]
    if strange:
        raise SourceError(
            f"source {strange[0]!r} sends no frames that could be recorded: record "
            f"one of {', '.join(FEEDS)}. `penstock run` archives any source's trades."
        )
    import_live(settings.source)
    from penstock.entrypoints.cli.watch import (  # noqa: PLC0415 (the extra `live`)
        Notices,
    )
    from penstock.entrypoints.sources import (  # noqa: PLC0415 (as above)
        open_live,
        status_of,
    )

    files = Packed(file, are_many=rotate is not None)
    recorder = Recorder(files, clock_us)
    symbols = symbols_by_source(settings.source)
    live = open_live(settings.source, symbols, {}, tap=recorder)
    files.begin()
    after_s = None if duration is None else duration / 1e6
    session = _Session(files, recorder, live, rotate or _NEVER, lambda: status_of(live))
    with Stopper().calls(live.stop, after_s=after_s), RecordProgress() as progress:
        session.run(Notices(), progress)
    report = session.report()
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: Mapping[str, Any]) -> None:
    elapsed = f"{report['elapsed_s']:,.1f} s"
    if not report["files"]:
        say(f"Nothing came in {elapsed}, and there is no file.")
        return
    done = f"{counted(report['frames'], 'frame')}, {counted(report['trades'], 'trade')}"
    faults = ("fetched", "missing", "unreadable")
    parts = [f"{report[name]:,} {name}" for name in faults if report[name]]
    say(f"Recorded {', '.join([done, *parts])} in {elapsed}:")
    # One command, also of many files: in their order they go on from one another.
    say("  penstock replay " + " \\\n    ".join(map(shlex.quote, report["files"])))


class _Session:
    """A recording in the making."""

    def __init__(
        self,
        files: Packed,
        recorder: Recorder,
        live: "LiveSource",
        rotation: _Rotation,
        status: Callable[[], "SourceStatus"],
    ) -> None:
        self._files, self._recorder, self._live = files, recorder, live
        self._rotation, self._status = rotation, status
        self._trades = self._fetched = self._missing = self._unreadable = 0
        self._began_s = self._file_began_s = self._flushed_s = monotonic()

    def run(self, notices: "Notices", progress: RecordProgress) -> None:
        """Record until the source ends; what failed before any trade leaves no file.

        Raises:
            SourceError: Every symbol was refused, or a file cannot be made.
            UnavailableError: No venue could be reached, or the disk failed.
        """
        noticed_s = self._began_s
        try:
            with closing(self._live.batches()) as batches:
                for batch in batches:
                    self._take(batch)
                    now_s = monotonic()
                    if self._recorder.is_due or now_s - self._flushed_s >= _FLUSH_S:
                        self._flush(now_s)
                        progress.show(self._so_far())
                    if now_s - noticed_s >= _NOTICE_S:
                        noticed_s = now_s
                        for text in notices.of(self._status()):
                            complain(text)
            self._recorder.flush()
        except PenstockError:
            if not self._trades:
                self._files.discard()
            raise
        finally:
            self._files.close()

    def report(self) -> dict[str, object]:
        """Sum up."""
        return {
            "files": [str(path) for path in self._files.paths],
            "frames": self._recorder.frames,
            "trades": self._trades,
            "fetched": self._fetched,
            "missing": self._missing,
            "unreadable": self._unreadable,
            "elapsed_s": round(monotonic() - self._began_s, 3),
        }

    def _so_far(self) -> str:
        frames = counted(self._recorder.frames, "frame")
        trades = counted(self._trades, "trade")
        path, size = self._files.paths[-1], self._files.written_bytes
        return f"{frames}, {trades}; {path}: {size / 1e6:,.1f} MB"

    def _take(self, batch: "LiveBatch") -> None:
        self._recorder.take(batch.trades, batch.bad)
        self._trades += len(batch.trades)
        for trade in batch.trades:
            self._fetched += trade.backfilled
            self._missing += trade.gap
        self._unreadable += len(batch.bad)

    def _flush(self, now_s: float) -> None:
        self._recorder.flush()
        self._flushed_s = now_s
        is_late = now_s - self._file_began_s >= self._rotation.after_s
        if is_late or self._files.written_bytes >= self._rotation.after_bytes:
            self._recorder.begin_next()
            self._file_began_s = now_s
