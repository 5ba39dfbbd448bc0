"""`penstock run`: a market, live, through the embedded pipeline."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from math import isfinite
from typing import Annotated

import typer
from msgspec.structs import replace

from penstock.bootstrap import clock_us, open_store
from penstock.config import SOURCES, TABLES, Settings, SourceSettings
from penstock.drivers.pace import Pace
from penstock.entrypoints.cli.live import can_draw, showing, summary
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
    typed,
)
from penstock.entrypoints.cli.output import print_json, say, say_next
from penstock.entrypoints.cli.tally import Report
from penstock.entrypoints.cli.work import PATIENCE_S, Work
from penstock.entrypoints.worker import SourceBatch
from penstock.errors import ConfigError
from penstock.feeds.simulated import SYMBOLS, SimulatedMarket
from penstock.local import LocalStore
from penstock.units import duration_us, within

__all__ = ["commands"]

_KEYS, _DEFAULT = TABLES["source"], SourceSettings()
_VENUE = "simulated:"
_BATCH_TRADES = 500
# A trade's number, where its venue gives none, is at least its time in microseconds
# times this.
_NUMBERS_PER_US = 1024


def _read_seed(value: object) -> int:
    text = str(value)
    seed: int = _KEYS["seed"].read(int(text) if text.isdecimal() else text)
    return seed


_Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        parser=typed(_KEYS["kind"].read),
        help=f"Where trades come from.  [default: {_DEFAULT.kind}]",
    ),
]
_Symbols = Annotated[
    list[str] | None,
    typer.Option(
        "--symbol",
        metavar="SYMBOL",
        help="BASE-QUOTE; repeat it for several.  [default: all]",
    ),
]
_Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="RATE",
        parser=typed(_KEYS["rate"].read),
        help="Trades per second over all symbols, or max.  "
        f"[default: {_DEFAULT.rate_per_s:g}]",
    ),
]
_Duration = Annotated[
    int | None,
    typer.Option(
        "--duration",
        metavar="TIME",
        parser=typed(within(duration_us, "0s", "365d", above=True)),
        help="Stop after so long, such as 30s or 5m.  [default: never]",
    ),
]
_Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        parser=typed(_read_seed),
        help="The same seed makes the same simulated trades.  "
        f"[default: {_DEFAULT.seed}]",
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    epilog=examples(
        "run",
        "run --symbol BTC-USD --symbol ETH-USD --rate 1000 --duration 1m",
        "run --rate max --duration 10s --data-dir trial --json",
    )
)
def run(
    *,
    source: _Source = None,
    symbol: _Symbols = None,
    rate: _Rate = None,
    duration: _Duration = None,
    seed: _Seed = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Watch a market live: bars, alerts, positions, profit.

    On a terminal it draws a table, elsewhere it prints a line per event, with --json
    only what it came to.  Ctrl-C or SIGTERM stops it: what was taken in is processed
    first, and the next start goes on from there.  What no option says, the settings
    do.
    """
    asked = {"kind": source, "rate_per_s": rate, "seed": seed}
    given = {name: value for name, value in asked.items() if value is not None}
    settings = read_settings(config, data_dir)
    symbols = _symbols(symbol) if symbol else settings.source.symbols
    wanted = replace(settings.source, symbols=symbols, **given)
    settings = replace(settings, source=wanted)
    if wanted.kind != "simulated":
        raise ConfigError(
            f"`penstock run` has no source {wanted.kind!r}: `penstock replay FILE...` "
            f"reads files; here it is {SOURCES[0]}."
        )
    after_s = None if duration is None else duration / 1e6
    with open_store(settings) as store:
        report = _run(store, settings, after_s=after_s, shown=not as_json)
    if as_json:
        print_json(report)
        return
    done, totals = summary(report)
    say(f"Stopped after {done}:\n{totals}.")
    commands = ["positions", "trades", f"bars {(symbols or SYMBOLS)[0]}"]
    say_next(commands, config=config, data_dir=data_dir)


def _symbols(names: list[str]) -> tuple[str, ...]:
    try:
        symbols: tuple[str, ...] = _KEYS["symbols"].read(names)
    except ValueError as e:
        raise typer.BadParameter(
            f"expected different symbols, such as BTC-USD; found {' '.join(names)}",
            param_hint="--symbol",
        ) from e
    return symbols


def _run(
    store: LocalStore, settings: Settings, *, after_s: float | None, shown: bool
) -> Report:
    now_us, source = clock_us(), settings.source
    start_us = _start_us(store, now_us)
    is_paced = isfinite(source.rate_per_s)
    work = Work(store, settings, ahead_us=start_us - now_us if is_paced else None)
    work.worker.patience_s = PATIENCE_S
    with ExitStack() as stack:
        stack.enter_context(work.stoppable(after_s=after_s))
        if shown:
            stack.enter_context(
                showing(
                    work.tally,
                    work.report,
                    "Simulated market",
                    is_terminal=can_draw(),
                    on_failure=work.worker.stop,
                )
            )
        worker = stack.enter_context(work.worker)
        worker.feed(
            _batches(source, start_us),
            contiguous=False,
            pace=Pace(1) if is_paced else None,
        )
    return work.final_report()


def _start_us(store: LocalStore, now_us: int) -> int:
    # A market that ran faster than the clock goes on from where it was: what comes
    # before would look like trades that are known.
    marks = store.stream.marks().items()
    newest = max((n for key, n in marks if key.startswith(_VENUE)), default=0)
    return max(now_us, newest // _NUMBERS_PER_US + 1)


def _batches(source: SourceSettings, start_us: int) -> Iterator[SourceBatch]:
    usual = _DEFAULT.rate_per_s
    market = SimulatedMarket(
        seed=source.seed,
        start_us=start_us,
        rate_per_s=source.rate_per_s if isfinite(source.rate_per_s) else usual,
        symbols=source.symbols or SYMBOLS,
    )
    trades = iter(market)
    while True:
        yield SourceBatch(list(islice(trades, _BATCH_TRADES)))
