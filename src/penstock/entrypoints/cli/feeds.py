"""`penstock feeds`: what the live feeds are doing, or were when they ended."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from msgspec import to_builtins

from penstock.bootstrap import clock_us
from penstock.codec import iso_time
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import Column, print_json, print_table, say
from penstock.entrypoints.cli.words import counted
from penstock.errors import SourceError
from penstock.local import is_locked

if TYPE_CHECKING:
    from penstock.drivers.live import ConnectionStatus, SourceStatus, TickerStatus
    from penstock.entrypoints.cli.watch import FeedsStatus

__all__ = ["commands"]

_CONNECTIONS = (
    Column("Connection"),
    Column("Host", rank=4),
    Column("State"),
    Column("Heard", right=True),
    Column("Reconnects", right=True, rank=1),
    Column("Messages", right=True, rank=2),
    Column("Lost", right=True, rank=3),
    Column("Unreadable", right=True, rank=3),
)
_TICKERS = (
    Column("Ticker"),
    Column("State"),
    Column("Trade", right=True),
    Column("Trades", right=True),
    Column("Gaps", right=True),
    Column("Missing", right=True, rank=1),
    Column("Backfilled", right=True, rank=1),
    Column("Duplicates", right=True, rank=2),
    Column("p50", right=True, rank=3),
    Column("p99", right=True, rank=3),
)

commands = typer.Typer(rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(epilog=examples("feeds", "feeds --json"))
def feeds(
    *,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what the live feeds are doing.

    Those of the `run` or `produce` that is at work on the data directory, or of the
    last one.  Heard and Trade say how long ago the last message and trade came, p50
    and p99 how long trades took from the venue's clock to ours.
    """
    settings = read_settings(config, data_dir)
    try:
        from penstock.entrypoints.cli.watch import (  # noqa: PLC0415 (the extra `live`)
            read_status,
        )
    except ImportError as e:
        raise SourceError(
            "live feeds need the extra `live`: pip install 'penstock[cli,live]'"
        ) from e

    found = read_status(settings.data_dir)
    is_running = found is not None and not found.has_ended
    is_running = is_running and is_locked(settings.data_dir)
    if as_json:
        print_json(_as_json(found, is_running=is_running))
    elif found is None:
        say(
            f"No live feeds in {settings.data_dir}. Start some, such as "
            "`penstock run --source coinbase --symbol BTC-USD`."
        )
    else:
        _print(found, is_running=is_running)


def _as_json(found: "FeedsStatus | None", *, is_running: bool) -> dict[str, object]:
    if found is None:
        return {"is_running": False, "connections": [], "tickers": []}
    source = to_builtins(found.source)
    for connection, written in zip(
        found.source.connections, source["connections"], strict=True
    ):
        written["state"] = _connection_state(connection, is_running=is_running)
    for ticker, written in zip(found.source.tickers, source["tickers"], strict=True):
        written["state"] = _state(ticker, found, is_running=is_running)
    return {
        "is_running": is_running,
        "command": found.command,
        "written_us": found.written_us,
        "age_s": _age_s(found),
        **source,
    }


def _age_s(found: "FeedsStatus") -> float:
    return round((clock_us() - found.written_us) / 1e6, 3)


def _print(found: "FeedsStatus", *, is_running: bool) -> None:
    when = f"{iso_time(found.written_us)[:19].replace('T', ' ')} UTC"
    age = f"{_age_s(found):,.0f} s ago"
    if is_running:
        say(f"`penstock {found.command}` is at work; as of {age}:\n")
    else:
        how = "ended" if found.has_ended else "was last heard of"
        say(f"`penstock {found.command}` {how} at {when}, {age}:\n")
    source = found.source
    age_s = _age_s(found)
    print_table(
        _CONNECTIONS,
        [
            _connection(c, _connection_state(c, is_running=is_running), age_s)
            for c in source.connections
        ],
    )
    say("")
    print_table(
        _TICKERS,
        [
            _ticker(t, _state(t, found, is_running=is_running), age_s)
            for t in source.tickers
        ],
    )
    say(f"\n{_queue(source)}; {_requests(source)}")
    for ticker in source.tickers:
        if words := _uncounted(ticker):
            say(f"\n{ticker.ticker}: {words}")
    remarks = [text for c in source.connections for text in _remarks(c)]
    if remarks:
        say("\n" + "\n".join(remarks))


def _remarks(found: "ConnectionStatus") -> Iterator[str]:
    if found.unchecked:
        yield f"{found.name} could not be asked for its markets: {found.unchecked}"
    for symbol, reason in found.refused.items():
        yield f"{found.name} refused {symbol}: {reason}"
    if found.last_error:
        errors = sum(found.errors.values())
        times = f"{counted(errors, 'error')}, the last one: " if errors else ""
        yield f"{found.name}: {times}{found.last_error}"


def _queue(source: "SourceStatus") -> str:
    waiting = f"{source.queued:,} received and not yet taken"
    if source.max_queued:
        waiting += f", of {source.max_queued:,} at most"
    return f"{waiting}; reading paused {counted(source.pauses, 'time')}"


def _requests(source: "SourceStatus") -> str:
    requests = counted(source.requests, "request")
    failed = ", ".join(f"{why} ({n:,})" for why, n in source.request_errors.items())
    return f"{requests} for past trades" + (f", failed: {failed}" if failed else "")


def _uncounted(found: "TickerStatus") -> str:
    """Say what happened to a ticker that no column of the table has."""
    words = []
    if found.outages:
        words.append(
            f"{counted(found.outages, 'outage')}, {found.blind_s:,.1f} s as far as is "
            "known, of which missing trades cannot be counted"
        )
    if found.resets:
        words.append(f"ids began anew {counted(found.resets, 'time')}")
    if found.odd:
        words.append(f"{counted(found.odd, 'trade')} with odd ids or times left out")
    return "; ".join(words)


def _connection_state(found: "ConnectionStatus", *, is_running: bool) -> str:
    # What was killed could not say so.
    return found.state if is_running or found.state == "refused" else "closed"


def _connection(found: "ConnectionStatus", state: str, age_s: float) -> list[str]:
    return [
        found.name,
        found.host,
        state,
        _ago(found.frame_age_s, age_s),
        f"{found.reconnects:,}",
        f"{found.messages:,}",
        f"{found.missed:,}",
        f"{found.unreadable:,}",
    ]


def _state(ticker: "TickerStatus", found: "FeedsStatus", *, is_running: bool) -> str:
    venue, _, symbol = ticker.ticker.partition(":")
    feeding = [
        c for c in found.source.connections if c.venue == venue and symbol in c.symbols
    ]
    if feeding and all(symbol in c.refused for c in feeding):
        return "refused"
    if not is_running:
        return "ended"
    if feeding and not any(c.state in ("live", "stale") for c in feeding):
        return feeding[0].state
    if ticker.is_stale:
        return "stale"
    return "live" if ticker.trades else "waiting"


def _ticker(found: "TickerStatus", state: str, age_s: float) -> list[str]:
    return [
        found.ticker,
        state,
        _ago(found.trade_age_s, age_s),
        f"{found.trades:,}",
        f"{found.gaps:,}",
        f"{found.missing:,}",
        f"{found.backfilled:,}",
        f"{found.duplicates:,}",
        _latency(found.latency_p50_us),
        _latency(found.latency_p99_us),
    ]


def _ago(then_s: float | None, since_s: float) -> str:
    # Then, seconds ago; and how long ago that was.
    return "never" if then_s is None else f"{then_s + since_s:,.1f} s"


def _latency(us: int | None) -> str:
    return "" if us is None else f"{us / 1000:,.1f} ms"
