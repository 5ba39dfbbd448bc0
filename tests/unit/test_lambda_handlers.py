"""What each `handler` makes: once, from the environment, at the first event."""

import json

import pytest

from penstock.drivers.poller import Poll, Poller
from penstock.entrypoints import lambda_consumer, lambda_producer, lambda_sweeper
from penstock.errors import InvalidValueError
from penstock.memory import MemoryStream
from tests.lambdas import Context, kinesis_event
from tests.tape import tape
from tests.worlds import BTC, World, record


@pytest.fixture
def world(monkeypatch):
    """A world that `aws_ports` gives, and the settings that it was asked with."""
    world = World()
    world.asked = []

    def aws_ports(settings):
        world.asked.append(settings)
        return world.ports

    monkeypatch.setattr(lambda_consumer, "aws_ports", aws_ports)
    monkeypatch.setattr(lambda_sweeper, "aws_ports", aws_ports)
    makers = [lambda_consumer._consumer, lambda_sweeper._sweeper]
    for maker in makers:
        maker.cache_clear()
    yield world
    for maker in makers:
        maker.cache_clear()


def test_the_consumer_is_made_once_by_the_first_event(world, monkeypatch, capsys):
    monkeypatch.setenv("PRICE_THRESHOLD", "100")
    monkeypatch.setenv("DYNAMO_TABLE_NAME", "history")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "crypto-consumer")
    assert world.asked == []
    for trades in (tape((99, 0)), tape((98, 1), since=2)):
        event = kinesis_event(record(trades[0].seq, trades))
        answer = lambda_consumer.handler(event, Context())
        assert answer == {"batchItemFailures": []}
    assert [settings.aws.history_table for settings in world.asked] == ["history"]
    # Below the threshold twice: one episode, one alert.
    assert [a.price for a in world.ports.notifier.alerts.values()] == [99.0]
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["FunctionName"], first["cold_start"]) == ("crypto-consumer", True)
    assert "cold_start" not in second


def test_settings_that_cannot_be_used_are_an_error_of_each_event(world, monkeypatch):
    monkeypatch.setenv("BUCKET_NAME", "My_Bucket")
    for _ in range(2):
        with pytest.raises(InvalidValueError, match="BUCKET_NAME"):
            lambda_consumer.handler(kinesis_event(), Context())
    assert world.asked == []


def test_the_sweeper_is_made_once(world, capsys):
    nothing = {"delivered": 0, "undelivered": 0, "left": 0}
    assert [lambda_sweeper.handler({}, Context()) for _ in range(2)] == [nothing] * 2
    assert len(world.asked) == 1
    assert capsys.readouterr().out.count('"event":"swept"') == 2


def test_the_producer_is_made_once(monkeypatch, capsys):
    stream, polled = MemoryStream(), []
    monkeypatch.setattr(lambda_producer, "aws_stream", lambda settings: stream)

    def poll_once(poller, symbols):
        polled.append((poller, symbols))
        return Poll((), {})

    monkeypatch.setattr(Poller, "poll_once", poll_once)
    lambda_producer._producer.cache_clear()
    nothing = {"trades": 0, "failed": {}}
    try:
        assert [lambda_producer.handler({}, Context()) for _ in "12"] == [nothing] * 2
    finally:
        lambda_producer._producer.cache_clear()
        polled[0][0].close()
    (first, symbols), (second, _) = polled
    assert first is second
    assert symbols == ["BTC-USD"]
    assert capsys.readouterr().out.count('"event":"prices"') == 2


def test_a_batch_that_comes_again_changes_nothing(world):
    handle = lambda_consumer.handler
    handle(kinesis_event(record(1, tape((100, 0)))), Context())
    handle(kinesis_event(record(1, tape((100, 0)))), Context())
    assert world.state(BTC).trades == 1
