"""The step: what a ticker's next trades do to its state.  The one place that decides.

`fold` is pure, and folding in any division gives the same: fold(fold(s, a), b) equals
fold(s, a + b) in state and effects.  `_Folding.step` is the rule book, one trade at a
time.  `_run` is its short cut: from each step it learns between which prices and times
nothing can happen but counting, and counts in local variables while that holds.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from operator import length_hint

from msgspec import Struct

from penstock.engine.alerts import Watch, watch
from penstock.engine.bars import OpenBar
from penstock.engine.rules import DropRule, Rules
from penstock.engine.strategy import Trader
from penstock.engine.window import SlidingHigh
from penstock.model import (
    Alert,
    Bar,
    CompletedTrade,
    Position,
    TickerState,
    Trade,
)

__all__ = ["Folded", "fold", "row_interval_us"]

# Between which times and prices (low, top] nothing can happen but counting.
_Calm = tuple[int, int, float, float]
# Volume and notional of the open bar, and of the open row.
_Sums = tuple[float, float, float, float]
_NEVER: tuple[_Calm, _Sums] = ((0, 0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))

_FOREVER_US = 2**63  # after every time
_HISTORY_US = {"1s": 1_000_000, "1m": 60_000_000}


class Folded(Struct, kw_only=True):
    """What folding gave: the state to commit, and what follows from it.

    Attributes:
        state: The new state, with the version and outbox of the old one.
        bars: Bars that changed, oldest first; the last one is open.
        new_bars: How many of them were begun.
        rows: The same at the history's resolution; empty at tick resolution.
        ticks: The applied trades, at tick resolution.
        applied, duplicates, late, gaps: Counts of trades; `late` are among `applied`.
        redelivered: Trades in records that were folded in before.
    """

    state: TickerState
    bars: list[Bar]
    new_bars: int
    rows: list[Bar]
    ticks: list[Trade]
    alerts: list[Alert]
    opened: list[Position]
    completed: list[CompletedTrade]
    applied: int
    duplicates: int
    late: int
    gaps: int
    redelivered: int


def fold(
    state: TickerState,
    records: Iterable[tuple[int, Sequence[Trade]]],
    rules: Rules,
) -> Folded:
    """Apply a ticker's next records to its state.

    Args:
        state: The ticker's state; a new one for a new ticker.
        records: Stream sequence number and trades of each record, in stream order.
        rules: The rules of this ticker (`Rules.of`).
    """
    folding = _Folding(state, rules)
    _run(folding, records)
    return folding.finish()


def row_interval_us(rules: Rules) -> int:
    """Return the length of a history row, in microseconds; a bar's at tick."""
    return _HISTORY_US.get(rules.history, rules.bar_us)


# Bare locals and single comparisons: this loop is where the time goes.
def _run(folding: "_Folding", records: Iterable[tuple[int, Sequence[Trade]]]) -> None:
    (start_us, end_us, low, top), sums = _NEVER
    volume, notional, row_volume, row_notional = sums
    last, last_seq, calm, highest, lowest = None, folding.last_seq, 0, 0.0, 0.0
    for number, trades in folding.unseen(records):
        calm += len(trades)  # as if all were; a count in the loop would cost more
        ahead = iter(trades)
        for trade in ahead:
            price = trade.price
            event_us = trade.event_us
            seq = trade.seq
            if (
                price > low
                and price <= top
                and event_us >= start_us
                and event_us < end_us
                and seq > last_seq
                and not trade.gap
            ):
                last, last_seq = trade, seq
                size = trade.size
                worth = price * size
                volume += size
                notional += worth
                row_volume += size
                row_notional += worth
                if price > highest:
                    highest = price
                elif price < lowest:
                    lowest = price
                continue
            left = length_hint(ahead)
            sums = (volume, notional, row_volume, row_notional)
            folding.absorb(calm - left - 1, last, highest, lowest, sums)
            (start_us, end_us, low, top), sums = folding.step(trade, number, trades)
            volume, notional, row_volume, row_notional = sums
            last, last_seq, calm = None, folding.last_seq, left
            highest = lowest = price
    sums = (volume, notional, row_volume, row_notional)
    folding.absorb(calm, last, highest, lowest, sums)


class _Folding:
    """A ticker's state, thawed while a batch is folded into it."""

    def __init__(self, state: TickerState, rules: Rules) -> None:
        self._state, self._ticker = state, state.ticker
        self._position, self.last_seq = state.stream_position, state.last_seq
        self._last_price, self._last_us = state.last_price, state.last_us
        row_us = row_interval_us(rules)
        self._rows_are_finer = row_us < rules.bar_us
        self._keeps_ticks = rules.history == "tick"
        self._bar = OpenBar(self._ticker, rules.bar_us, state.bar)
        saved = state.row if self._rows_are_finer else state.bar
        self._row = OpenBar(self._ticker, row_us, saved)
        self._windows = _open_windows(state, rules)
        self._watches = _open_watches(state, rules, self._windows)
        self._trader = _open_trader(state, rules, self._windows)
        self._moving = list(self._windows.values())
        self._ruling: list[Watch | Trader] = [*self._watches]
        if self._trader is not None:
            self._ruling.append(self._trader)
        # Between these prices and times no rule can act; as good as never at first.
        self._low, self._top, self._since_us, self._until_us = inf, -inf, 0, 0
        self._highest = 0.0  # in the newest buckets, and not yet told the windows
        self._applied = self._duplicates = self._late = self._gaps = 0
        self._redelivered = self._new_bars = 0
        self._bars: list[Bar] = []
        self._rows: list[Bar] = []
        self._ticks: list[Trade] = []
        self._alerts: list[Alert] = []
        self._opened: list[Position] = []
        self._completed: list[CompletedTrade] = []

    def unseen(
        self, records: Iterable[tuple[int, Sequence[Trade]]]
    ) -> Iterator[tuple[int, Sequence[Trade]]]:
        """Yield the records that were not folded in before, and remember that."""
        for number, trades in records:
            if number > self._position:
                self._position = number
                yield number, trades
            else:
                self._redelivered += len(trades)

    def step(
        self, trade: Trade, number: int, trades: Sequence[Trade]
    ) -> tuple[_Calm, _Sums]:
        """Apply one trade; return when only counting can follow, and the sums."""
        seq, event_us = trade.seq, trade.event_us
        if seq:
            if seq <= self.last_seq:
                self._duplicates += 1
                return _NEVER
            self.last_seq = seq
        self._applied += 1
        self._gaps += trade.gap
        if self._keeps_ticks:
            self._ticks.append(trade)
        bar, row = self._bar, self._row
        if event_us < bar.start_us:
            self._late += 1
            return _NEVER
        self._count(trade)
        self._consult(trade, number, trades)
        if event_us < row.start_us or event_us < self._since_us or self._keeps_ticks:
            return _NEVER
        # In the newest row and buckets, and while they last.
        end_us = row.end_us if row.end_us < self._until_us else self._until_us
        sums = (bar.volume, bar.notional, row.volume, row.notional)
        return (event_us, end_us, self._low, self._top), sums

    def absorb(
        self,
        count: int,
        last: Trade | None,
        highest: float,
        lowest: float,
        sums: _Sums,
    ) -> None:
        """Take over what the short cut counted in the newest bar, row and buckets."""
        if last is None:
            return
        close = self._last_price = last.price
        self._last_us, self.last_seq = last.event_us, last.seq
        self._applied += count
        bar, row = self._bar, self._row
        bar.take(count, highest, lowest, close)
        row.take(count, highest, lowest, close)
        bar.volume, bar.notional, row.volume, row.notional = sums
        if highest > self._highest:
            self._highest = highest

    def finish(self) -> Folded:
        """Freeze the state again, and gather the effects."""
        for window in self._moving:
            window.raise_newest(self._highest)
        if self._applied > self._late:
            self._bars.append(self._bar.save())
            self._rows.append(self._row.save())
        return Folded(
            state=self._save(),
            bars=self._bars,
            new_bars=self._new_bars,
            rows=[] if self._keeps_ticks else self._rows,
            ticks=self._ticks,
            alerts=self._alerts,
            opened=self._opened,
            completed=self._completed,
            applied=self._applied,
            duplicates=self._duplicates,
            late=self._late,
            gaps=self._gaps,
            redelivered=self._redelivered,
        )

    def _count(self, trade: Trade) -> None:
        price, event_us = trade.price, trade.event_us
        self._last_price, self._last_us = price, event_us
        bar, row = self._bar, self._row
        if event_us < bar.end_us:
            bar.add(price, trade.size, trade.gap)
        else:
            if bar.trades:
                self._bars.append(bar.save())
            bar.begin(event_us, price, trade.size, trade.gap)
            self._new_bars += 1
        if event_us >= row.end_us:
            if row.trades:
                self._rows.append(row.save())
            row.begin(event_us, price, trade.size, trade.gap)
        elif event_us >= row.start_us:  # a closed row stays as it was written
            row.add(price, trade.size, trade.gap)

    def _consult(self, trade: Trade, number: int, trades: Sequence[Trade]) -> None:
        # Every rule is asked, unless it is certain that none has anything to say.
        event_us, price = trade.event_us, trade.price
        is_quiet = self._low < price <= self._top
        if is_quiet and self._since_us <= event_us < self._until_us:
            if price > self._highest:
                self._highest = price
        elif self._move_windows(event_us, price) or not is_quiet:
            self._decide(trade, number, trades)
            self._low, self._top = self._quiet()

    def _decide(self, trade: Trade, number: int, trades: Sequence[Trade]) -> None:
        price, event_us = trade.price, trade.event_us
        for rule in self._watches:
            if rule.see(price):
                alert = Alert(
                    id=f"{self._ticker}/{rule.rule_id}/{_ref(trade, number, trades)}",
                    ticker=self._ticker,
                    rule=rule.rule_id,
                    price=price,
                    level=rule.level(),
                    high=rule.reference(),
                    event_us=event_us,
                )
                self._alerts.append(alert)
        trader = self._trader
        if trader is None or not trader.may_act(price):
            return
        moved = trader.see(self._ticker, price, event_us, _ref(trade, number, trades))
        if isinstance(moved, Position):
            self._opened.append(moved)
        elif moved is not None:
            self._completed.append(moved)

    def _move_windows(self, event_us: int, price: float) -> bool:
        # Tells whether a rule now sees another high than before: where none does, the
        # quiet prices still hold.
        moved, since_us, until_us = False, 0, _FOREVER_US
        for window in self._moving:
            window.raise_newest(self._highest)
            before = window.high
            window.add(event_us, price)
            if window.seen != before:
                moved = True
            if window.start_us > since_us:
                since_us = window.start_us
            if window.end_us < until_us:
                until_us = window.end_us
        self._since_us, self._until_us, self._highest = since_us, until_us, 0.0
        return moved

    def _quiet(self) -> tuple[float, float]:
        # Between these prices every high and every rule stays as it is.
        low, top = -inf, inf
        for window in self._moving:
            top = min(top, window.high)
        for rule in self._ruling:
            quiet_above, quiet_to = rule.quiet()
            low, top = max(low, quiet_above), min(top, quiet_to)
        return low, top

    def _save(self) -> TickerState:
        old, trader, bar, row = self._state, self._trader, self._bar, self._row
        return TickerState(
            ticker=self._ticker,
            version=old.version,
            stream_position=self._position,
            last_seq=self.last_seq,
            trades=old.trades + self._applied,
            late=old.late + self._late,
            gaps=old.gaps + self._gaps,
            last_price=self._last_price,
            last_us=self._last_us,
            row=row.save() if row.trades and self._rows_are_finer else None,
            bar=bar.save() if bar.trades else None,
            windows={us: window.save() for us, window in self._windows.items()},
            fired=tuple(sorted(w.rule_id for w in self._watches if not w.armed)),
            position=trader.position if trader else old.position,
            sold_us=trader.sold_us if trader else old.sold_us,
            outbox=old.outbox,
        )


def _open_windows(state: TickerState, rules: Rules) -> dict[int, SlidingHigh]:
    lengths = [r.window_us for r in rules.alerts if isinstance(r, DropRule)]
    if rules.strategy is not None:
        lengths.append(rules.strategy.window_us)
    return {
        us: SlidingHigh(us, rules.bar_us, state.windows.get(us))
        for us in sorted(set(lengths))
    }


def _open_watches(
    state: TickerState, rules: Rules, windows: dict[int, SlidingHigh]
) -> list[Watch]:
    watches = []
    for rule in rules.alerts:
        window = windows[rule.window_us] if isinstance(rule, DropRule) else None
        watches.append(watch(rule, window, armed=rule.id not in state.fired))
    return watches


def _open_trader(
    state: TickerState, rules: Rules, windows: dict[int, SlidingHigh]
) -> Trader | None:
    rule = rules.strategy
    if rule is None:
        return None
    return Trader(rule, windows[rule.window_us], state.position, state.sold_us)


def _ref(trade: Trade, number: int, trades: Sequence[Trade]) -> str:
    # Names a trade within its ticker, for ids: by its seq, else by where it stands.
    if trade.seq:
        return str(trade.seq)
    line = next(i for i, other in enumerate(trades) if other is trade)
    return f"@{number}.{line}"
