"""`penstock positions`, `trades`, `alerts`: what the pipeline has decided.

Reads only, and so while another process works on the same data directory.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import typer

from penstock.engine.exact import MONEY
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    Limit,
    TickerOption,
    examples,
    find_ticker,
    read_settings,
)
from penstock.entrypoints.cli.output import (
    Column,
    fields,
    print_json,
    print_table,
    say,
)
from penstock.entrypoints.cli.tally import unrealised
from penstock.entrypoints.cli.words import (
    amount,
    counted,
    date_time,
    money,
    percent,
    price,
    profits,
    quote_of,
    rule_text,
)
from penstock.layout import COMPLETED_TRADES, read_completed
from penstock.local import LocalReader, read_local
from penstock.model import Alert, CompletedTrade, Position, TickerState

__all__ = ["commands"]

_POSITIONS = (
    Column("Ticker"),
    Column("Quantity", right=True, rank=1),
    Column("Entry", right=True),
    Column("Price", right=True),
    Column("Profit", right=True),
    Column("Return", right=True),
    Column("Bought (UTC)", rank=2),
)
_TRADES = (
    Column("Sold (UTC)"),
    Column("Ticker"),
    Column("Quantity", right=True, rank=2),
    Column("Entry", right=True, rank=1),
    Column("Exit", right=True),
    Column("Profit", right=True),
    Column("Return", right=True),
    Column("Reason", rank=3),
)
_ALERTS = (
    Column("Time (UTC)"),
    Column("Ticker"),
    Column("Rule"),
    Column("Price", right=True),
    Column("Level", right=True, rank=1),
    Column("High", right=True, rank=2),
)

commands = typer.Typer(rich_markup_mode=None)


@commands.command(epilog=examples("positions", "positions --json"))
def positions(
    *, config: ConfigFile = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List the open positions, at the last prices.

    Profit is what a position has gained at its ticker's last price, less the fee that
    was paid on entry.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        # The states hold them as well, and the prices of the same moment.
        states = reader.states.load(reader.states.tickers())
    held = [(s.position, s) for _, s in sorted(states.items()) if s.position]
    if as_json:
        print_json([_position(position, state) for position, state in held])
        return
    if not held:
        say("No position is open.  `penstock trades` lists those that were sold.")
        return
    print_table(_POSITIONS, [_position_cells(p, state) for p, state in held])
    gains = [(p.ticker, unrealised(p, state.last_price)) for p, state in held]
    say(f"\n{counted(len(held), 'open position')}, {profits(_by_quote(gains))}")


@commands.command(epilog=examples("trades", "trades --ticker BTC-USD --limit 0 --json"))
def trades(
    *,
    ticker: TickerOption = None,
    limit: Limit = 20,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the completed trades, newest first.

    Each is a position that was bought and sold again; profit is after the fees.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        found = _completed(reader, _known(reader, ticker))
    shown = found[: limit or None]
    if as_json:
        print_json([fields(trade) for trade in shown])
        return
    if not found:
        say("No completed trades.  `penstock positions` lists what is held.")
        return
    print_table(_TRADES, [_trade_cells(trade) for trade in shown])
    more = f" ({len(shown):,} shown)" if len(shown) < len(found) else ""
    gained = sum(trade.profit > 0 for trade in found)
    total = profits(_by_quote((trade.ticker, trade.profit) for trade in found))
    say(f"\n{counted(len(found), 'trade')}{more}, {gained:,} at a profit: {total}")


@commands.command(epilog=examples("alerts", "alerts --ticker BTC-USD --json"))
def alerts(
    *,
    ticker: TickerOption = None,
    limit: Limit = 20,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the alerts, newest first.

    A rule raises one alert per episode: it fires, and not again before the price has
    recovered.  Level is the price that it waited for.
    """
    settings = read_settings(config, data_dir)
    with read_local(settings.data_dir) as reader:
        found = reader.alerts.list(_known(reader, ticker), limit=limit)
    if as_json:
        print_json([fields(alert) for alert in found])
    elif found:
        print_table(_ALERTS, [_alert_cells(alert) for alert in found])
    else:
        rules = counted(len(settings.rules.alerts), "rule")
        say(f"No alerts.  The settings have {rules}; [[alerts]] adds others.")


def _known(reader: LocalReader, ticker: str | None) -> str | None:
    return find_ticker(ticker, reader.states.tickers()) if ticker else None


def _completed(reader: LocalReader, ticker: str | None) -> Sequence[CompletedTrade]:
    objects = (reader.objects.get(key) for key in reader.objects.keys(COMPLETED_TRADES))
    found = [read_completed(data) for data in objects if data is not None]
    wanted = [trade for trade in found if ticker in (None, trade.ticker)]
    return sorted(wanted, key=lambda trade: (trade.exit_us, trade.id), reverse=True)


def _by_quote(gains: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for ticker, gain in gains:
        quote = quote_of(ticker)
        totals[quote] = MONEY.add(totals.get(quote, Decimal(0)), gain)
    return totals


def _return(position: Position, profit: Decimal) -> Decimal:
    cost = MONEY.multiply(position.quantity, position.entry_price)
    return MONEY.divide(profit, cost)


def _position(position: Position, state: TickerState) -> dict[str, object]:
    profit = unrealised(position, state.last_price)
    return fields(
        position,
        price=state.last_price,
        price_us=state.last_us,
        profit=profit,
    ) | {"return": _return(position, profit)}


def _position_cells(position: Position, state: TickerState) -> list[str]:
    profit = unrealised(position, state.last_price)
    return [
        position.ticker,
        amount(position.quantity),
        amount(position.entry_price),
        price(state.last_price),
        money(profit),
        percent(_return(position, profit)),
        date_time(position.entry_us),
    ]


def _trade_cells(trade: CompletedTrade) -> list[str]:
    return [
        date_time(trade.exit_us),
        trade.ticker,
        amount(trade.quantity),
        amount(trade.entry_price),
        amount(trade.exit_price),
        money(trade.profit),
        percent(trade.return_),
        trade.reason.replace("_", " "),
    ]


def _alert_cells(alert: Alert) -> list[str]:
    return [
        date_time(alert.event_us),
        alert.ticker,
        rule_text(alert.rule),
        price(alert.price),
        amount(alert.level),
        "" if alert.high is None else price(alert.high),
    ]
