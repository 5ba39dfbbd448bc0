"""`penstock history` and `penstock bars`: a ticker's prices over time.

Reads only, and so while another process works on the same data directory.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from penstock.codec import iso_time
from penstock.engine.history import bar_series
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    Limit,
    Ticker,
    examples,
    find_ticker,
    read_settings,
    read_time,
    typed,
)
from penstock.entrypoints.cli.output import (
    Column,
    fields,
    print_json,
    print_table,
    say,
)
from penstock.entrypoints.cli.words import amount, decimals, price
from penstock.local import read_local
from penstock.model import HistoryRow
from penstock.verify import read_rule_sets

__all__ = ["commands"]

_From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        parser=typed(read_time),
        help="Not before this time, UTC, such as 2024-11-20T23:40.",
    ),
]
_To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="TIME", parser=typed(read_time), help="Before this time."
    ),
]
_COLUMNS = (
    Column("Time (UTC)"),
    Column("Open", right=True),
    Column("High", right=True),
    Column("Low", right=True),
    Column("Close", right=True),
    Column("Volume", right=True, rank=1),
    Column("VWAP", right=True, rank=3),
    Column("Trades", right=True),
    Column("Gaps", right=True, rank=2),
    Column(""),
)
_OPEN = "open"

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    epilog=examples(
        "history BTC-USD",
        "history kraken:BTC-USD --from 2024-11-20 --limit 0 --json",
    )
)
def history(
    ticker: Ticker,
    *,
    start: _From = None,
    end: _To = None,
    limit: Limit = 20,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the prices of a ticker, newest first.

    TICKER is one such as simulated:BTC-USD, or BTC-USD where only one venue has it.
    A row is a second, a minute or a trade, as [history] resolution says.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        name = find_ticker(ticker, reader.states.tickers())
        rows = reader.history.query(
            name, start=start or "", end=end or "~", limit=limit, newest_first=True
        )
    _print(rows, as_json=as_json, open_at=None)


@commands.command(
    epilog=examples("bars BTC-USD", "bars BTC-USD --from 2024-11-20T12:00 --json")
)
def bars(
    ticker: Ticker,
    *,
    start: _From = None,
    end: _To = None,
    limit: Limit = 20,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the bars of a ticker, newest first.

    TICKER is one such as simulated:BTC-USD, or BTC-USD where only one venue has it.
    The bar that may still change is marked as open.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        name = find_ticker(ticker, reader.states.tickers())
        # As they were made, whatever the settings say now.
        used = [rule_set.rules for rule_set in read_rule_sets(reader.objects)]
        bar_us = (used or [settings.rules])[-1].bar_us
        bar = reader.states.load([name])[name].bar
        rows = reader.history.query(
            bar_series(name, bar_us),
            start=start or "",
            end=end or "~",
            limit=limit,
            newest_first=True,
        )
    _print(rows, as_json=as_json, open_at=iso_time(bar.start_us) if bar else "")


def _print(rows: Sequence[HistoryRow], *, as_json: bool, open_at: str | None) -> None:
    if as_json:
        print_json([_fields(row, open_at) for row in rows])
    elif rows:
        places = max(decimals(value) for row in rows for value in _prices(row))
        print_table(_COLUMNS, [_cells(row, open_at, places) for row in rows])
    else:
        say("Nothing in that time.  Leave out --from and --to for the newest.")


def _vwap(row: HistoryRow) -> float | None:
    return row.notional / row.volume if row.volume else None


def _fields(row: HistoryRow, open_at: str | None) -> dict[str, object]:
    more: dict[str, object] = {"vwap": _vwap(row)}
    if open_at is not None:
        more["is_open"] = row.last_refreshed == open_at
    return fields(row, **more)


def _prices(row: HistoryRow) -> tuple[float, float, float, float]:
    return row.open, row.high, row.low, row.price


def _cells(row: HistoryRow, open_at: str | None, places: int) -> list[str]:
    time, tick, name = row.last_refreshed.partition("#")
    time = time.removesuffix("Z").removesuffix("000000").removesuffix(".")
    vwap = _vwap(row)
    return [
        time.replace("T", " ") + tick + name,
        *(price(value, places) for value in _prices(row)),
        amount(row.volume),
        "" if vwap is None else amount(vwap),
        f"{row.trades:,}",
        f"{row.gaps:,}",
        _OPEN if row.last_refreshed == open_at else "",
    ]
