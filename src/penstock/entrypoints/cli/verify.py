"""`penstock verify`: is what is stored what the archived trades make?"""

from time import monotonic

import typer

from penstock.bootstrap import open_store
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import fields, print_json, say
from penstock.entrypoints.cli.words import counted
from penstock.entrypoints.processor import PIPELINE
from penstock.entrypoints.worker import finish_backlog
from penstock.errors import ConfigError
from penstock.local import LocalStore, read_local
from penstock.local.archiver import CONSUMER
from penstock.verify import Stored, Verdict
from penstock.verify import verify as rebuild

__all__ = ["commands"]

_DIFFERS = 1  # the exit code

commands = typer.Typer(rich_markup_mode=None)


@commands.command(epilog=examples("verify", "verify --json"))
def verify(
    *, config: ConfigFile = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Rebuild all from the archive, and compare.

    Processes what an earlier command left waiting, folds every archived trade again,
    from nothing, and compares what comes of it with the states, the history, the alerts
    and the completed trades that are stored.  The first difference is shown, and the
    exit code is 1.  Nothing else may be working on the data directory meanwhile.
    """
    settings = read_settings(config, data_dir)
    if not settings.archive.enabled:
        raise ConfigError(
            "there is nothing to rebuild from: [archive] enabled is false in the "
            "settings. Set it to true, and replay into a new data directory."
        )
    with read_local(settings.data_dir):
        pass  # where nothing is, nothing is to be made
    began_s = monotonic()
    with open_store(settings) as store:
        finish_backlog(store)
        verdict = rebuild(_stored(store))
    elapsed_s = round(monotonic() - began_s, 3)
    if as_json:
        print_json(fields(verdict, elapsed_s=elapsed_s))
    else:
        _print(verdict, elapsed_s)
    if verdict.difference is not None:
        raise typer.Exit(_DIFFERS)


def _stored(store: LocalStore) -> Stored:
    return Stored(
        stream=store.stream,
        checkpoints=store.stream,
        archive_consumer=CONSUMER,
        pipeline_consumer=PIPELINE,
        states=store.states,
        history=store.history,
        objects=store.objects,
        alerts=store.alerts.list(),
    )


def _print(verdict: Verdict, elapsed_s: float) -> None:
    tickers, trades = counted(verdict.tickers, "ticker"), verdict.trades
    say(f"Rebuilt {tickers} from {counted(trades, 'trade')} in {elapsed_s:,.1f} s.")
    if verdict.difference is None:
        say("No difference.")
    else:
        say(f"A difference: {verdict.difference}")
