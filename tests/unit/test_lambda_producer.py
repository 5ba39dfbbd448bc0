import pytest

from penstock.config import Settings, SourceSettings, StreamSettings
from penstock.drivers.poller import Clock, Poll
from penstock.entrypoints.lambda_producer import Producer, open_pollers
from penstock.errors import BadRecordError, ConfigError, SourceError, UnavailableError
from penstock.memory import MemoryStream, refusing
from penstock.model import Trade
from tests.lambdas import NOW_US, Context, Lines, metrics_of

SPOT = "coinbase-spot:BTC-USD"
CLOCK = Clock(lambda: NOW_US, lambda: 0.0, lambda s: None, lambda: 0.5)


def price(amount, at_us=NOW_US, symbol="BTC-USD", **fields):
    return Trade(
        venue="coinbase-spot",
        symbol=symbol,
        price=float(amount),
        size=0.0,
        event_us=at_us,
        received_us=at_us,
        **fields,
    )


class Prices:
    """A poller that gives what it is told to, run by run."""

    def __init__(self, *polls):
        self.polls = list(polls)
        self.asked = []

    def poll_once(self, symbols):
        self.asked.append(symbols)
        return self.polls.pop(0)


class Function:
    def __init__(self, *polls):
        self.prices, self.stream, self.lines = Prices(*polls), MemoryStream(), Lines()
        self.producer = Producer(
            {"coinbase-spot": (self.prices, ["BTC-USD", "ETH-USD"])},
            self.stream,
            StreamSettings(),
            self.lines.log,
            clock_us=lambda: NOW_US,
        )

    def __call__(self):
        # What a rule of EventBridge sends.
        event = {"source": "aws.events", "detail-type": "Scheduled Event"}
        return self.producer.handle(event, Context())

    def stored(self):
        (shard,) = self.stream.shards()
        return [(r.key, r.data) for r in self.stream.read(shard, after=0, limit=99)]


def test_prices_are_appended_each_under_its_ticker():
    function = Function(Poll([price(85000.5), price(3000, symbol="ETH-USD")], {}))
    assert function() == {"trades": 2, "failed": {}}
    assert function.prices.asked == [["BTC-USD", "ETH-USD"]]
    assert function.stored() == [
        (
            SPOT,
            b'{"venue":"coinbase-spot","symbol":"BTC-USD","price":85000.5,"size":0.0,'
            b'"event_us":1700000100000000,"received_us":1700000100000000,'
            b'"seq":1740800102400000000}\n',
        ),
        (
            "coinbase-spot:ETH-USD",
            b'{"venue":"coinbase-spot","symbol":"ETH-USD","price":3000.0,"size":0.0,'
            b'"event_us":1700000100000000,"received_us":1700000100000000,'
            b'"seq":1740800102400000000}\n',
        ),
    ]
    line = function.lines.last()
    assert (line["level"], line["event"]) == ("info", "prices")
    assert metrics_of(line) == {"Trades": 2, "FailedPrices": 0}
    assert line["prices"] == {SPOT: "85000.5", "coinbase-spot:ETH-USD": "3000.0"}


def test_a_price_that_a_venue_numbers_is_appended_once():
    ticker = price(85000, seq=17)
    function = Function(Poll([ticker], {}), Poll([ticker], {}))
    assert [function()["trades"], function()["trades"]] == [1, 0]
    assert metrics_of(function.lines.last()) == {"Trades": 0, "FailedPrices": 0}


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (UnavailableError("HTTP 429"), "warning"),
        (BadRecordError("no price"), "warning"),
        (SourceError("there is no price of ETH-USD"), "error"),
    ],
)
def test_what_a_venue_refuses_is_said_and_no_error(error, level):
    function = Function(Poll([price(85000)], {"ETH-USD": error}))
    failed = {"coinbase-spot:ETH-USD": str(error)}
    assert function() == {"trades": 1, "failed": failed}
    line = function.lines.last()
    assert (line["level"], line["failed"]) == (level, failed)
    assert metrics_of(line) == {"Trades": 1, "FailedPrices": 1}


@pytest.mark.parametrize("key", ["", SPOT])
def test_what_the_stream_refuses_is_said_and_raised_and_kept_for_the_retry(key):
    function = Function(Poll([price(85000)], {}), Poll([price(85001, NOW_US + 1)], {}))
    function.stream.fault = refusing({key})
    with pytest.raises(UnavailableError, match="refuse"):
        function()
    line = function.lines.last()
    assert (line["level"], line["event"]) == ("error", "prices")
    assert "refuse" in line["refused"]
    assert metrics_of(line) == {"Trades": 0, "FailedPrices": 1}
    function.stream.fault = refusing(())
    assert function()["trades"] == 2
    assert [b'"price":85000.0' in data for _, data in function.stored()] == [
        True,
        False,
    ]


# What is asked.


def asked(**source):
    pollers = open_pollers(Settings(source=SourceSettings(**source)), CLOCK)
    for poller, _ in pollers.values():
        poller.close()
    return {kind: symbols for kind, (_, symbols) in pollers.items()}


def test_without_settings_the_spot_price_of_bitcoin_is_asked_for():
    assert asked() == {"coinbase-spot": ["BTC-USD"]}
    assert asked(symbols=("ETH-EUR",)) == {"coinbase-spot": ["ETH-EUR"]}


def test_each_source_is_asked_for_its_symbols():
    kinds = ("coinbase-spot", "coinbase-ticker")
    assert asked(kinds=kinds, symbols=("A-B", "coinbase-ticker:C-D")) == {
        "coinbase-spot": ["A-B"],
        "coinbase-ticker": ["A-B", "C-D"],
    }


def test_a_source_that_is_no_price_is_refused():
    with pytest.raises(ConfigError) as e:
        asked(kinds=("kraken",))
    assert str(e.value) == (
        "[source] kind 'kraken' cannot be asked by a schedule: take coinbase-spot or "
        "coinbase-ticker, or run `penstock produce --to kinesis`."
    )
