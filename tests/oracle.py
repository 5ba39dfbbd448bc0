"""The step's rules again, as plainly as they can be written: one trade at a time.

Shares no code with penstock.engine.  Every bucket maximum is kept for ever, every
comparison is made in Decimal, nothing is cached.
"""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal, localcontext
from math import ceil

HISTORY = {"1s": 1_000_000, "1m": 60_000_000}


@dataclass
class Oracle:
    """Folds trades of one ticker; read its attributes afterwards."""

    rules: object
    last_seq: int = 0
    applied: int = 0
    duplicates: int = 0
    late: int = 0
    gaps: int = 0
    bars: dict = field(default_factory=dict)  # start -> [o, h, l, c, vol, not, n, gaps]
    rows: dict = field(default_factory=dict)
    ticks: list = field(default_factory=list)
    open_bar: int = -1
    open_row: int = -1
    buckets: dict = field(default_factory=dict)  # (window, bucket) -> maximum
    disarmed: set = field(default_factory=set)
    alerts: list = field(default_factory=list)  # (rule id, seq)
    held: tuple | None = None  # (seq, entry fill, quantity, fee, event_us)
    sold_us: int | None = None
    bought: list = field(default_factory=list)
    completed: list = field(default_factory=list)  # (buy seq, sell seq, profit, reason)

    def apply(self, trade):
        if trade.seq <= self.last_seq:
            self.duplicates += 1
            return
        self.last_seq = trade.seq
        self.applied += 1
        self.gaps += trade.gap
        self.ticks.append(trade.seq)
        if trade.event_us < self.open_bar:
            self.late += 1
            return
        self._bar(trade)
        with localcontext(Context(prec=34)):
            for rule in self.rules.alerts:
                self._alert(rule, trade)
            if self.rules.strategy is not None:
                self._trade(self.rules.strategy, trade)

    def _bar(self, trade):
        start = trade.event_us // self.rules.bar_us * self.rules.bar_us
        self.open_bar = max(self.open_bar, start)
        add(self.bars, start, trade)
        length = HISTORY.get(self.rules.history, self.rules.bar_us)
        start = trade.event_us // length * length
        if start >= self.open_row:
            self.open_row = start
            add(self.rows, start, trade)

    def _high(self, window_us, trade):
        bucket = trade.event_us * 60 // window_us
        key = (window_us, bucket)
        self.buckets[key] = max(self.buckets.get(key, 0.0), trade.price)
        # A trade out of order by more than a window sees only what is still kept.
        newest = max(b for us, b in self.buckets if us == window_us)
        oldest = newest - 59 - min(60, ceil(self.rules.bar_us * 60 / window_us))
        span = range(max(oldest, bucket - 59), bucket + 1)
        highs = [self.buckets.get((window_us, b), 0.0) for b in span]
        return dec(max([trade.price, *highs]))

    def _alert(self, rule, trade):
        price = dec(trade.price)
        if hasattr(rule, "below"):
            fires = price < rule.below
            rearms = price >= rule.below * (1 + rule.rearm)
        else:
            high = self._high(rule.window_us, trade)
            fires = price <= high * (1 - rule.drop)
            rearms = high - price < high * rule.drop / 2
        if rule.id in self.disarmed:
            if rearms:
                self.disarmed.remove(rule.id)
        elif fires:
            self.disarmed.add(rule.id)
            self.alerts.append((rule.id, trade.seq))

    def _trade(self, rule, trade):
        high = self._high(rule.window_us, trade)
        price = dec(trade.price)
        slip = rule.slippage_bps / 10_000
        fee = rule.fee_bps / 10_000
        if self.held is None:
            cooling = (
                self.sold_us is not None
                and trade.event_us < self.sold_us + rule.cooldown_us
            )
            if price <= high * (1 - rule.dip) and not cooling:
                entry = price * (1 + slip)
                quantity = (rule.notional / entry).quantize(
                    Decimal("0.00000001"), ROUND_DOWN
                )
                if quantity > 0:
                    self.held = (trade.seq, entry, quantity, fee * quantity * entry)
                    self.bought.append(trade.seq)
            return
        bought, entry, quantity, paid = self.held
        if price >= entry * (1 + rule.take_profit):
            reason = "take_profit"
        elif rule.stop_loss is not None and price <= entry * (1 - rule.stop_loss):
            reason = "stop_loss"
        else:
            return
        out = price * (1 - slip)
        profit = quantity * (out - entry) - (paid + fee * quantity * out)
        self.completed.append((bought, trade.seq, profit, reason))
        self.held, self.sold_us = None, trade.event_us


def dec(price):
    return Decimal(repr(price))


def add(bars, start, trade):
    price, size = trade.price, trade.size
    bar = bars.setdefault(start, [price, price, price, price, 0.0, 0.0, 0, 0])
    bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
    bar[4] += size
    bar[5] += price * size
    bar[6] += 1
    bar[7] += trade.gap
