"""`penstock run`: a market, live, through the embedded pipeline."""

from collections.abc import Callable
from contextlib import ExitStack
from math import isfinite

import typer

from penstock.bootstrap import clock_us, open_store
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
from penstock.entrypoints.cli.live import can_draw, showing, summary
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import complain, print_json, say, say_next
from penstock.entrypoints.cli.tally import Report
from penstock.entrypoints.cli.work import PATIENCE_S, Work
from penstock.local import LocalStore

__all__ = ["commands"]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    epilog=examples(
        "run",
        "run --source coinbase --symbol BTC-USD",
        "run --source coinbase --source kraken --symbol BTC-USD",
        "run --symbol BTC-USD --symbol ETH-USD --rate 1000 --duration 1m",
        "run --rate max --duration 10s --data-dir trial --json",
    )
)
def run(
    *,
    source: SourceNames = None,
    symbol: Symbols = None,
    interval: Interval = None,
    rate: Rate = None,
    duration: Duration = None,
    seed: Seed = None,
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
        work_on = _run_simulated
    else:
        import_live(settings.source)
        work_on = _run_live
    with open_store(settings) as store:
        work = work_on(store, settings, after_s=after_s, shown=not as_json)
        report = work.final_report()
    if as_json:
        print_json(report)
        return
    _print(work, report)
    nexts = ["positions", "trades", *(f"bars {t}" for t in _first(work))]
    nexts += [] if work_on is _run_simulated else ["feeds"]
    say_next(nexts, config=config, data_dir=data_dir)


def _print(work: Work, report: Report) -> None:
    done, totals = summary(report)
    say(f"Stopped after {done}:\n{totals}.")


def _first(work: Work) -> list[str]:
    tickers = work.tally.tickers()[:1]
    return [ticker.removeprefix("simulated:") for ticker in tickers]


def _run_simulated(
    store: LocalStore, settings: Settings, *, after_s: float | None, shown: bool
) -> Work:
    (settings.data_dir / FEEDS_FILE).unlink(missing_ok=True)  # of an earlier run
    now_us, source = clock_us(), settings.source
    start_us = simulated_start_us(store.stream.marks(), now_us)
    is_paced = isfinite(source.rate_per_s)
    work = Work(store, settings, ahead_us=start_us - now_us if is_paced else None)
    work.worker.patience_s = PATIENCE_S
    with ExitStack() as stack:
        stack.enter_context(work.stoppable(after_s=after_s))
        if shown:
            _show(stack, work, "Simulated market", work.worker.feeder.stop)
        worker = stack.enter_context(work.worker)
        worker.feeder.feed(
            simulated_batches(source, start_us),
            contiguous=False,
            pace=Pace(1) if is_paced else None,
        )
    return work


def _run_live(
    store: LocalStore, settings: Settings, *, after_s: float | None, shown: bool
) -> Work:
    from penstock.entrypoints.cli.watch import (  # noqa: PLC0415 (the extra `live`)
        watching,
    )
    from penstock.entrypoints.sources import (  # noqa: PLC0415 (as above)
        as_batches,
        open_source,
    )

    source = open_source(settings.source, store.stream.marks())
    work = Work(store, settings, ahead_us=0)
    remarks: list[str] = []
    notice = remarks.append if shown else complain
    with ExitStack() as stack:
        stack.enter_context(work.stoppable(after_s=after_s, stop=source.stop))
        if shown:
            title = f"Live: {', '.join(settings.source.kinds)}"
            _show(stack, work, title, source.stop, remarks)
        worker = stack.enter_context(work.worker)
        stack.enter_context(watching(source, settings.data_dir, "run", notice=notice))
        stack.callback(work.spend_patience)
        worker.feeder.feed(as_batches(source), contiguous=False)
    return work


def _show(
    stack: ExitStack,
    work: Work,
    title: str,
    stop: Callable[[], None],
    remarks: list[str] | None = None,
) -> None:
    stack.enter_context(
        showing(
            work.tally,
            work.report,
            title,
            is_terminal=can_draw(),
            on_failure=stop,
            remarks=[] if remarks is None else remarks,
        )
    )
