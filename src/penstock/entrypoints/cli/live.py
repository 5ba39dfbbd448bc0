"""What happens, as it happens: a table on a terminal, a line per event elsewhere.

Shows a tally four times a second, from a thread of its own; decides nothing.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from time import monotonic

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from penstock.codec import iso_time
from penstock.entrypoints.cli.output import Column, make_table, say
from penstock.entrypoints.cli.tally import Event, Report, Row, Tally, unrealised
from penstock.entrypoints.cli.words import (
    amount,
    clock_time,
    counted,
    decimals,
    money,
    percent,
    price,
    profits,
    rule_text,
)

__all__ = ["can_draw", "showing", "summary"]

_REFRESH_S = 0.25
_SUMMARY_S = 5.0  # between two lines of totals, without a terminal
_EVENT_LINES = 8
_REMARK_LINES = 4
_OTHER_LINES = 8  # of a screen: headings, totals, and room for the prompt
_ROOMY = 100  # columns

_COLUMNS = (
    Column("Ticker", width=8),
    Column("Price", right=True, width=9),
    Column("Change", right=True, width=7),
    Column("Open", right=True, width=9, rank=3),
    Column("High", right=True, width=9, rank=1),
    Column("Low", right=True, width=9, rank=1),
    Column("Alert", width=7),
    Column("Position", right=True, width=10, rank=2),
    Column("Unrealised", right=True, width=7),
    Column("Realised", right=True, width=7),
    Column("/s", right=True, width=3),
    Column("Lag", right=True, width=6, rank=4),
)
_STYLES = {"alert": "yellow", "bought": "cyan", "sold": "green"}


def can_draw() -> bool:
    """Tell whether standard output is a terminal on which lines can be redrawn."""
    return sys.stdout.isatty() and not Console().is_dumb_terminal


@contextmanager
def showing(
    tally: Tally,
    report: Callable[[], Report],
    title: str,
    *,
    is_terminal: bool,
    on_failure: Callable[[], None],
    remarks: Sequence[str] = (),
) -> Iterator[None]:
    """Show `tally` until the end of the block, and once more then.

    `report` sums it up, `title` says where the trades come from, `is_terminal` whether
    there is a screen to draw on; `on_failure` is called if nobody reads any more.
    `remarks` are shown as well, and may grow meanwhile.
    """
    began_s, done = monotonic(), threading.Event()
    with ExitStack() as stack:
        show: Callable[[float], None]
        if is_terminal:
            live = stack.enter_context(Live(auto_refresh=False))
            show = _Screen(tally, report, title, live, remarks).show
        else:
            show = _Lines(tally, report, remarks).show

        def repeat() -> None:
            try:
                while not done.wait(_REFRESH_S):
                    show(monotonic() - began_s)
                show(monotonic() - began_s)
            except BrokenPipeError:
                on_failure()

        thread = threading.Thread(target=repeat, name="show")
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def summary(report: Report) -> tuple[str, str]:
    """Say what a run did: how much in which time, and what came of it."""
    return (
        f"{counted(report.trades, 'trade')} of {counted(report.tickers, 'ticker')} in "
        f"{report.elapsed_s:,.1f} s ({report.trades_per_s:,.0f}/s)",
        _totals(report),
    )


def _totals(report: Report) -> str:
    parts = [
        counted(report.bars, "bar"),
        counted(report.alerts, "alert"),
        f"{report.opened:,} bought",
        f"{report.completed:,} sold",
    ]
    if report.completed:
        parts.append(f"profit {profits(report.profit_by_quote)}")
    faults = {
        "late": report.late,
        "missing": report.gaps,
        "known before": report.duplicates,
        "unreadable": report.dead_letters,
        "waiting": report.waiting or 0,
    }
    parts += [f"{number:,} {fault}" for fault, number in faults.items() if number]
    return ", ".join(parts)


class _Lines:
    """A line per event, and one of totals every few seconds."""

    def __init__(
        self, tally: Tally, report: Callable[[], Report], remarks: Sequence[str]
    ) -> None:
        self._tally, self._report, self._remarks = tally, report, remarks
        self._seen = self._remarked = 0
        self._next_s = _SUMMARY_S

    def show(self, elapsed_s: float) -> None:
        """Print what is new."""
        for remark in self._remarks[self._remarked :]:
            say(remark)
            self._remarked += 1
        self._seen, events = self._tally.events(self._seen)
        for event in events:
            time = iso_time(event.event_us)[:19]
            say(f"{time}Z {event.ticker} {event.kind} {event.text}")
        if elapsed_s >= self._next_s:
            self._next_s += _SUMMARY_S
            say(": ".join(summary(self._report())))


class _Screen:
    """A table that is drawn over the last one."""

    def __init__(
        self,
        tally: Tally,
        report: Callable[[], Report],
        title: str,
        live: Live,
        remarks: Sequence[str],
    ) -> None:
        self._tally, self._report, self._remarks = tally, report, remarks
        self._title, self._live = title, live
        self._decimals: dict[str, int] = {}

    def show(self, elapsed_s: float) -> None:
        """Draw it."""
        size = self._live.console.size
        rows = self._tally.rows(elapsed_s)
        _, events = self._tally.events()
        remarks = self._remarks[-_REMARK_LINES:]
        room = size.height - _OTHER_LINES - _EVENT_LINES - len(remarks)
        shown = _busiest(rows, room)
        is_only = len({row.state.ticker.partition(":")[0] for row in rows}) == 1
        lines: list[RenderableType] = [
            self._heading(rows, elapsed_s),
            Text(),
            make_table(
                _COLUMNS,
                [self._cells(row, is_only=is_only) for row in shown],
                width=size.width,
                gap=1 if size.width < _ROOMY else 2,
            ),
        ]
        if len(shown) < len(rows):
            lines.append(Text(f"and {len(rows) - len(shown):,} more", style="dim"))
        lines += [Text(), *map(_line, events[-_EVENT_LINES:])]
        lines += [Text(remark, style="yellow", no_wrap=True) for remark in remarks]
        report = self._report()
        totals = f"{counted(report.trades, 'trade')}: {_totals(report)}"
        lines += [Text(totals, style="dim")]
        self._live.update(Group(*lines), refresh=True)

    def _heading(self, rows: Sequence[Row], elapsed_s: float) -> Text:
        per_s = sum(row.trades_per_s for row in rows)
        lags = [row.lag_us for row in rows if row.lag_us is not None]
        parts = [f"{timedelta(seconds=int(elapsed_s))}", f"{per_s:,.0f} trades/s"]
        if lags:
            parts.append(f"lag {_milliseconds(max(lags))}")
        parts.append("Ctrl-C stops")
        return Text.assemble((self._title, "bold"), "  ", ("  ".join(parts), "dim"))

    def _cells(self, row: Row, *, is_only: bool) -> list[Text]:
        # `is_only`: whether there is one venue, which then need not be named.
        state = row.state
        ticker, last, bar = state.ticker, state.last_price, state.bar
        places = max(self._decimals.get(ticker, 0), decimals(last))
        self._decimals[ticker] = places
        return [
            Text(ticker.partition(":")[2] if is_only else ticker),
            Text(price(last, places)),
            _signed(percent(last / row.first_price - 1)),
            *(
                Text(price(value, places) if bar else "")
                for value in ((bar.open, bar.high, bar.low) if bar else (0.0,) * 3)
            ),
            Text(
                rule_text(row.alert.rule).partition(" in")[0] if row.alert else "",
                style="yellow",
            ),
            *_held(row),
            _signed(money(row.realised) if row.realised else ""),
            Text(f"{row.trades_per_s:,.0f}"),
            Text("" if row.lag_us is None else _milliseconds(row.lag_us)),
        ]


def _busiest(rows: Sequence[Row], room: int) -> Sequence[Row]:
    if len(rows) <= room:
        return rows
    by_trades = sorted(rows, key=lambda row: row.state.trades, reverse=True)
    return sorted(by_trades[: max(room, 1)], key=lambda row: row.state.ticker)


def _held(row: Row) -> tuple[Text, Text]:
    position = row.state.position
    if position is None:
        return Text(), Text()
    gained = unrealised(position, row.state.last_price)
    return Text(amount(position.quantity)), _signed(money(gained))


def _signed(text: str) -> Text:
    return Text(text, style={"+": "green", "-": "red"}.get(text[:1], ""))


def _line(event: Event) -> Text:
    return Text.assemble(
        (f"{clock_time(event.event_us)}  ", "dim"),
        f"{event.ticker.partition(':')[2]:<9} ",
        (f"{event.kind:<7} ", _STYLES[event.kind]),
        event.text,
    )


def _milliseconds(us: int) -> str:
    return f"{us // 1000:,} ms"
