"""The commands over Kinesis: it comes to what the pipeline alone does."""

import json
import os
import signal

import msgspec
import pytest

from penstock.bootstrap import aws_ports, aws_stream
from penstock.codec import encode_json
from penstock.engine.history import bar_series
from penstock.entrypoints.lambda_settings import read_settings
from penstock.layout import COMPLETED_TRADES
from penstock.model import Alert
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables
from tests.aws.resources import deploy
from tests.aws.told import wait_until
from tests.commands import start
from tests.worlds import World

# For a market of three seconds.
RULES = {
    "alerts": [{"drop": "0.005%", "window": "1m"}],
    "strategy": {"window": "1m", "dip": "0.005%", "take_profit": "0.002%"},
}


@pytest.fixture
def deployed(emulator, monkeypatch, tmp_path):
    """Everything on the emulator, and the environment that names it."""
    monkeypatch.chdir(tmp_path)
    for name, value in client_variables(emulator.endpoint).items():
        monkeypatch.setenv(name, value)
    made = deploy(make_clients(emulator.endpoint), emulator.endpoint, shards=2)
    aws = {k: v for k, v in msgspec.structs.asdict(made.settings).items() if v}
    monkeypatch.setenv("PENSTOCK_CONFIG", encode_json({"aws": aws, **RULES}).decode())
    return made


def lines_of(process):
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def produce(*options):
    symbols = ["--symbol", "BTC-USD", "--symbol", "ETH-USD"]
    lines = lines_of(start("produce", "--to", "kinesis", *symbols, *options))
    return lines[-1]["trades"]


def stored(ports):
    """All that is stored, but for versions, which count commits."""
    tickers = ports.states.tickers()
    series = [name for t in tickers for name in (t, bar_series(t, 60_000_000))]
    return {
        "states": {
            ticker: msgspec.structs.replace(state, version=0)
            for ticker, state in ports.states.load(tickers).items()
        },
        "history": {name: ports.history.query(name) for name in series},
        "completed": {
            key: ports.objects.get(key) for key in ports.objects.keys(COMPLETED_TRADES)
        },
        "letters": ports.dead_letters.list(),
    }


def expected(settings):
    """What the pipeline makes of the stream's records, in memory."""
    world, stream = World(), aws_stream(settings)
    for shard in stream.shards():
        after = 0
        while records := stream.read(shard, after=after, limit=1000):
            world.process(records, settings.rules)
            after = records[-1].sequence_number
    return world.ports


def test_what_is_produced_is_consumed_whenever_each_is_stopped(deployed):
    settings = read_settings(os.environ)
    ports = aws_ports(settings)

    def trades():
        states = ports.states
        return sum(s.trades for s in states.load(states.tickers()).values())

    with start("consume") as consumer:
        produced = produce("--rate", "2000", "--duration", "2s")
        wait_until(lambda: trades() > 0)
        consumer.send_signal(signal.SIGTERM)
        first = lines_of(consumer)
    produced += produce("--rate", "2000", "--duration", "1s")
    with start("consume") as consumer:
        wait_until(lambda: trades() == produced)
        consumer.send_signal(signal.SIGTERM)
        second = lines_of(consumer)
    assert first[-1]["trades"] + second[-1]["trades"] == produced
    assert first[-1]["duplicates"] == second[-1]["duplicates"] == 0
    alone = expected(settings)
    assert stored(ports) == stored(alone)
    alerts = [msgspec.convert(message, Alert) for message in deployed.received()]
    assert {a.id: a for a in alerts} == alone.notifier.alerts
    assert len(alerts) == len(alone.notifier.alerts) > 0
    assert stored(ports)["completed"]
