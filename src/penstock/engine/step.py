"""The step: what a ticker's next trades do to its state.  The one place that decides.

`fold` is pure, and folding in any division gives the same: fold(fold(s, a), b) equals
fold(s, a + b) in state and effects.  `_Folding.step` is the rule book, one trade at a
time.  `_run` is its short cut: after each trade it learns between which prices and
times nothing can happen but counting, and counts in local variables while that holds.
"""

from collections.abc import Iterable, Sequence
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


def _run(  # noqa: C901 (a call per trade would cost more than all that it does)
    folding: "_Folding", records: Iterable[tuple[int, Sequence[Trade]]]
) -> None:
    # Bare locals and one comparison chain: this loop is where the time goes.
    position, last_seq, last = folding.position_in_stream, folding.last_seq, None
    start_us = end_us = calm = 0  # no short cut before the first trade
    low = top = highest = lowest = 0.0
    volume = notional = row_volume = row_notional = 0.0
    for number, trades in records:
        if number <= position:
            folding.redelivered += len(trades)
            continue
        position = number
        calm += len(trades)
        ahead = iter(trades)
        for trade in ahead:
            seq, event_us, price = trade.seq, trade.event_us, trade.price
            if (
                seq > last_seq
                and start_us <= event_us < end_us
                and low < price <= top
                and not trade.gap
            ):
                last_seq, last = seq, trade
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
            if last is not None:
                sums = (volume, notional, row_volume, row_notional)
                folding.absorb(calm - left - 1, last, highest, lowest, sums)
                last = None
            calm = left
            bounds, sums = folding.step(trade, number, trades)
            start_us, end_us, low, top = bounds
            volume, notional, row_volume, row_notional = sums
            last_seq, highest, lowest = folding.last_seq, price, price
    if last is not None:
        sums = (volume, notional, row_volume, row_notional)
        folding.absorb(calm, last, highest, lowest, sums)
    folding.position_in_stream = position


class _Folding:
    """A ticker's state, thawed while a batch is folded into it."""

    def __init__(self, state: TickerState, rules: Rules) -> None:
        self._state, self._rules, self._ticker = state, rules, state.ticker
        self.position_in_stream, self.last_seq = state.stream_position, state.last_seq
        self._last_price, self._last_us = state.last_price, state.last_us
        self._bar_us, self._row_us = rules.bar_us, row_interval_us(rules)
        self._rows_are_finer = self._row_us < self._bar_us
        self._keeps_ticks = rules.history == "tick"
        self._bar = _resume(state.bar, rules.bar_us)
        self._row = _resume(state.row, self._row_us) if self._rows_are_finer else None
        self._windows = _open_windows(state, rules)
        self._watches = _open_watches(state, rules, self._windows)
        self._trader = _open_trader(state, rules, self._windows)
        self._moving = list(self._windows.values())
        self._ruling: list[Watch | Trader] = [*self._watches]
        if self._trader is not None:
            self._ruling.append(self._trader)
        self._low, self._top = inf, -inf
        self._since_us = self._until_us = 0
        self.redelivered = 0
        self._applied = self._duplicates = self._late = self._gaps = self._new_bars = 0
        self._bars: list[Bar] = []
        self._rows: list[Bar] = []
        self._ticks: list[Trade] = []
        self._alerts: list[Alert] = []
        self._opened: list[Position] = []
        self._completed: list[CompletedTrade] = []

    def step(
        self, trade: Trade, number: int, trades: Sequence[Trade]
    ) -> tuple[_Calm, _Sums]:
        """Apply one trade; return until when only counting can follow, and the sums."""
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
        if self._bar is not None and event_us < self._bar.start_us:
            self._late += 1
            return _NEVER
        bar, row = self._count(trade, event_us)
        self._watch(trade, number, trades)
        sums = (bar.volume, bar.notional, row.volume, row.notional)
        return self._calm(row, event_us), sums

    def absorb(
        self, count: int, last: Trade, highest: float, lowest: float, sums: _Sums
    ) -> None:
        """Take over what the short cut counted in the newest bar, row and buckets."""
        close = self._last_price = last.price
        self._last_us, self.last_seq = last.event_us, last.seq
        self._applied += count
        volume, notional, row_volume, row_notional = sums
        if self._bar is not None:
            self._bar.take(count, highest, lowest, close, volume, notional)
        if self._row is not None:
            self._row.take(count, highest, lowest, close, row_volume, row_notional)
        for window in self._moving:
            window.raise_newest(highest)

    def finish(self) -> Folded:
        """Freeze the state again, and gather the effects."""
        state = self._save()
        if self._applied > self._late and state.bar is not None:
            self._bars.append(state.bar)
            if state.row is not None:
                self._rows.append(state.row)
        rows = self._rows if self._rows_are_finer else self._bars
        return Folded(
            state=state,
            bars=self._bars,
            new_bars=self._new_bars,
            rows=[] if self._keeps_ticks else rows,
            ticks=self._ticks,
            alerts=self._alerts,
            opened=self._opened,
            completed=self._completed,
            applied=self._applied,
            duplicates=self._duplicates,
            late=self._late,
            gaps=self._gaps,
            redelivered=self.redelivered,
        )

    def _count(self, trade: Trade, event_us: int) -> tuple[OpenBar, OpenBar]:
        price, size, gap = trade.price, trade.size, trade.gap
        self._last_price, self._last_us = price, event_us
        bar = self._bar
        if bar is not None and event_us < bar.end_us:
            bar.add(price, size, gap)
        else:
            if bar is not None:
                self._bars.append(bar.save())
            self._new_bars += 1
            bar = OpenBar(self._ticker, self._bar_us, event_us, price, size, gap)
            self._bar = bar
        if not self._rows_are_finer:
            return bar, bar
        row = self._row
        if row is None or event_us >= row.end_us:
            if row is not None:
                self._rows.append(row.save())
            row = OpenBar(self._ticker, self._row_us, event_us, price, size, gap)
            self._row = row
        elif event_us >= row.start_us:  # a closed row stays as it was written
            row.add(price, size, gap)
        return bar, row

    def _watch(self, trade: Trade, number: int, trades: Sequence[Trade]) -> None:
        event_us, price = trade.event_us, trade.price
        is_quiet = self._low < price <= self._top
        if is_quiet and self._since_us <= event_us < self._until_us:
            for window in self._moving:
                window.raise_newest(price)
        elif self._move_windows(event_us, price) or not is_quiet:
            self._decide(price, event_us, trade, number, trades)
            self._low, self._top = self._quiet()

    def _decide(
        self,
        price: float,
        event_us: int,
        trade: Trade,
        number: int,
        trades: Sequence[Trade],
    ) -> None:
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
        # Tells whether a rule now sees another high than it did; where none does,
        # the quiet prices still hold.
        moved, self._since_us, self._until_us = False, 0, _FOREVER_US
        for window in self._moving:
            before = window.high
            window.add(event_us, price)
            if window.seen != before:
                moved = True
            self._since_us = max(self._since_us, window.start_us)
            self._until_us = min(self._until_us, window.end_us)
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

    def _calm(self, row: OpenBar, event_us: int) -> _Calm:
        # Up to the end of the newest row and buckets.
        if event_us < row.start_us or event_us < self._since_us or self._keeps_ticks:
            return _NEVER[0]
        end_us = row.end_us if row.end_us < self._until_us else self._until_us
        return event_us, end_us, self._low, self._top

    def _save(self) -> TickerState:
        old, trader = self._state, self._trader
        return TickerState(
            ticker=self._ticker,
            version=old.version,
            stream_position=self.position_in_stream,
            last_seq=self.last_seq,
            trades=old.trades + self._applied,
            late=old.late + self._late,
            gaps=old.gaps + self._gaps,
            last_price=self._last_price,
            last_us=self._last_us,
            row=self._row.save() if self._row is not None else None,
            bar=self._bar.save() if self._bar is not None else None,
            windows={us: window.save() for us, window in self._windows.items()},
            fired=tuple(sorted(w.rule_id for w in self._watches if not w.armed)),
            position=trader.position if trader else old.position,
            sold_us=trader.sold_us if trader else old.sold_us,
            outbox=old.outbox,
        )


def _resume(saved: Bar | None, interval_us: int) -> OpenBar | None:
    # A bar of another length, from before the rules changed, stays as it was written.
    if saved is None or saved.interval_us != interval_us:
        return None
    return OpenBar.resume(saved)


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
