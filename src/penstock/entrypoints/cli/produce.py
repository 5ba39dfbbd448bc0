"""`penstock produce`: trades into the log, for containers; nothing is decided here.

Says what it does in lines of JSON on standard output.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from threading import Event, Thread
from typing import Annotated

import typer

from penstock.bootstrap import clock_us, open_store
from penstock.codec import encode_json, iso_time
from penstock.config import Settings
from penstock.drivers.pace import Pace
from penstock.entrypoints.cli.choice import (
    FEEDS_FILE,
    Duration,
    Interval,
    Rate,
    Seed,
    SourceNames,
    Symbols,
    choose,
    import_live,
    is_simulated,
    simulated_batches,
    simulated_start_us,
)
from penstock.entrypoints.cli.options import (
    ConfigFile,
    DataDir,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import say
from penstock.entrypoints.cli.work import Work
from penstock.errors import ConfigError, PenstockError
from penstock.local import LocalStore

__all__ = ["commands"]

_TICK_S = 1.0
_REPORT_S = 60

_To = Annotated[
    str,
    typer.Option(
        "--to", metavar="STREAM", help="Where trades go: local, the data directory."
    ),
]
_HealthFile = Annotated[
    Path | None,
    typer.Option(
        "--health-file",
        metavar="FILE",
        help="Touched each second in which data flows, for a health check.",
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(
    epilog=examples(
        "produce --source simulated --rate 1",
        "produce --source coinbase --symbol BTC-USD --health-file healthy",
    )
)
def produce(
    *,
    to: _To = "local",
    source: SourceNames = None,
    symbol: Symbols = None,
    interval: Interval = None,
    rate: Rate = None,
    duration: Duration = None,
    seed: Seed = None,
    health_file: _HealthFile = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Take trades into the log, and do no more.

    What it took in is processed by the next `penstock run` on the data directory.
    Each line that it prints is a JSON object: started, counts every minute, warnings,
    stopped.  Ctrl-C or SIGTERM stops it, after what was received is stored.
    """
    _check_stream(to)
    settings = choose(
        read_settings(config, data_dir),
        source=source,
        symbol=symbol,
        interval=interval,
        rate=rate,
        seed=seed,
    )
    after_s = None if duration is None else duration / 1e6
    if is_simulated(settings.source):
        produce_from = _simulated
    else:
        import_live(settings.source)
        produce_from = _live
    try:
        with open_store(settings) as store:
            work = Work(store, settings)
            kinds = list(settings.source.kinds)
            _log("info", "started", {"to": to, "sources": kinds})
            produce_from(store, settings, work, _Pulse(work, health_file), after_s)
            _log("info", "stopped", _counts(work))
    except PenstockError as e:
        _log("error", "failed", {"message": str(e)})
        raise


def _check_stream(to: str) -> None:
    if to == "kinesis":
        raise ConfigError(
            "--to kinesis is not in this version: it comes with the adapters of AWS. "
            "Pass --to local."
        )
    if to != "local":
        raise ConfigError(f"--to must be local; found {to!r}.")


class _Pulse:
    """What is done each second: the health file, and the counts every minute."""

    def __init__(self, work: Work, health_file: Path | None) -> None:
        self._work, self._health_file = work, health_file
        self._appended = self._beats = 0

    def beat(self, *, is_live: bool) -> None:
        """Do it; `is_live` says that a venue is connected, even if nothing trades."""
        appended = self._work.worker.appended
        if self._health_file and (is_live or appended > self._appended):
            _touch(self._health_file)
        self._appended = appended
        self._beats += 1
        if self._beats % _REPORT_S == 0:
            _log("info", "counts", _counts(self._work))


def _touch(path: Path) -> None:
    try:
        path.touch()
    except OSError as e:
        # Whoever looks at the file notices as well.
        _log("warning", "no health file", {"message": f"{path}: {e.strerror or e}"})


def _simulated(
    store: LocalStore,
    settings: Settings,
    work: Work,
    pulse: _Pulse,
    after_s: float | None,
) -> None:
    (settings.data_dir / FEEDS_FILE).unlink(missing_ok=True)  # of an earlier run
    source = settings.source
    with (
        work.stoppable(after_s=after_s),
        _each_second(lambda: pulse.beat(is_live=False)),
    ):
        # The worker is not entered: it appends, and nobody processes.
        work.worker.feed(
            simulated_batches(source, simulated_start_us(store, clock_us())),
            contiguous=False,
            pace=Pace(1) if isfinite(source.rate_per_s) else None,
        )


def _live(
    store: LocalStore,
    settings: Settings,
    work: Work,
    pulse: _Pulse,
    after_s: float | None,
) -> None:
    from penstock.entrypoints.cli.watch import (  # noqa: PLC0415 (the extra `live`)
        watching,
    )
    from penstock.entrypoints.sources import (  # noqa: PLC0415 (as above)
        as_batches,
        open_source,
    )

    source = open_source(settings.source, store.stream.marks())
    with (
        work.stoppable(after_s=after_s, stop=source.stop),
        watching(
            source,
            settings.data_dir,
            "produce",
            notice=lambda text: _log("warning", "feed", {"message": text}),
            each_s=lambda status: pulse.beat(
                is_live=any(c.state == "live" for c in status.connections)
            ),
        ),
    ):
        work.worker.feed(as_batches(source), contiguous=False)


@contextmanager
def _each_second(beat: Callable[[], None]) -> Iterator[None]:
    done = Event()

    def repeat() -> None:
        while not done.wait(_TICK_S):
            beat()

    thread = Thread(target=repeat, name="pulse")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _counts(work: Work) -> Mapping[str, object]:
    worker = work.worker
    return {
        "trades": worker.appended,
        "duplicates": worker.duplicates,
        "dead_letters": worker.dead_letters,
    }


def _log(level: str, event: str, more: Mapping[str, object]) -> None:
    line = {"time": iso_time(clock_us()), "level": level, "event": event, **more}
    say(encode_json(line).decode())
