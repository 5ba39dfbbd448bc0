"""What sources without counters of their own say of themselves."""

import asyncio

import pytest

from penstock.config import SourceSettings
from penstock.drivers.ccxt_source import Library
from penstock.entrypoints import counted
from tests.live import receive
from tests.servers import Status, VenueServer, made_trades


def polled(server, *symbols):
    settings = SourceSettings(
        interval_us=1_000_000, endpoints={"coinbase-ticker": server.rest_url}
    )
    return counted.Polled("coinbase-ticker", symbols, settings)


def states_of(source, until):
    """Take what comes; return the states that its connection went through."""
    states = []

    def look(_):
        (connection,) = source.status().connections
        if states[-1:] != [connection.state]:
            states.append(connection.state)
        return until(states)

    receive(source, look)
    return states


def test_a_venue_that_does_not_answer_any_more_is_not_live():
    trades = made_trades("coinbase", 20)
    away = Status(at=1, times=4, status=500, path="/products")
    with VenueServer("coinbase", trades, faults=[away], happened=20) as server:
        source = polled(server, "BTC-USD")
        states = states_of(source, lambda s: s.count("live") == 2)
    assert states == ["live", "connecting", "live"]
    (connection,) = source.status().connections
    assert (connection.state, connection.connects) == ("closed", 2)
    assert connection.down_s > 0
    assert "HTTP 500" in connection.last_error


def test_while_any_symbol_is_answered_the_venue_is_live():
    trades = made_trades("coinbase", 20)
    away = Status(times=100, status=500, path="/products/ETH-USD")
    with VenueServer("coinbase", trades, faults=[away], happened=20) as server:
        source = polled(server, "BTC-USD", "ETH-USD")
        states = states_of(source, lambda _: source.status().connections[0].errors)
    assert states == ["live"]


class Exchange:
    """ccxt's side: a trade, and then nothing but errors."""

    def __init__(self):
        self.calls = 0

    async def watch_trades(self, name):
        self.calls += 1
        await asyncio.sleep(0)
        if self.calls > 1:
            raise ConnectionError("away")
        trade = {"id": "1", "timestamp": 1, "price": 1.0, "amount": 1.0, "side": "buy"}
        return [{"symbol": name, **trade}]

    async def close(self):
        pass


@pytest.fixture
def late(monkeypatch):
    """Let each look at the clock be five seconds after the last."""

    class Clock:
        now_s = 0.0
        sleep = None

        @classmethod
        def monotonic(cls):
            cls.now_s += 5
            return cls.now_s

    monkeypatch.setattr(counted, "time", Clock)
    library = Library(make=Exchange, final=())
    monkeypatch.setattr(counted, "load_ccxt", lambda _: library)


@pytest.mark.usefixtures("late")
def test_an_exchange_that_only_fails_is_not_live():
    source = counted.Watched("okx", ["BTC-USDT"])
    states = states_of(source, lambda s: s[-1] == "connecting" and len(s) > 1)
    assert "live" in states
    (connection,) = source.status().connections
    assert connection.last_error == "ConnectionError: away"
    assert connection.errors["ConnectionError"] >= 1
