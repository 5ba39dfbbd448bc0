"""`penstock produce`: trades into the log, for containers; nothing is decided here.

Says what it does in lines of JSON on standard output.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from math import isfinite
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, NamedTuple

import typer
from msgspec import to_builtins

from penstock.bootstrap import aws_ports, aws_stream, clock_us, open_store
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
from penstock.entrypoints.cli.journal import HealthFile, log, touch
from penstock.entrypoints.cli.options import (
    ConfigFile,
    DataDir,
    examples,
    read_aws_settings,
    read_settings,
)
from penstock.entrypoints.cli.stopping import Stopper
from penstock.entrypoints.feeder import Feeder
from penstock.entrypoints.worker import adopt_rules, trim_log
from penstock.errors import ConfigError, PenstockError, UnavailableError
from penstock.model import DeadLetter
from penstock.ports import DeadLetters, StateStore, Stream

__all__ = ["commands"]

_TICK_S = 1.0
_MINUTE = 60  # ticks

_To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="STREAM",
        help="Where trades go: local, the data directory; or kinesis, as [aws] says.",
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
        "produce --to kinesis --source kraken --symbol BTC-USD",
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
    health_file: HealthFile = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Take trades into the log, and do no more.

    What it took in is processed by the next `penstock run` on the data directory; or,
    with --to kinesis, by `penstock consume` or the function on AWS Lambda.
    Each line that it prints is a JSON object: started, counts every minute, warnings,
    stopped.  Ctrl-C or SIGTERM stops it, after what was received is stored.
    """
    _check_stream(to)
    read = read_aws_settings if to == "kinesis" else read_settings
    settings = choose(
        read(config, data_dir),
        source=source,
        symbol=symbol,
        interval=interval,
        rate=rate,
        seed=seed,
    )
    after_s = None if duration is None else duration / 1e6
    try:
        _produce(settings, to, health_file, after_s)
    except PenstockError as e:
        log("error", "failed", message=str(e))
        raise


def _produce(
    settings: Settings, to: str, health_file: Path | None, after_s: float | None
) -> None:
    if is_simulated(settings.source):
        produce_from = _simulated
    else:
        import_live(settings.source)
        produce_from = _live
    with _STREAMS[to](settings) as (stream, letters, marks, chore):
        feeder = Feeder(stream, letters, settings.stream, marks)
        log("info", "started", to=to, sources=list(settings.source.kinds))
        pulse = _Pulse(feeder, chore, health_file)
        produce_from(settings, marks, feeder, pulse, after_s)
        log("info", "stopped", **_counts(feeder))


def _check_stream(to: str) -> None:
    if to not in _STREAMS:
        raise ConfigError(f"--to must be {' or '.join(_STREAMS)}; found {to!r}.")


class _Target(NamedTuple):
    """Where trades go.

    Attributes:
        stream: The log.
        dead_letters: For what the sources could not read.
        marks: Highest seq per ticker that is known to be there.
        chore: What is to be done every minute; raises UnavailableError.
    """

    stream: Stream
    dead_letters: DeadLetters
    marks: Mapping[str, int]
    chore: Callable[[], None]


@contextmanager
def _local(settings: Settings) -> Iterator[_Target]:
    with open_store(settings) as store:
        adopt_rules(store, settings.rules, lambda _: None)
        yield _Target(
            store.stream,
            store.dead_letters,
            store.stream.marks(),
            lambda: trim_log(store, settings),
        )


@contextmanager
def _kinesis(settings: Settings) -> Iterator[_Target]:
    # For feeds.json.  Where it cannot be written, `watching` says so.
    with suppress(OSError):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    stream = aws_stream(settings)
    letters: DeadLetters = _Told()
    marks: Mapping[str, int] = {}
    try:
        ports = aws_ports(settings)
        letters = ports.dead_letters
        marks = _processed(ports.states)
    except PenstockError as e:
        # It may have been given the stream alone, which is enough to go on.
        text = f"what was lost since the last run is not noticed: {e}"
        log("warning", "no marks", message=text)
    yield _Target(stream, letters, marks, lambda: None)


def _processed(states: StateStore) -> Mapping[str, int]:
    # What Kinesis holds nobody can ask it; the states know at least what was read.
    found = states.load(states.tickers())
    return {ticker: state.last_seq for ticker, state in found.items()}


class _Told:
    """Dead letters that are told, where there is no bucket for them."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Write each as a line, its bytes in base 64."""
        for letter in letters:
            log("warning", "dead letter", **to_builtins(letter))

    def list(self) -> list[DeadLetter]:
        """Return none: nothing is kept."""
        return []

    def remove(self, ids: Collection[str]) -> None:
        """Forget none."""


_STREAMS: Mapping[str, Callable[[Settings], AbstractContextManager[_Target]]] = {
    "local": _local,
    "kinesis": _kinesis,
}


class _Pulse:
    """What is done each second, and each minute: the health file, counts, a chore."""

    def __init__(
        self, feeder: Feeder, chore: Callable[[], None], health_file: Path | None
    ) -> None:
        self._feeder, self._chore, self._health_file = feeder, chore, health_file
        self._appended = self._beats = 0

    def beat(self, *, is_live: bool) -> None:
        """Do it; `is_live` says that a venue is connected, even if nothing trades."""
        appended = self._feeder.appended
        if self._health_file and (is_live or appended > self._appended):
            touch(self._health_file)
        self._appended = appended
        if self._beats % _MINUTE == 0:
            self._do_chore()
        self._beats += 1
        if self._beats % _MINUTE == 0:
            log("info", "counts", **_counts(self._feeder))

    def _do_chore(self) -> None:
        try:
            self._chore()
        except UnavailableError as e:
            # The next minute tries again; if it is serious, nothing can be appended.
            log("warning", "chore", message=str(e))


def _simulated(
    settings: Settings,
    marks: Mapping[str, int],
    feeder: Feeder,
    pulse: _Pulse,
    after_s: float | None,
) -> None:
    (settings.data_dir / FEEDS_FILE).unlink(missing_ok=True)  # of an earlier run
    source = settings.source
    with (
        Stopper().calls(feeder.stop, after_s=after_s),
        _each_second(lambda: pulse.beat(is_live=False)),
    ):
        feeder.feed(
            simulated_batches(source, simulated_start_us(marks, clock_us())),
            contiguous=False,
            pace=Pace(1) if isfinite(source.rate_per_s) else None,
        )


def _live(
    settings: Settings,
    marks: Mapping[str, int],
    feeder: Feeder,
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

    source = open_source(settings.source, marks)
    with (
        Stopper().calls(source.stop, after_s=after_s),
        watching(
            source,
            settings.data_dir,
            "produce",
            notice=lambda text: log("warning", "feed", message=text),
            each_s=lambda status: pulse.beat(
                is_live=any(c.state == "live" for c in status.connections)
            ),
        ),
    ):
        feeder.feed(as_batches(source), contiguous=False)


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


def _counts(feeder: Feeder) -> Mapping[str, object]:
    return {
        "trades": feeder.appended,
        "duplicates": feeder.duplicates,
        "dead_letters": feeder.unread,
    }
