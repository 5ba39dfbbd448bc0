"""Running the embedded pipeline in a test, and writing down what it left."""

import gzip
from decimal import Decimal
from itertools import islice
from pathlib import Path

import msgspec

from penstock.bootstrap import open_store
from penstock.codec import decode_trade
from penstock.config import Settings, StreamSettings
from penstock.engine.rules import BelowRule, DropRule, Rules, StrategyRule
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.processor import PIPELINE
from penstock.entrypoints.worker import Worker, finish_backlog
from penstock.feeds.simulated import SimulatedMarket
from penstock.layout import RAW_DATA, read_completed
from penstock.local.archiver import CONSUMER
from penstock.verify import Stored, verify

START_US = 1_700_000_040_000_000

# Tight enough that a short market raises alerts, and buys and sells several times.
LIVELY = Rules(
    alerts=(
        DropRule(drop=Decimal("0.0007"), window_us=20_000_000),
        BelowRule(ticker="BTC-USD", below=Decimal(86_950)),
    ),
    strategy=StrategyRule(
        window_us=60_000_000,
        dip=Decimal("0.001"),
        take_profit=Decimal("0.001"),
        stop_loss=Decimal("0.01"),
        slippage_bps=Decimal(1),
    ),
)


def settings(data_dir, *, rules=LIVELY, shards=2):
    stream = StreamSettings(shards=shards, durability="normal")
    return Settings(data_dir=Path(data_dir), rules=rules, stream=stream)


def market(count, *, seed=1):
    """The first trades of a simulated market."""
    return list(islice(SimulatedMarket(seed=seed, start_us=START_US), count))


def in_batches(trades, size):
    for start in range(0, len(trades), size):
        yield SourceBatch(trades[start : start + size])


def run(wanted, trades, *, batch=1000):
    """Feed `trades` through a worker to the end; return the batch results."""
    results = []
    with open_store(wanted) as store, Worker(store, wanted, results.append) as worker:
        worker.feeder.feed(in_batches(trades, batch), contiguous=False)
    return results


def check(wanted, *, backlog=False):
    """Verify a data directory; with `backlog` after processing what waits."""
    with open_store(wanted) as store:
        if backlog:
            finish_backlog(store)
        return verify(stored(store))


def stored(store):
    return Stored(
        stream=store.stream,
        checkpoints=store.stream,
        archive_consumer=CONSUMER,
        pipeline_consumer=PIPELINE,
        states=store.states,
        history=store.history,
        objects=store.objects,
        alerts=store.alerts.list(),
    )


def dump(wanted):
    """Everything that was decided and kept, without what depends on the division."""
    with open_store(wanted) as store:
        states = store.states.load(store.states.tickers())
        series = [*states, *(f"{ticker}@1m" for ticker in states)]
        return {
            "states": {
                ticker: msgspec.structs.replace(s, version=0, stream_position=0)
                for ticker, s in states.items()
            },
            "positions": store.states.positions(),
            "history": {name: store.history.query(name) for name in series},
            "alerts": sorted(store.alerts.list(), key=lambda alert: alert.id),
            "completed": {
                key: read_completed(store.objects.get(key))
                for key in store.objects.keys("completed-trades/")
            },
            "dead letters": [(d.id, d.data) for d in store.dead_letters.list()],
            "archive": archived(store),
        }


def archived(store):
    """The archived trades of each ticker, in order."""
    trades = {}
    for key in store.objects.keys(RAW_DATA):
        for line in gzip.decompress(store.objects.get(key)).splitlines():
            trade = decode_trade(line)
            trades.setdefault(trade.ticker, []).append(trade)
    return trades
