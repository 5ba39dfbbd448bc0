"""The scheduled producer, asking a server on loopback that answers as Coinbase does."""

from http import HTTPStatus

import pytest

from penstock.bootstrap import clock_us
from penstock.codec import decode_trade
from penstock.config import Settings, SourceSettings
from penstock.drivers.poller import Clock
from penstock.entrypoints.lambda_producer import Producer, open_pollers
from penstock.memory import MemoryStream
from tests.lambdas import Context, Lines, metrics_of
from tests.servers import Status, VenueServer, made_trades

TRADES = made_trades("coinbase", 40, symbols=["BTC-USD", "ETH-USD"])
LAST = {trade.symbol: trade.price for trade in TRADES}
SYMBOLS = ("BTC-USD", "ETH-USD")


class Hurry:
    """Time that passes when somebody sleeps, and not otherwise."""

    def __init__(self):
        self.now_s = 1000.0
        self.clock = Clock(clock_us, lambda: self.now_s, self.sleep, lambda: 0.5)

    def sleep(self, for_s):
        self.now_s += for_s


@pytest.fixture
def produce():
    """Run a producer once, against a server with faults."""
    stream, lines = MemoryStream(), Lines()

    def run(*faults):
        server = VenueServer(
            "coinbase", TRADES, faults=faults, happened=len(TRADES), held=True
        )
        with server:
            source = SourceSettings(
                kinds=("coinbase-spot",),
                symbols=SYMBOLS,
                endpoints={"coinbase-spot": server.rest_url},
            )
            settings = Settings(source=source)
            pollers = open_pollers(settings, Hurry().clock)
            producer = Producer(
                pollers, stream, settings.stream, lines.log, clock_us=clock_us
            )
            try:
                answer = producer.handle({}, Context())
            finally:
                for poller, _ in pollers.values():
                    poller.close()
        (shard,) = stream.shards()
        records = stream.read(shard, after=0, limit=99)
        return answer, [decode_trade(r.data) for r in records], lines.last()

    return run


def test_prices_reach_the_stream(produce):
    answer, trades, line = produce()
    assert answer == {"trades": 2, "failed": {}}
    assert {t.symbol: t.price for t in trades} == LAST
    assert {t.ticker for t in trades} == {f"coinbase-spot:{s}" for s in SYMBOLS}
    assert all(t.seq == t.event_us * 1024 for t in trades)
    assert metrics_of(line) == {"Trades": 2, "FailedPrices": 0}


@pytest.mark.parametrize(
    "status",
    [
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ],
)
def test_a_venue_that_refuses_is_told_and_the_function_does_not_fail(produce, status):
    answer, trades, line = produce(Status(times=99, status=int(status)))
    assert (answer["trades"], trades) == (0, [])
    assert set(answer["failed"]) == {f"coinbase-spot:{s}" for s in SYMBOLS}
    assert line["level"] == "warning"
    assert f"HTTP {int(status)}" in "".join(line["failed"].values())
    assert metrics_of(line) == {"Trades": 0, "FailedPrices": 2}


def test_a_symbol_that_the_venue_does_not_have_is_an_error_for_somebody(produce):
    answer, trades, line = produce(Status(status=404))
    assert (answer["trades"], len(trades)) == (1, 1)
    assert line["level"] == "error"
    assert "there is no price of BTC-USD" in line["failed"]["coinbase-spot:BTC-USD"]
