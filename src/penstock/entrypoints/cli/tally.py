"""What a run of the pipeline has done so far: counts, tickers, the latest events.

Told of every batch by the thread that processes, asked by the one that shows.  Prints
nothing, reads no clock.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from threading import Lock
from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from penstock.engine.exact import MONEY, exact
from penstock.entrypoints.cli.words import (
    alert_text,
    position_text,
    quote_of,
    sale_text,
)
from penstock.model import Alert, Position, TickerState
from penstock.pipeline import BatchResult

__all__ = ["Event", "Report", "Row", "Tally", "unrealised"]

_RECENT_EVENTS = 1000
_RATE_S = 5.0  # rates are over so long: steady enough to read, and still of now


class Event(NamedTuple):
    """Something that a person wants to hear of.

    Attributes:
        event_us: When, by the venue's clock.
        ticker: Of what.
        kind: "alert", "bought" or "sold".
        text: The rest of the sentence.
    """

    event_us: int
    ticker: str
    kind: str
    text: str


class Report(Struct, kw_only=True):
    """What `run` and `replay` print in the end, as JSON or in words.

    Attributes:
        trades: Applied; late ones are among them.
        duplicates: Trades that were there already.
        late: Trades older than the open bar.
        dead_letters: What could not be read.
        gaps: Trades known to be missing.
        bars: Begun.
        alerts, opened, completed: Alerts; positions opened; positions sold.
        profit: Of the positions sold; `profit_by_quote` where currencies differ.
        tickers: That had trades.
        waiting: Lines of the log that the next start processes, if there are any.
    """

    trades: int = 0
    duplicates: int = 0
    late: int = 0
    dead_letters: int = 0
    gaps: int = 0
    bars: int = 0
    alerts: int = 0
    opened: int = 0
    completed: int = 0
    profit: Decimal = Decimal(0)
    profit_by_quote: dict[str, Decimal] = {}
    tickers: int = 0
    elapsed_s: float = 0.0
    trades_per_s: float = 0.0
    waiting: int | UnsetType = UNSET


class Row(Struct, kw_only=True):
    """A ticker that traded in this run.

    Attributes:
        state: As last committed.
        first_price: Of this run, or near it: the first batch's last.
        alert: The last one of this run.
        realised: Profit of this run's completed trades.
        lag_us: How long after the last trade was due it was decided on; None where
            trades come as fast as they can.
        trades_per_s: Over the last few seconds.
        recent: Time in seconds and trades since the beginning, for that rate.
    """

    state: TickerState
    first_price: float
    alert: Alert | None = None
    realised: Decimal = Decimal(0)
    lag_us: int | None = None
    trades_per_s: float = 0.0
    recent: deque[tuple[float, int]]


class Tally:
    """Adds up what the batches of one run did.

    Args:
        ahead_us: How far the source's time is ahead of the clock, for the lag; None
            where its trades are not due at any time.

    """

    def __init__(self, *, ahead_us: int | None = None) -> None:
        self._sum = Report()
        self._ahead_us = ahead_us
        self._rows: dict[str, Row] = {}
        self._events: deque[Event] = deque(maxlen=_RECENT_EVENTS)
        self._events_seen = 0
        self._lock = Lock()

    def add(self, result: BatchResult, *, now_us: int) -> None:
        """Take in what a batch did, by `now_us`."""
        with self._lock:
            self._count(result)
            for ticker, state in result.states.items():
                self._take(ticker, state, now_us)
            for event in _events(result):
                self._events.append(event)
                self._events_seen += 1
            for alert in result.alerts:
                self._rows[alert.ticker].alert = alert
            for trade in result.completed:
                row = self._rows[trade.ticker]
                row.realised = MONEY.add(row.realised, trade.profit)

    def rows(self, now_s: float) -> list[Row]:
        """Return the tickers, in order of their names, with their rates at `now_s`."""
        with self._lock:
            for row in self._rows.values():
                _measure(row, now_s)
            return [self._rows[ticker] for ticker in sorted(self._rows)]

    def tickers(self) -> list[str]:
        """Return the tickers that had trades, in order of their names."""
        with self._lock:
            return sorted(self._rows)

    def events(self, since: int = 0) -> tuple[int, Sequence[Event]]:
        """Return how many events there were, and the latest of those after `since`."""
        with self._lock:
            new = min(self._events_seen - since, len(self._events))
            return self._events_seen, list(self._events)[len(self._events) - new :]

    def report(self, elapsed_s: float, *, duplicates: int, dead_letters: int) -> Report:
        """Sum up, with what the source gave in vain: known trades, unreadable ones."""
        with self._lock:
            found = self._sum
            return replace(
                found,
                duplicates=found.duplicates + duplicates,
                dead_letters=found.dead_letters + dead_letters,
                profit_by_quote=dict(found.profit_by_quote),
                tickers=len(self._rows),
                elapsed_s=round(elapsed_s, 3),
                trades_per_s=round(found.trades / elapsed_s, 1) if elapsed_s else 0.0,
            )

    def _count(self, result: BatchResult) -> None:
        report = self._sum
        report.trades += result.applied
        report.duplicates += result.duplicates
        report.late += result.late
        report.dead_letters += result.dead_letters
        report.gaps += result.gaps
        report.bars += result.new_bars
        report.alerts += len(result.alerts)
        report.opened += len(result.opened)
        report.completed += len(result.completed)
        for trade in result.completed:
            by_quote, quote = report.profit_by_quote, quote_of(trade.ticker)
            by_quote[quote] = MONEY.add(by_quote.get(quote, Decimal(0)), trade.profit)
            report.profit = MONEY.add(report.profit, trade.profit)

    def _take(self, ticker: str, state: TickerState, now_us: int) -> None:
        if not state.trades:
            return  # bytes under a key that never held a trade
        row = self._rows.get(ticker)
        if row is None:
            row = Row(state=state, first_price=state.last_price, recent=deque())
            self._rows[ticker] = row
        row.state = state
        if self._ahead_us is not None:
            row.lag_us = max(now_us + self._ahead_us - state.last_us, 0)


def unrealised(position: Position, price: float) -> Decimal:
    """Return what a position has gained at `price`, less the fee paid on entry."""
    gain = MONEY.subtract(exact(price), position.entry_price)
    return MONEY.subtract(MONEY.multiply(position.quantity, gain), position.entry_fee)


def _events(result: BatchResult) -> Iterator[Event]:
    found = [
        Event(alert.event_us, alert.ticker, "alert", alert_text(alert))
        for alert in result.alerts
    ]
    found += [
        Event(position.entry_us, position.ticker, "bought", position_text(position))
        for position in result.opened
    ]
    found += [
        Event(trade.exit_us, trade.ticker, "sold", sale_text(trade))
        for trade in result.completed
    ]
    return iter(sorted(found))


def _measure(row: Row, now_s: float) -> None:
    recent = row.recent
    recent.append((now_s, row.state.trades))
    while now_s - recent[0][0] > _RATE_S:
        recent.popleft()
    since_s, trades = recent[0]
    if now_s > since_s:
        row.trades_per_s = (row.state.trades - trades) / (now_s - since_s)
