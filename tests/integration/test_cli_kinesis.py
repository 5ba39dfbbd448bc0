"""The commands over a stream that is not in the data directory, here one in memory."""

import json
import os
import signal
import threading

import pytest

from penstock.entrypoints.cli import consume as consume_module
from penstock.entrypoints.cli import produce as produce_module
from penstock.entrypoints.processor import PIPELINE
from penstock.errors import ConfigError
from penstock.memory import MemoryCheckpoints, MemoryStream, refusing
from penstock.model import DeadLetter
from tests.commands import wait_for
from tests.worlds import World


class Aws(World):
    """A stream, its checkpoints and everything else, as `bootstrap` would give them."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.stream, self.checkpoints = MemoryStream(shards=2), MemoryCheckpoints()
        self.stream.marks = dict  # Kinesis does not know
        for module in (consume_module, produce_module):
            monkeypatch.setattr(module, "aws_stream", lambda _: self.stream)
            monkeypatch.setattr(module, "aws_ports", lambda _: self.ports)
        monkeypatch.setattr(
            consume_module, "aws_checkpoints", lambda _: self.checkpoints
        )

    def records(self):
        shards = self.stream.shards()
        return [r for s in shards for r in self.stream.read(s, after=0, limit=99_999)]

    def appended(self):
        return sum(r.data.count(b"\n") for r in self.records())

    def is_consumed(self):
        return all(
            self.checkpoints.position(PIPELINE, shard) == records[-1].sequence_number
            for shard in self.stream.shards()
            if (records := list(self.stream.read(shard, after=0, limit=99_999)))
        )

    def keys(self):
        return {r.key for r in self.records()}


@pytest.fixture
def aws(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return Aws(monkeypatch)


@pytest.fixture
def said(capsys):
    def read():
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return read


def produce(**options):
    options = {"to": "kinesis", "source": ["simulated"], "rate": 5000.0} | options
    produce_module.produce(**options)


def consume_until(condition, **options):
    """Consume until `condition` holds, and then be told to stop by a signal."""

    def stop():
        # Not before it listens, or else this ends the tests.
        wait_for(lambda: signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
        try:
            wait_for(condition)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    consume_module.consume(**options)
    stopping.join()


def test_produced_trades_are_consumed_and_the_next_run_goes_on(aws, said, tmp_path):
    health = tmp_path / "healthy"
    produce(duration=500_000)
    *_, stopped = said()
    assert stopped["event"] == "stopped"
    assert stopped["trades"] == aws.appended() > 0
    consume_until(aws.is_consumed, health_file=health)
    started, consumed = said()
    assert (started["event"], started["stream"]) == (
        "started",
        "crypto-price-stream-dev",
    )
    assert (consumed["event"], consumed["trades"]) == ("stopped", stopped["trades"])
    assert health.exists()
    states = aws.ports.states
    assert sum(states.load([t])[t].trades for t in states.tickers()) == aws.appended()
    ends = [aws.checkpoints.position(PIPELINE, s) for s in aws.stream.shards()]
    assert max(ends) == max(r.sequence_number for r in aws.records())
    consume_module.consume(duration=300_000)
    assert said()[-1]["trades"] == 0


def test_sigterm_ends_it_after_the_batch_in_hand(aws, said):
    produce(duration=300_000)
    said()
    consume_until(lambda: True)
    assert [line["event"] for line in said()] == ["started", "stopped"]


def test_a_store_that_does_not_answer_is_told_and_asked_again(aws, said, tmp_path):
    health = tmp_path / "healthy"
    produce(duration=300_000)
    said()
    aws.fault = refusing(aws.keys())
    consume_module.consume(duration=300_000, health_file=health)
    _, *warnings, stopped = said()
    assert {w["event"] for w in warnings} == {"unavailable"}
    assert "refused, as `refusing` asks" in warnings[0]["message"]
    assert (stopped["event"], stopped["trades"]) == ("stopped", 0)
    assert not health.exists()


def test_a_producer_goes_on_after_what_was_processed(aws, said):
    # As fast as possible, so that its trades are of times that are still to come.
    for _ in range(2):
        produce(rate=float("inf"), duration=200_000)
        consume_until(aws.is_consumed)
    *_, stopped = said()
    assert stopped["duplicates"] == 0
    states = aws.ports.states
    assert sum(states.load([t])[t].trades for t in states.tickers()) == aws.appended()


def test_a_producer_that_cannot_know_what_was_processed_says_so(aws, said):
    produce(duration=200_000)
    consume_module.consume(duration=300_000)
    said()
    aws.fault = refusing(aws.keys())
    produce(duration=200_000)
    warning, started, stopped = said()
    assert (warning["level"], warning["event"]) == ("warning", "no marks")
    assert warning["message"].startswith(
        "what was lost since the last run is not noticed: load "
    )
    assert (started["event"], stopped["event"]) == ("started", "stopped")


def test_a_producer_may_be_given_the_stream_alone(aws, said, monkeypatch):
    def nothing(settings):
        raise ConfigError("[aws] bucket is not set")

    monkeypatch.setattr(produce_module, "aws_ports", nothing)
    produce(duration=200_000)
    warning, _, stopped = said()
    assert warning["message"] == (
        "what was lost since the last run is not noticed: [aws] bucket is not set"
    )
    assert stopped["trades"] == aws.appended() > 0


def test_dead_letters_without_a_bucket_are_told(said):
    letter = DeadLetter(
        id="kraken:7", key="", reason="cut", data=b"{", arrival_us=1, version="0"
    )
    produce_module._Told().put([letter])
    (line,) = said()
    assert (line["event"], line["id"], line["data"]) == (
        "dead letter",
        "kraken:7",
        "ew==",
    )


# What the stream is called.


def test_without_a_file_the_environment_says_all(aws, said, monkeypatch):
    monkeypatch.setenv("PENSTOCK_CONFIG", '{"aws":{"environment":"test"}}')
    consume_module.consume(duration=100_000)
    assert said()[0]["stream"] == "crypto-price-stream-test"
    monkeypatch.setenv("STREAM_NAME", "prices")
    consume_module.consume(duration=100_000)
    assert said()[0]["stream"] == "prices"


def test_over_a_file_go_the_names_of_the_environment(aws, said, monkeypatch, tmp_path):
    monkeypatch.setenv("PENSTOCK_CONFIG", "not read")
    config = tmp_path / "penstock.toml"
    config.write_text('[aws]\nstream = "of-the-file"\n')
    consume_module.consume(duration=100_000)
    assert said()[0]["stream"] == "of-the-file"
    monkeypatch.setenv("STREAM_NAME", "prices")
    consume_module.consume(duration=100_000, config=config)
    assert said()[0]["stream"] == "prices"
