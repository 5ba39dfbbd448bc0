"""A pipeline's world in memory: records of several tickers, stores, what is left."""

from decimal import Decimal

import msgspec

from penstock.codec import Packer, encode_trade
from penstock.engine.history import bar_series
from penstock.engine.rules import BelowRule, DropRule, Rules, StrategyRule
from penstock.layout import COMPLETED_TRADES
from penstock.memory import (
    MemoryDeadLetters,
    MemoryHistory,
    MemoryNotifier,
    MemoryObjects,
    MemoryStates,
    MemoryStream,
)
from penstock.pipeline import Ports, process_batch
from penstock.ports import Record
from tests.strategies import walk

BTC, ETH, SOL = TICKERS = "test:BTC-USD", "test:ETH-USD", "test:SOL-USD"

# Tight enough that a short walk raises alerts, and buys and sells several times.
LIVELY = Rules(
    alerts=(
        BelowRule(ticker="BTC-USD", below=Decimal(100), rearm=Decimal(0)),
        DropRule(drop=Decimal("0.002"), window_us=60_000_000),
    ),
    strategy=StrategyRule(
        window_us=60_000_000,
        dip=Decimal("0.001"),
        take_profit=Decimal("0.001"),
        stop_loss=Decimal("0.002"),
    ),
)

BAD_LINES = (
    b"not a trade",
    b'{"venue":"test","symbol":"BTC-US',
    b'{"venue":"test","symbol":"DOGE-USD","price":1,"size":1,"event_us":1,'
    b'"received_us":1}',
    b"\xff\xfe",
)


class World:
    """The stores of a pipeline, which share one fault: set `fault` at any time."""

    def __init__(self):
        self.fault = None
        self.ports = Ports(
            states=MemoryStates(fault=self._ask),
            history=MemoryHistory(fault=self._ask),
            objects=MemoryObjects(fault=self._ask),
            notifier=MemoryNotifier(fault=self._ask),
            dead_letters=MemoryDeadLetters(fault=self._ask),
        )

    def _ask(self, operation, key, done):
        if self.fault is not None:
            self.fault(operation, key, done)

    def process(self, records, rules=LIVELY):
        return process_batch(records, self.ports, rules)

    def process_all(self, records, size=5, rules=LIVELY):
        """Process in batches of `size`, as a worker without a care would."""
        pieces = range(0, len(records), size)
        return [self.process(records[n : n + size], rules) for n in pieces]

    def state(self, ticker):
        return self.ports.states.load([ticker]).get(ticker)

    def left(self):
        """All that is stored, but for versions, which count commits."""
        ports, tickers = self.ports, self.ports.states.tickers()
        series = [s for t in tickers for s in (t, bar_series(t, LIVELY.bar_us))]
        return {
            "states": {
                ticker: msgspec.structs.replace(self.state(ticker), version=0)
                for ticker in tickers
            },
            "history": {s: ports.history.query(s) for s in series},
            "alerts": ports.notifier.alerts,
            "completed": {
                key: ports.objects.get(key)
                for key in ports.objects.keys(COMPLETED_TRADES)
            },
            "letters": {letter.id: letter for letter in ports.dead_letters.list()},
        }


def record(number, trades, key=BTC, extra=b""):
    """One record of these trades, and of more bytes."""
    data = b"".join(map(encode_trade, trades)) + extra
    return Record("shard-0", number, key, data, arrival_us=1_000 + number)


def for_ticker(ticker, trades):
    """The same trades of another symbol."""
    symbol = ticker.partition(":")[2]
    return [msgspec.structs.replace(t, symbol=symbol) for t in trades]


def records_of(chance, trades=25, record_bytes=700):
    """Records of three tickers: with bad lines, doubled trades, trades without seq.

    Args:
        chance: A `random.Random`.
        trades: How many of each ticker.
        record_bytes: How big a record is.
    """
    walks = [walk(chance, trades, ticker.partition(":")[2]) for ticker in TICKERS]
    walks[2] = [msgspec.structs.replace(t, seq=0) for t in walks[2]]
    walks[0] += chance.sample(walks[0], 3)
    packer = Packer(record_bytes, 0)
    entries = []
    while any(walks):
        source = chance.choice([w for w in walks if w])
        packer.add([source.pop(0)], 0)
        if chance.random() < 0.2:
            entries += packer.take(0)
    entries += packer.flush()
    garbage = msgspec.structs.replace(entries[0], key="no ticker", data=b"garbage\n")
    stream = MemoryStream()
    stream.append([*(_spoilt(chance, entry) for entry in entries), garbage])
    (shard,) = stream.shards()
    return stream.read(shard, after=0, limit=1_000_000)


def _spoilt(chance, entry):
    if chance.random() < 0.8:
        return entry
    lines = entry.data.splitlines()
    lines.insert(chance.randint(0, len(lines)), chance.choice(BAD_LINES))
    return msgspec.structs.replace(entry, data=b"\n".join(lines) + b"\n")
