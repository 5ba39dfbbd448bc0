"""Bars, a drop alert, dip and take-profit as Bytewax dataflows, in three forms.

`operators` is a dataflow as Bytewax's guide builds them: a step for each task, a trade
as the item.  `fused` gives a key's trades to one `stateful_batch` step that does all
of it in one hand-written loop.  `records` has the same loop decode the records too:
the item is then a record, Bytewax sees no trade, and next to nothing is left to it.
"""

from argparse import Namespace
from collections import Counter
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import NamedTuple

import bytewax.operators as op
import msgspec
import work
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main

from penstock.model import Trade

BATCH_RECORDS = 50  # the fastest of 1, 10, 50 and 500
FLAT = ()  # not None: Bytewax would drop the key's logic and build it again each time

decode_lines = msgspec.json.Decoder(Trade).decode_lines


class Bar(NamedTuple):
    start_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int


class Alert(NamedTuple):
    price: float
    high: float
    event_us: int


class Bought(NamedTuple):
    quantity: Decimal
    entry: Decimal
    fee: Decimal
    event_us: int


class Sold(NamedTuple):
    bought: Bought
    exit: Decimal
    profit: Decimal
    event_us: int


class Thresholds(NamedTuple):
    buy: float
    sell: float
    fire: float
    rearm: float


def buy(price: float, event_us: int) -> Bought:
    quantity, entry = work.quantity_of(price), Decimal(repr(price))
    return Bought(quantity, entry, work.FEE_RATE * quantity * entry, event_us)


def sell(held: Bought, price: float, event_us: int) -> Sold:
    fill = Decimal(repr(price))
    fees = held.fee + work.FEE_RATE * held.quantity * fill
    return Sold(held, fill, held.quantity * (fill - held.entry) - fees, event_us)


class BarLogic(op.StatefulLogic):
    """One key's bars, a trade at a time."""

    def __init__(self) -> None:
        self.end_us = self.trades = 0
        self.open = self.high = self.low = self.close = self.volume = 0.0

    def on_item(self, value: Trade) -> tuple[list[Bar], bool]:
        price, closed = value.price, []
        if value.event_us >= self.end_us:
            if self.trades:
                closed.append(self.bar())
            self.start(value.event_us, price)
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += value.size
        self.trades += 1
        return closed, self.RETAIN

    def on_eof(self) -> tuple[list[Bar], bool]:
        return [self.bar()], self.RETAIN

    def start(self, event_us: int, price: float) -> None:
        self.end_us = event_us - event_us % work.BAR_US + work.BAR_US
        self.open = self.high = self.low = price
        self.volume, self.trades = 0.0, 0

    def bar(self) -> Bar:
        return Bar(
            self.end_us - work.BAR_US,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.trades,
        )

    def snapshot(self) -> None:
        """Nothing: no recovery is configured, so Bytewax never calls this."""


class FusedLogic(op.StatefulBatchLogic):
    """Everything for one key, in one loop over the trades at hand."""

    def __init__(self, at: Thresholds) -> None:
        self.at = at
        self.bar, self.window = BarLogic(), work.LookBack()
        self.armed, self.held, self.target = True, None, 0.0

    def on_batch(self, values: list[Trade]) -> tuple[list[NamedTuple], bool]:
        return self.apply(values), self.RETAIN

    def on_eof(self) -> tuple[list[NamedTuple], bool]:
        return [self.bar.bar()], self.RETAIN

    def snapshot(self) -> None:
        """Nothing: no recovery is configured, so Bytewax never calls this."""

    def apply(  # noqa: C901, PLR0912 (calls would cost more than what they do)
        self, trades: list[Trade]
    ) -> list[NamedTuple]:
        out: list[NamedTuple] = []
        bar, window, at = self.bar, self.window, self.at
        top, bottom, close = bar.high, bar.low, bar.close
        volume, count, bar_end_us = bar.volume, bar.trades, bar.end_us
        high, newest, bucket_end_us = window.high, window.newest, window.end_us
        armed, held, target = self.armed, self.held, self.target
        buy_at, fire_at, rearm_at = at.buy, at.fire, at.rearm
        for trade in trades:
            event_us, price = trade.event_us, trade.price
            if event_us >= bar_end_us:
                if count:
                    bar.high, bar.low, bar.close = top, bottom, close
                    bar.volume, bar.trades = volume, count
                    out.append(bar.bar())
                bar.start(event_us, price)
                top, bottom, volume, count = price, price, 0.0, 0
                bar_end_us = bar.end_us
            if price > top:
                top = price
            elif price < bottom:
                bottom = price
            close = price
            volume += trade.size
            count += 1
            if event_us >= bucket_end_us:
                window.newest = newest
                window.advance(event_us)
                high, newest, bucket_end_us = window.high, 0.0, window.end_us
            if price > newest:
                newest = price
                if price > high:
                    high = price
            if armed:
                if price <= high * fire_at:
                    armed = False
                    out.append(Alert(price, high, event_us))
            elif price > high * rearm_at:
                armed = True
            if held is None:
                if price <= high * buy_at:
                    held, target = buy(price, event_us), price * at.sell
                    out.append(held)
            elif price >= target:
                out.append(sell(held, price, event_us))
                held = None
        bar.high, bar.low, bar.close = top, bottom, close
        bar.volume, bar.trades = volume, count
        window.high, window.newest = high, newest
        self.armed, self.held, self.target = armed, held, target
        return out


class RecordLogic(FusedLogic):
    """The same, from undecoded records."""

    def on_batch(self, values: list[bytes]) -> tuple[list[NamedTuple], bool]:
        out: list[NamedTuple] = []
        for record in values:
            out += self.apply(decode_lines(record))
        return out, self.RETAIN


class Records(DynamicSource, StatelessSourcePartition):
    """The recording, as records or as keyed trades, a batch of records at a time."""

    def __init__(self, records: list[bytes], *, as_trades: bool) -> None:
        self.records, self.as_trades = iter(records), as_trades

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "Records":
        return self  # there is one worker

    def next_batch(self) -> list[tuple[str, object]]:
        records = list(islice(self.records, BATCH_RECORDS))
        if not records:
            raise StopIteration
        if not self.as_trades:
            return [(work.TICKER, record) for record in records]
        return [
            (f"{trade.venue}:{trade.symbol}", trade)
            for record in records
            for trade in decode_lines(record)
        ]


class Tally(DynamicSink, StatelessSinkPartition):
    """Counts what comes out."""

    def __init__(self) -> None:
        self.counts: Counter[type] = Counter()
        self.trades = 0

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "Tally":
        return self  # there is one worker

    def write_batch(self, items: list[tuple[str, NamedTuple]]) -> None:
        for _, item in items:
            self.counts[type(item)] += 1
            if isinstance(item, Bar):
                self.trades += item.trades


def look_back(window: work.LookBack | None, trade: Trade):
    window = window or work.LookBack()
    return window, (trade, window.add(trade.event_us, trade.price))


def alert(at: Thresholds, armed: bool | None, seen: tuple[Trade, float]):
    trade, high = seen
    if armed is False:
        return trade.price > high * at.rearm, ()
    if trade.price <= high * at.fire:
        return False, [Alert(trade.price, high, trade.event_us)]
    return True, ()


def trade_dips(
    at: Thresholds, held: tuple[Bought, float] | tuple[()], seen: tuple[Trade, float]
):
    trade, high = seen
    if held:
        if trade.price < held[1]:
            return held, ()
        return FLAT, [sell(held[0], trade.price, trade.event_us)]
    if trade.price > high * at.buy:
        return FLAT, ()
    bought = buy(trade.price, trade.event_us)
    return (bought, trade.price * at.sell), [bought]


def connect_operators(records: op.KeyedStream, at: Thresholds) -> op.KeyedStream:
    """Connect a step for each task."""
    trades = op.flat_map_value("decode", records, decode_lines)
    bars = op.stateful("bars", trades, lambda _: BarLogic())
    highs = op.stateful_map("high", trades, look_back)
    alerts = op.stateful_flat_map("alerts", highs, partial(alert, at))
    fills = op.stateful_flat_map("strategy", highs, partial(trade_dips, at))
    return op.merge("all", bars, alerts, fills)


def build(form: str, records: list[bytes], at: Thresholds, tally: Tally) -> Dataflow:
    flow = Dataflow("penstock_peer")
    source = Records(records, as_trades=form == "fused")
    items = op.input("records", flow, source)
    if form == "operators":
        out = connect_operators(items, at)
    else:
        logic = FusedLogic if form == "fused" else RecordLogic
        out = op.stateful_batch("fused", items, lambda _: logic(at))
    op.output("tally", out, tally)
    return flow


def main(arguments: Namespace) -> None:
    records = work.read_records(arguments.records)
    dip, drop, tally = arguments.dip, arguments.drop, Tally()
    levels = (1 - dip, 1 + arguments.take_profit, 1 - drop, 1 - drop / 2)
    flow = build(arguments.form, records, Thresholds(*map(float, levels)), tally)
    watch = work.Stopwatch()
    with watch.running():
        run_main(flow)
    work.report(
        watch,
        "bytewax",
        trades=tally.trades,
        bars=tally.counts[Bar],
        alerts=tally.counts[Alert],
        bought=tally.counts[Bought],
        sold=tally.counts[Sold],
    )


if __name__ == "__main__":
    main(work.read_arguments())
