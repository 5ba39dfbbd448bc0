"""Prices polled from a real server on loopback, however it behaves."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from penstock import __version__
from penstock.drivers.poller import Clock, Poller
from penstock.errors import BadRecordError, SourceError, UnavailableError
from tests.servers import (
    Drip,
    Hang,
    Malform,
    ResetRequest,
    Status,
    Truncate,
    VenueServer,
    made_trades,
)

WALL_S = 1_700_000_100.25
SYMBOLS = ["BTC-USD", "ETH-USD"]
TRADES = made_trades("coinbase", 40, symbols=SYMBOLS)
LAST = {trade.symbol: trade for trade in TRADES}


class FakeTime:
    """Time that passes when somebody sleeps, and not otherwise."""

    def __init__(self):
        self.now_s, self.wall_s = 1000.0, WALL_S
        self.clock = Clock(
            wall_us=lambda: round(self.wall_s * 1e6),
            monotonic_s=lambda: self.now_s,
            sleep=self.sleep,
            draw=lambda: 0.5,
        )

    @property
    def passed_s(self):
        return round(self.now_s - 1000.0, 6)

    def sleep(self, for_s):
        self.now_s += for_s
        self.wall_s += for_s


@pytest.fixture
def fake():
    return FakeTime()


@pytest.fixture
def serve(request):
    """Start a server with faults, all of TRADES having happened."""
    running = []

    def start(*faults, trades=TRADES, happened=None):
        server = VenueServer(
            "coinbase",
            trades,
            faults=faults,
            happened=len(trades) if happened is None else happened,
            held=True,
        )
        running.append(server.__enter__())
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)


def poller(server, fake, kind="coinbase-spot", **options):
    return Poller(kind, clock=fake.clock, base_url=server.rest_url, **options)


def paths(server):
    return [asked.path for asked in server.asked]


def spot(symbol):
    return f"/v2/prices/{symbol}/spot"


class TestOnce:
    def test_spot_prices(self, serve, fake):
        server = serve()
        with poller(server, fake) as polling:
            poll = polling.poll_once(SYMBOLS)
        assert poll.failures == {}
        assert [(t.ticker, t.price, t.size, t.seq) for t in poll.trades] == [
            ("coinbase-spot:BTC-USD", LAST["BTC-USD"].price, 0.0, 0),
            ("coinbase-spot:ETH-USD", LAST["ETH-USD"].price, 0.0, 0),
        ]
        assert {t.event_us for t in poll.trades} == {round(WALL_S * 1e6)}
        assert paths(server) == [spot("BTC-USD"), spot("ETH-USD")]
        assert server.asked[0].headers["user-agent"] == f"penstock/{__version__}"

    def test_a_spot_price_is_given_every_time(self, serve, fake):
        with poller(serve(), fake) as polling:
            assert [len(polling.poll_once(["BTC-USD"]).trades) for _ in range(3)] == [
                1
            ] * 3

    def test_a_ticker_is_given_once(self, serve, fake):
        trades = made_trades("coinbase", 3)
        server = serve(trades=trades, happened=1)
        with poller(server, fake, "coinbase-ticker") as polling:
            first = polling.poll_once(["BTC-USD"])
            again = polling.poll_once(["BTC-USD"])
            server.advance(2)
            later = polling.poll_once(["BTC-USD"])
        assert [t.seq for t in first.trades] == [trades[0].seq]
        assert (again.trades, again.failures) == ([], {})
        assert [t.seq for t in later.trades] == [trades[2].seq]
        assert later.trades[0].ticker == "coinbase:BTC-USD"
        assert polling.notes.repeated == 1

    def test_connections_are_kept(self, serve, fake):
        server = serve()
        with poller(server, fake) as polling:
            for _ in range(3):
                polling.poll_once(SYMBOLS)
        assert server.rest_connections == 1

    def test_asking_twice_for_a_symbol_is_asking_once(self, serve, fake):
        server = serve()
        with poller(server, fake) as polling:
            assert len(polling.poll_once(["BTC-USD", "BTC-USD"]).trades) == 1

    @pytest.mark.parametrize("kind", ["coinbase-spot", "coinbase-ticker"])
    def test_one_bad_symbol_fails_alone(self, serve, fake, kind):
        server = serve()
        with poller(server, fake, kind) as polling:
            poll = polling.poll_once(["FOO-USD", "btc/usd", "BTC-USD"])
        assert [t.symbol for t in poll.trades] == ["BTC-USD"]
        assert isinstance(poll.failures["FOO-USD"], SourceError)
        assert "no price of FOO-USD" in str(poll.failures["FOO-USD"])
        assert "HTTP 404" in str(poll.failures["FOO-USD"])
        assert "found 'btc/usd'" in str(poll.failures["btc/usd"])
        assert len(server.asked) == 2

    def test_a_body_that_is_no_price(self, serve, fake):
        server = serve(Malform(path=spot("BTC-USD")))
        with poller(server, fake) as polling:
            poll = polling.poll_once(SYMBOLS)
        assert isinstance(poll.failures["BTC-USD"], BadRecordError)
        assert "we are sorry" in str(poll.failures["BTC-USD"])
        assert [t.symbol for t in poll.trades] == ["ETH-USD"]

    @pytest.mark.parametrize("fault", [Status(times=2), Truncate(times=2)])
    def test_what_may_pass_is_tried_again_and_later_each_time(self, serve, fake, fault):
        server = serve(fault)
        with poller(server, fake) as polling:
            poll = polling.poll_once(["BTC-USD"])
        assert [t.symbol for t in poll.trades] == ["BTC-USD"]
        assert fake.passed_s == 0.375 + 0.75  # half to all of 0.5 and 1 s

    def test_after_three_attempts_it_is_left_for_the_next_time(self, serve, fake):
        server = serve(Status(times=9, status=502, path=spot("BTC-USD")))
        with poller(server, fake) as polling:
            poll = polling.poll_once(SYMBOLS)
            assert isinstance(poll.failures["BTC-USD"], UnavailableError)
            assert "HTTP 502" in str(poll.failures["BTC-USD"])
            assert [t.symbol for t in poll.trades] == ["ETH-USD"]
            # The others had their turn in between, and come first the next time.
            btc, eth = spot("BTC-USD"), spot("ETH-USD")
            assert paths(server) == [btc, eth, btc, btc]
            polling.poll_once(SYMBOLS)
            assert paths(server)[4:6] == [eth, btc]

    def test_a_reset_is_tried_again(self, serve, fake):
        server = serve(ResetRequest())
        with poller(server, fake) as polling:
            assert len(polling.poll_once(["BTC-USD"]).trades) == 1

    @pytest.mark.parametrize("fault", [Hang(times=9), Drip(times=9)])
    def test_an_answer_that_does_not_end(self, serve, fake, fault):
        server = serve(fault)
        clock = fake.clock._replace(monotonic_s=time.monotonic)
        with Poller(
            "coinbase-spot", clock=clock, base_url=server.rest_url, request_s=0.2
        ) as polling:
            began_s = time.monotonic()
            poll = polling.poll_once(["BTC-USD"])
        assert isinstance(poll.failures["BTC-USD"], UnavailableError)
        assert time.monotonic() - began_s < 5

    def test_nobody_there(self, serve, fake):
        with VenueServer("coinbase", TRADES) as server:
            url = server.rest_url
        with Poller("coinbase-spot", clock=fake.clock, base_url=url) as polling:
            poll = polling.poll_once(["BTC-USD"])
        assert f"{url}/v2/prices/BTC-USD/spot: " in str(poll.failures["BTC-USD"])
        assert isinstance(poll.failures["BTC-USD"], UnavailableError)

    def test_a_host_that_does_not_exist(self, fake):
        url = "https://nowhere.invalid"
        with Poller("coinbase-spot", clock=fake.clock, base_url=url) as polling:
            poll = polling.poll_once(["BTC-USD"])
        assert isinstance(poll.failures["BTC-USD"], UnavailableError)
        assert url in str(poll.failures["BTC-USD"])

    @pytest.mark.parametrize("kind", ["coinbase-spt", ""])
    def test_an_unknown_kind_of_price(self, fake, kind):
        with pytest.raises(SourceError, match="Known: coinbase-spot, coinbase-ticker"):
            Poller(kind, clock=fake.clock)


class TestLimits:
    def test_requests_keep_to_the_venues_rate(self, serve, fake):
        symbols = [f"X{n}-USD" for n in range(15)]
        server = serve()
        with poller(server, fake) as polling:
            polling.poll_once(symbols)
        assert len(server.asked) == 15
        assert fake.passed_s == pytest.approx(5 / 2.5)  # ten at once

    @pytest.mark.parametrize("status", [429, 503, 418])
    def test_retry_after_holds_for_every_symbol(self, serve, fake, status):
        server = serve(Status(status=status, headers={"Retry-After": "7"}))
        with poller(server, fake) as polling:
            poll = polling.poll_once(SYMBOLS)
        assert poll.failures == {}
        assert fake.passed_s == 7
        assert len(server.asked) == 3

    def test_retry_after_may_be_a_date(self, serve, fake):
        until = format_datetime(datetime.fromtimestamp(WALL_S + 9, UTC), usegmt=True)
        server = serve(Status(status=429, headers={"Retry-After": until}))
        with poller(server, fake) as polling:
            assert polling.poll_once(["BTC-USD"]).failures == {}
        assert 8 < fake.passed_s <= 9

    def test_without_it_a_refusal_is_believed_for_five_seconds(self, serve, fake):
        with poller(serve(Status(status=429)), fake) as polling:
            assert polling.poll_once(["BTC-USD"]).failures == {}
        assert fake.passed_s == 5

    def test_a_longer_pause_outlasts_the_round_and_the_next(self, serve, fake):
        server = serve(Status(status=429, headers={"Retry-After": "60"}))
        with poller(server, fake) as polling:
            poll = polling.poll_once(SYMBOLS)
            assert "HTTP 429" in str(poll.failures["BTC-USD"])
            assert "was not asked" in str(poll.failures["ETH-USD"])
            fake.sleep(30)
            assert len(polling.poll_once(SYMBOLS).failures) == 2
            assert len(server.asked) == 1
            fake.sleep(30)
            assert polling.poll_once(SYMBOLS).failures == {}


def rounds(polling, fake, symbols, interval_s, count):
    """Poll `count` rounds; give the times on the wall at which prices came."""
    times = []
    for poll in polling.poll_every(symbols, interval_s):
        if poll.trades or poll.failures:
            times.append(round(fake.wall_s - WALL_S, 3))
        if len(times) == count:
            polling.stop()
    return times


class TestEvery:
    def test_at_once_and_then_at_multiples_of_the_interval(self, serve, fake):
        with poller(serve(), fake) as polling:
            times = rounds(polling, fake, ["BTC-USD"], 1.0, 4)
        assert times == [0.0, 0.75, 1.75, 2.75]
        assert polling.skipped == 0

    def test_meanwhile_it_lets_others_look_about(self, serve, fake):
        with poller(serve(), fake) as polling:
            polls = []
            for poll in polling.poll_every(["BTC-USD"], 60.0):
                polls.append(poll)
                if fake.passed_s > 20:
                    polling.stop()
        assert sum(len(poll.trades) for poll in polls) == 1
        assert len(polls) > 100

    def test_prices_do_not_wait_for_a_symbol_that_fails(self, serve, fake):
        fault = Status(times=2, path=spot("BTC-USD"))
        with poller(serve(fault), fake) as polling:
            came = []
            for poll in polling.poll_every(SYMBOLS, 60.0):
                came += [(t.symbol, fake.passed_s) for t in poll.trades]
                if len(came) == 2:
                    polling.stop()
        assert came == [("ETH-USD", 0.0), ("BTC-USD", 1.125)]

    def test_a_round_that_takes_long_skips_and_never_piles_up(self, serve, fake):
        fault = Status(at=1, status=429, headers={"Retry-After": "3"})
        with poller(serve(fault), fake) as polling:
            times = rounds(polling, fake, ["BTC-USD"], 1.0, 4)
        assert times == [0.0, 3.75, 4.75, 5.75]
        assert polling.skipped == 3

    @pytest.mark.parametrize("jump_s", [-3600, 3600])
    def test_a_clock_that_jumps_costs_no_more_than_a_round(self, serve, fake, jump_s):
        with poller(serve(), fake) as polling:
            passed = []
            for poll in polling.poll_every(["BTC-USD"], 10.0):
                if poll.trades:
                    passed.append(fake.passed_s)
                    if len(passed) == 2:
                        fake.wall_s += jump_s
                if len(passed) == 4:
                    polling.stop()
        assert passed == pytest.approx([0.0, 9.75, 19.75, 29.75], abs=1e-3)

    def test_an_unknown_symbol_is_asked_for_every_five_minutes(self, serve, fake):
        server = serve()
        with poller(server, fake) as polling:
            for _ in polling.poll_every(["FOO-USD", "BTC-USD"], 60.0):
                if fake.passed_s > 599:
                    polling.stop()
        assert paths(server).count(spot("FOO-USD")) == 2
        assert paths(server).count(spot("BTC-USD")) == 10

    def test_if_all_are_unknown_it_says_so_and_ends(self, serve, fake):
        with (
            poller(serve(), fake) as polling,
            pytest.raises(SourceError, match=r"FOO-USD: .* 404.*no price of BAR-USD"),
        ):
            list(polling.poll_every(["FOO-USD", "BAR-USD"], 1.0))

    def test_if_nobody_can_be_reached_it_names_what_needs_no_network(self, fake):
        with VenueServer("coinbase", TRADES) as server:
            url = server.rest_url
        with (
            Poller("coinbase-spot", clock=fake.clock, base_url=url) as polling,
            pytest.raises(UnavailableError, match="simulated` needs no net") as caught,
        ):
            list(polling.poll_every(SYMBOLS, 1.0))
        assert url in str(caught.value)

    def test_a_venue_that_is_down_at_first_is_waited_for(self, serve, fake):
        server = serve(Status(times=6))
        with poller(server, fake) as polling:
            times = rounds(polling, fake, ["BTC-USD"], 5.0, 3)
        assert len(times) == 3
        assert len(server.asked) == 7

    def test_a_stop_does_not_wait_for_an_answer(self, serve, fake):
        with poller(serve(Hang()), fake) as polling:
            began_s = time.monotonic()
            for _ in polling.poll_every(["BTC-USD"], 1.0):
                polling.stop()
                break
        assert time.monotonic() - began_s < 1


def test_asking_takes_no_event_loop():
    heavy = ["asyncio", "anyio", "websockets", "boto3", "duckdb"]
    script = (
        "import sys, penstock.drivers.poller; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
