"""`penstock record`: what venues send, into files that can be replayed."""

import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
from penstock.entrypoints.cli.words import counted
from penstock.entrypoints.wanted import symbols_by_source
from penstock.errors import SourceError
from penstock.feeds import FEEDS
from penstock.units import duration_us, size_bytes, within

if TYPE_CHECKING:
    from penstock.drivers.live import LiveBatch, LiveSource, SourceStatus
    from penstock.entrypoints.cli.watch import Notices

__all__ = ["commands"]

_FLUSH_S = 0.5  # what is lost if the process is killed, at most
_NOTICE_S = 1.0
# How long the next file may have to wait for a gap to be filled: whatever belongs
# together should be in one file.
_WAIT_S = 30.0


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

    Every frame goes into FILE with its time, and so does every trade that was fetched
    to fill a gap; `penstock replay FILE` makes the same of it as `penstock run` made.
    A name that ends in .zst or .gz is packed.  With --rotate each file has the time
    of its beginning in its name.  Needs no data directory.  Ctrl-C or SIGTERM stops
    it; if it is killed, at most the last second is missing.
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
    live = open_live(
        settings.source, symbols_by_source(settings.source), {}, tap=recorder.tap
    )
    files.begin()
    after_s = None if duration is None else duration / 1e6
    session = _Session(files, recorder, live, rotate or _NEVER, lambda: status_of(live))
    with _stopping(live.stop, after_s):
        session.run(Notices())
    report = session.report()
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: Mapping[str, Any]) -> None:
    done = f"{counted(report['frames'], 'frame')}, {counted(report['trades'], 'trade')}"
    faults = ("fetched", "missing", "unreadable")
    parts = [f"{report[name]:,} {name}" for name in faults if report[name]]
    elapsed = f"{report['elapsed_s']:,.1f} s"
    say(f"Recorded {', '.join([done, *parts])} in {elapsed}:")
    for path in report["files"]:
        say(f"  penstock replay {shlex.quote(path)}")


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
        self._trades = self._missing = self._unreadable = 0
        self._began_s = self._file_began_s = self._flushed_s = monotonic()

    def run(self, notices: "Notices") -> None:
        """Record until the source ends."""
        noticed_s = monotonic()
        try:
            for batch in self._live.batches():
                self._take(batch)
                now_s = monotonic()
                if self._recorder.is_due or now_s - self._flushed_s >= _FLUSH_S:
                    self._flush(now_s)
                if now_s - noticed_s >= _NOTICE_S:
                    noticed_s = now_s
                    for text in notices.of(self._status()):
                        complain(text)
        finally:
            self._recorder.flush()
            self._files.close()

    def report(self) -> dict[str, object]:
        """Sum up."""
        return {
            "files": [str(path) for path in self._files.paths],
            "frames": self._recorder.frames,
            "trades": self._trades,
            "fetched": self._recorder.fetched,
            "missing": self._missing,
            "unreadable": self._unreadable,
            "elapsed_s": round(monotonic() - self._began_s, 3),
        }

    def _take(self, batch: "LiveBatch") -> None:
        self._recorder.take(batch.trades)
        self._trades += len(batch.trades)
        self._missing += sum(trade.gap for trade in batch.trades)
        self._unreadable += len(batch.bad)

    def _flush(self, now_s: float) -> None:
        self._recorder.flush()
        self._flushed_s = now_s
        late_s = now_s - self._file_began_s - self._rotation.after_s
        is_full = self._files.written_bytes >= self._rotation.after_bytes
        if late_s < 0 and not is_full:
            return
        if any(ticker.held for ticker in self._status().tickers) and (
            late_s < _WAIT_S
            and self._files.written_bytes < 2 * self._rotation.after_bytes
        ):
            return
        self._files.begin()
        self._file_began_s = now_s


@contextmanager
def _stopping(stop: Callable[[], None], after_s: float | None) -> Iterator[None]:
    """Call `stop` on Ctrl-C, SIGTERM, or after some time."""
    timer = threading.Timer(after_s or 0, stop)
    timer.daemon = True
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop()) for number in signals]
    try:
        if after_s is not None:
            timer.start()
        yield
    finally:
        timer.cancel()
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
