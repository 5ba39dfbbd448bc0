"""The same trades through the pipeline on one machine, and through the deployed one."""

import gzip
import threading
from collections.abc import Iterable
from contextlib import contextmanager

import msgspec

from penstock.bootstrap import aws_ports, aws_stream, clock_us, open_store
from penstock.codec import decode_trade
from penstock.config import Settings, StreamSettings, parse_document
from penstock.drivers.files import open_file
from penstock.entrypoints.feeder import Feeder
from penstock.entrypoints.worker import Worker
from penstock.layout import COMPLETED_TRADES, RAW_DATA, read_completed
from penstock.model import Alert
from penstock.sandbox.poller import Poller
from tests.aws.told import wait_until
from tests.embedded import in_batches
from tests.recordings import RECORDINGS

# Tight enough that minutes of a calm market raise alerts, and buy and sell.
CONFIG = {
    "alerts": [
        {"ticker": "*", "drop": "0.07%", "window": "20s"},
        {"ticker": "BTC-USD", "below": 86950},
    ],
    "strategy": {
        "window": "60s",
        "dip": "0.1%",
        "take_profit": "0.1%",
        "stop_loss": "1%",
        "slippage_bps": 1,
    },
}
RULES = parse_document(CONFIG, "test").rules


@contextmanager
def polling(aws, folder):
    folder.mkdir(exist_ok=True)
    with Poller(aws, folder, clock_us) as poller:
        stopping = threading.Event()
        thread = threading.Thread(target=poller.run, args=[stopping])
        thread.start()
        try:
            yield poller
        finally:
            stopping.set()
            thread.join()


def settings_of(pipeline):
    return Settings(aws=pipeline.made.settings, rules=RULES)


def produce(pipeline, trades, *, size=500):
    """Put trades on the stream, as the producer does, `size` in a call."""
    settings = settings_of(pipeline)
    letters = aws_ports(settings).dead_letters
    feeder = Feeder(aws_stream(settings), letters, settings.stream, {})
    feeder.feed(in_batches(trades, size), contiguous=False)
    assert feeder.appended == len(trades)


def embedded(folder, trades):
    """What the same trades leave on one machine."""
    settings = Settings(
        data_dir=folder, rules=RULES, stream=StreamSettings(durability="normal")
    )
    with open_store(settings) as store:
        with Worker(store, settings, lambda _: None) as worker:
            worker.feeder.feed(in_batches(trades, 500), contiguous=False)
        raw = (store.objects.get(key) for key in store.objects.keys(RAW_DATA))
        return {
            **left(store.states, store.history, store.objects, store.alerts.list()),
            "raw": by_ticker(gzip.decompress(data) for data in raw),
        }


def deployed(pipeline, received):
    ports = aws_ports(settings_of(pipeline))
    alerts = {a["id"]: msgspec.convert(a, Alert) for a in received}
    return {
        **left(ports.states, ports.history, ports.objects, alerts.values()),
        "raw": by_ticker(record.data for record in on_stream(pipeline)),
    }


def on_stream(pipeline):
    """All records: the bytes that Firehose archives, as they are."""
    stream = aws_stream(settings_of(pipeline))
    for shard in stream.shards():
        after = 0
        while records := stream.read(shard, after=after, limit=10_000):
            yield from records
            after = records[-1].sequence_number


def by_ticker(parts: Iterable[bytes]):
    """The lines of raw data, in order, whatever objects or records they are in."""
    lines = {}
    for line in b"".join(parts).splitlines():
        lines.setdefault(decode_trade(line).ticker, []).append(line)
    return lines


def left(states, history, objects, alerts):
    """All that was decided and kept, but for what counts commits and records."""
    tickers = states.tickers()
    return {
        "states": {
            ticker: msgspec.structs.replace(state, version=0, stream_position=0)
            for ticker, state in states.load(tickers).items()
        },
        "positions": states.positions(),
        "history": {
            series: history.query(series)
            for ticker in tickers
            for series in (ticker, f"{ticker}@1m")
        },
        "alerts": sorted(alerts, key=lambda alert: alert.id),
        "completed": {
            key: read_completed(objects.get(key))
            for key in objects.keys(COMPLETED_TRADES)
        },
    }


def wait_for(pipeline, expected, patience_s=60):
    """Wait until every ticker has come as far as it will."""
    states = aws_ports(settings_of(pipeline)).states
    seqs = {ticker: state.last_seq for ticker, state in expected["states"].items()}

    def is_there():
        found = states.load(seqs)
        return {t: s.last_seq for t, s in found.items() if not s.outbox} == seqs

    wait_until(is_there, patience_s=patience_s)


def recorded(name):
    """The trades of a recording, as `penstock replay` reads them."""
    with open_file(RECORDINGS / name) as source:
        return [trade for batch in source for trade in batch.trades]
