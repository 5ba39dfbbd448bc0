"""`penstock dead-letters` and `redrive`: what could not be read, and once it can.

Nothing is forgotten here that is not in the log, or that was not asked to be.
"""

import base64
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, NamedTuple

import typer
from msgspec import Struct
from msgspec.structs import replace

from penstock.bootstrap import open_store
from penstock.codec import Entry, decode_trade, encode_trade, iso_time
from penstock.config import Settings
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    Limit,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import (
    Column,
    print_json,
    print_table,
    say,
)
from penstock.entrypoints.cli.words import counted, date_time
from penstock.entrypoints.cli.work import Work
from penstock.errors import BadRecordError, ConfigError
from penstock.feeds.base import excerpt
from penstock.feeds.sequence import NUMBERS_PER_US, Sequencer
from penstock.local import LocalStore, read_local
from penstock.model import DeadLetter, TickerState, Trade

__all__ = ["commands"]

_COLUMNS = (
    Column("Arrived (UTC)", rank=2),
    Column("ID"),
    Column("Reason", width=24, wraps=True),
    Column("Bytes", width=24, wraps=True, rank=1),
)
_OTHERS = (Column("ID"), Column("Reason", width=24, wraps=True))
_CHUNK = 1000  # letters that share one wait for the disk
_STAYED = 1  # the exit code

_Show = Annotated[
    str | None,
    typer.Option("--show", metavar="ID", help="Print all bytes of this one, as is."),
]
_Ids = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="ID", help="Only this one; repeat it for several."),
]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
]
_Discard = Annotated[
    bool, typer.Option("--discard", help="Forget those that cannot be read.")
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    "dead-letters",
    epilog=examples("dead-letters", "dead-letters --show 'trades.ndjson:17#8f3a2b10'"),
)
def dead_letters(
    *,
    show: _Show = None,
    limit: Limit = 20,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List what could not be read, newest first.

    They wait here until `penstock redrive` can read them, or is told to discard them.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        letters = reader.dead_letters.list()
    if show is not None:
        (letter,) = _chosen(letters, [show])
        if as_json:
            print_json(_fields(letter))
        else:
            typer.echo(letter.data, nl=False)
        return
    newest = letters[::-1][: limit or None]
    if as_json:
        print_json([_fields(letter) for letter in newest])
        return
    if not letters:
        say("No dead letters: everything that came could be read.")
        return
    print_table(_COLUMNS, [_cells(letter) for letter in newest])
    more = f" ({len(newest):,} shown)" if len(newest) < len(letters) else ""
    say(f"\n{counted(len(letters), 'dead letter')}{more}")


class _Sorted(NamedTuple):
    """Letters, divided by whether they can be read now.

    Attributes:
        readable: Each with its trade, numbered.
        others: Each with what is wrong.
    """

    readable: list[tuple[DeadLetter, Trade]]
    others: list[tuple[DeadLetter, str]]


class _Redriven(Struct, kw_only=True):
    """What `redrive` prints.

    Attributes:
        redriven: Letters that went into the log, or would.
        applied: Trades that changed something.
        older: Trades that came too late for that: archived, not applied.
        kept: Letters that stay.
        discarded: Letters that were forgotten, or would be.
        letters: Those that could not be read, with what is wrong.
    """

    redriven: int
    applied: int = 0
    older: int = 0
    kept: int = 0
    discarded: int = 0
    letters: list[dict[str, str]]


@commands.command(epilog=examples("redrive --dry-run", "redrive"))
def redrive(
    *,
    ids: _Ids = None,
    dry_run: _DryRun = False,
    discard: _Discard = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Try the dead letters again, after a fix.

    In the order in which they came, each that reads as a trade now is stored in the
    log under its own ticker and processed.  The others stay, and the exit code is 1.
    A line of a file in another format than penstock's cannot be read here: correct
    the file and replay it again, then discard the letter.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        letters = _chosen(reader.dead_letters.list(), ids)
        if dry_run:
            states = reader.states.load(reader.states.tickers())
    if dry_run:
        result = _result(_sorted(letters, states), discard=discard)
    else:
        with open_store(settings) as store:
            result = _redrive(store, settings, letters, discard=discard)
    if as_json:
        print_json(result)
    else:
        _print(result, dry_run=dry_run)
    if result.kept:
        raise typer.Exit(_STAYED)


def _redrive(
    store: LocalStore,
    settings: Settings,
    letters: Sequence[DeadLetter],
    *,
    discard: bool,
) -> _Redriven:
    # What waits in the log is older, and decides what can still be applied.
    backlog = Work(store, settings)
    with backlog.stoppable(), backlog.worker:
        pass
    found = _sorted(letters, store.states.load(store.states.tickers()))
    for start in range(0, len(found.readable), _CHUNK):
        chunk = found.readable[start : start + _CHUNK]
        store.stream.append(
            [Entry(t.ticker, encode_trade(t), t.seq, 1) for _, t in chunk]
        )
        store.dead_letters.remove([letter.id for letter, _ in chunk])
    work = Work(store, settings)
    with work.stoppable(), work.worker:
        pass
    if discard:
        store.dead_letters.remove([letter.id for letter, _ in found.others])
    report = work.report()
    return replace(
        _result(found, discard=discard),
        applied=report.trades,
        older=report.duplicates,
    )


def _sorted(
    letters: Sequence[DeadLetter], states: Mapping[str, TickerState]
) -> _Sorted:
    found = _Sorted([], [])
    numbering = Sequencer({}, contiguous=False)
    for letter in letters:
        try:
            trade = decode_trade(letter.data)
            if not trade.seq:
                _check_numbers(trade, states)
                (trade,) = numbering.admit([trade])
        except BadRecordError as e:
            found.others.append((letter, str(e)))
        else:
            found.readable.append((letter, trade))
    return found


def _check_numbers(trade: Trade, states: Mapping[str, TickerState]) -> None:
    # A number made from the time is far above all that a venue gives, so that every
    # later trade of the ticker would look like one that is known.
    state = states.get(trade.ticker)
    if state is not None and state.last_seq < state.last_us * NUMBERS_PER_US:
        raise BadRecordError(
            f"no seq, and the venue numbers {trade.ticker}: its place is not known"
        )


def _result(found: _Sorted, *, discard: bool) -> _Redriven:
    others = len(found.others)
    return _Redriven(
        redriven=len(found.readable),
        kept=0 if discard else others,
        discarded=others if discard else 0,
        letters=[{"id": letter.id, "reason": why} for letter, why in found.others],
    )


def _print(result: _Redriven, *, dry_run: bool) -> None:
    if not result.redriven and not result.letters:
        say("No dead letters: there is nothing to redrive.")
        return
    if result.letters:
        rows = [[letter["id"], letter["reason"]] for letter in result.letters]
        print_table(_OTHERS, rows)
        say("")
    would = "would be " if dry_run else ""
    say(f"{counted(result.redriven, 'letter')} {would}redriven.")
    if result.applied or result.older:
        say(f"{counted(result.applied, 'trade')} applied.")
    if result.older:
        say(f"{result.older:,} older than what is applied: archived, not applied.")
    if result.discarded:
        say(f"{counted(result.discarded, 'letter')} {would}discarded.")
    if result.kept:
        say(f"{counted(result.kept, 'letter')} kept.  What came from a file in another")
        say("format is read by replaying it, corrected; --discard forgets what stays.")


def _chosen(
    letters: Sequence[DeadLetter], ids: Sequence[str] | None
) -> Sequence[DeadLetter]:
    if ids is None:
        return letters
    by_id = {letter.id: letter for letter in letters}
    for name in ids:
        if name not in by_id:
            close = get_close_matches(name, by_id, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else "See the list."
            raise ConfigError(f"no dead letter {name!r}. {hint}")
    return [letter for letter in letters if letter.id in set(ids)]


def _fields(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "key": letter.key,
        "reason": letter.reason,
        "arrived": iso_time(letter.arrival_us),
        "version": letter.version,
        "size_bytes": len(letter.data),
        "data_base64": base64.b64encode(letter.data).decode(),
    }


def _cells(letter: DeadLetter) -> list[str]:
    arrived = date_time(letter.arrival_us)
    return [arrived, letter.id, letter.reason, excerpt(letter.data)]
