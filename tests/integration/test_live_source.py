"""A live source from start to stop: reaching venues, going on, draining, telling."""

import json
import socket
import threading
import time
from contextlib import closing

import msgspec
import pytest
from msgspec.structs import replace

from penstock.drivers.live import ENDPOINTS, LiveSource
from penstock.drivers.live.line import Clocks
from penstock.errors import SourceError, UnavailableError
from tests.live import QUICK, check, endpoint, live, receive, symbols_of
from tests.servers import (
    Hang,
    Reset,
    Silence,
    Upgrade,
    VenueServer,
    made_trades,
)

COUNT = 500


@pytest.fixture
def deaf():
    """An address where nobody listens, and nobody else can."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{holder.getsockname()[1]}"


def unreachable(url, **changes):
    ends = {"coinbase": replace(ENDPOINTS["coinbase"], url=url)}
    timing = replace(QUICK, **changes)
    return LiveSource(
        {"coinbase": ["BTC-USD"]}, marks={}, endpoints=ends, timing=timing
    )


class TestReaching:
    @pytest.mark.parametrize("reason", ["no such host", "refused"])
    def test_a_venue_that_was_never_reached_is_named_with_the_reason(
        self, reason, deaf
    ):
        url = deaf if reason == "refused" else "wss://ws-feed.exchange.invalid"
        with pytest.raises(UnavailableError) as caught:
            receive(unreachable(url, reach_s=1.0), lambda _: False)
        host = url.partition("//")[2]
        assert f"coinbase at {host}: {reason}" in str(caught.value)
        assert "`--source simulated` needs no network" in str(caught.value)

    @pytest.mark.parametrize(
        ("gate", "reason"),
        [
            (Upgrade(count=10**6, status=451), "HTTP 451"),
            (Upgrade(count=10**6, status=None), "timed out"),
        ],
        ids=["451", "no answer"],
    )
    def test_so_is_one_that_does_not_let_anybody_in(self, gate, reason):
        with VenueServer("coinbase", [], faults=[gate]) as venue:
            source = live(
                "coinbase", venue, timing=replace(QUICK, connect_s=0.2, reach_s=1.0)
            )
            with pytest.raises(UnavailableError, match=reason):
                receive(source, lambda _: False)

    @pytest.mark.parametrize("name", ["wrong name", "unknown authority"])
    def test_a_certificate_that_is_not_the_venues_is_not_accepted(self, name):
        trades = made_trades("coinbase", 10)
        tls = "other.example" if name == "wrong name" else True
        with VenueServer("coinbase", trades, tls=tls) as venue:
            trusted = venue.trusting() if name == "wrong name" else None
            source = live("coinbase", venue, options={"tls": trusted})
            with pytest.raises(
                UnavailableError, match=r"TLS .+certificate verify failed"
            ):
                receive(source, lambda _: False)

    def test_over_tls_all_is_the_same(self):
        trades = made_trades("coinbase", COUNT)
        reset = Reset(at=100, missed=20)
        with VenueServer("coinbase", trades, tls=True, faults=[reset]) as venue:
            options = {"tls": venue.trusting()}
            source = live("coinbase", venue, symbols=["BTC-USD"], options=options)
            received = receive(source, lambda r: r.told >= COUNT)
        check(received, trades)
        assert received.missing == 0
        assert venue.url.startswith("wss://")

    def test_a_busy_venue_is_left_alone_for_as_long_as_it_asks(self):
        trades = made_trades("coinbase", 50)
        busy = Upgrade(status=429, headers={"Retry-After": "1"})
        began_s = time.monotonic()
        with VenueServer("coinbase", trades, faults=[busy]) as venue:
            source = live("coinbase", venue, symbols=["BTC-USD"])
            received = receive(source, lambda r: r.told >= 50)
        assert time.monotonic() - began_s >= 1.0
        check(received, trades)

    def test_one_venue_that_cannot_be_reached_stops_no_other(self, deaf):
        trades = made_trades("kraken", COUNT)
        with VenueServer("kraken", trades) as venue:
            source = LiveSource(
                {"coinbase": ["BTC-USD"], "kraken": ["BTC-USD"]},
                marks={},
                endpoints={
                    "coinbase": replace(ENDPOINTS["coinbase"], url=deaf),
                    "kraken": endpoint("kraken", venue),
                },
                timing=QUICK,
            )
            received = receive(source, lambda r: r.told >= COUNT)
        check(received, trades)
        coinbase, kraken = source.status().connections
        assert (coinbase.connects, kraken.connects) == (0, 1)
        assert coinbase.errors["refused"] > 0

    @pytest.mark.parametrize(
        ("symbols", "words"),
        [
            ({}, "needs a feed"),
            ({"coinbase": []}, "'coinbase' needs a symbol"),
            ({"coinbas": ["BTC-USD"]}, "Did you mean 'coinbase'"),
            ({"coinbase": ["btcusd"]}, "found 'btcusd'"),
        ],
    )
    def test_what_cannot_be_meant_is_said_at_once(self, symbols, words):
        with pytest.raises(SourceError, match=words):
            LiveSource(symbols, marks={})

    def test_an_address_that_is_no_websockets_is_said_at_once(self):
        with pytest.raises(SourceError, match="must begin with wss:// or ws://"):
            unreachable("https://example.com")


class Notebook:
    """A tap that keeps what it hears, in order."""

    def __init__(self):
        self.notes = []

    def of(self, what):
        return [note for note in self.notes if note[0] == what]

    def connected(self, connection, us, symbols):
        self.notes.append(("connected", connection, us, symbols))

    def received(self, connection, us, frame):
        self.notes.append(("received", connection, us, frame))

    def sent(self, connection, us, message):
        self.notes.append(("sent", connection, us, message))


class TestStopping:
    def test_what_was_received_is_given(self):
        trades = made_trades("binance", 20_000, symbols=["BTC-USDT"])
        with VenueServer("binance", trades) as venue:
            source = live("binance", venue, symbols=["BTC-USDT"])
            received = receive(source, lambda r: len(r.trades) > 1000)
            (connection,) = source.status().connections
        ids = [trade.seq for trade in received.trades]
        assert ids == list(range(1000, 1000 + len(ids)))
        assert connection.messages == len(ids) + 1  # and the acknowledgement
        assert connection.state == "closed"
        assert venue.visits[0].close_code == 1000
        assert received.took_s < 5

    @pytest.mark.parametrize(
        "faults",
        [
            [Upgrade(count=10**6, status=None)],
            [Silence(at=10)],
            [Reset(at=10, missed=20), Hang(times=10**6)],
        ],
        ids=["connecting", "half open", "fetching"],
    )
    def test_it_takes_less_than_five_seconds_whatever_is_under_way(self, faults):
        trades = made_trades("coinbase", COUNT)
        timing = replace(QUICK, connect_s=60, request_s=60, patience_s=60)
        with VenueServer("coinbase", trades, faults=faults) as venue:
            source = live(
                "coinbase", venue, symbols=["BTC-USD"], timing=timing, silence_s=60
            )

            def is_under_way(received):
                if isinstance(faults[-1], Hang):
                    return venue.asked
                return venue.visits and (
                    len(received.trades) == 10 or isinstance(faults[0], Upgrade)
                )

            received = receive(source, is_under_way)
        assert received.took_s < 5
        # What waited for the missing trades is given all the same, and they are marked.
        # One of the twenty comes as the last match on subscribing.
        assert received.missing == (19 if len(faults) > 1 else 0)

    def test_looking_up_a_name_holds_nothing_up(self, monkeypatch):
        released = threading.Event()

        def look_up(*_, **__):
            released.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        began_s = time.monotonic()
        source = unreachable("wss://slow.example", connect_s=60)
        receive(source, lambda _: time.monotonic() - began_s > 0.2)
        released.set()
        assert time.monotonic() - began_s < 3

    def test_whoever_stops_taking_ends_it(self):
        with VenueServer("coinbase", made_trades("coinbase", COUNT)) as venue:
            source = live("coinbase", venue, symbols=["BTC-USD"])
            with closing(source.batches()) as batches:
                next(batches)
            assert not [t for t in threading.enumerate() if t.name == "live"]


class TestBackPressure:
    def test_where_nobody_takes_the_trades_reading_stops_and_nothing_is_lost(self):
        trades = made_trades("binance", 20_000, symbols=["BTC-USDT"])
        timing = replace(QUICK, max_queued=1000, full_s=10.0)
        most = 0
        with VenueServer("binance", trades) as venue:
            source = live("binance", venue, symbols=["BTC-USDT"], timing=timing)

            naps = iter([0.2, 0.2, 0.2])

            def slowly(received):
                nonlocal most
                if received.trades:
                    time.sleep(next(naps, 0))
                most = max(most, source.status().queued)
                return received.told >= len(trades)

            received = receive(source, slowly)
        check(received, trades)
        assert received.missing == 0
        assert most == 1000
        assert source.status().pauses > 0
        assert source.status().connections[0].connects == 1

    def test_a_connection_that_has_to_wait_for_too_long_is_given_up(self):
        trades = made_trades("binance", 20_000, symbols=["BTC-USDT"])
        # Twenty pages are fetched, which a busy machine may take a while for.
        timing = replace(
            QUICK, max_queued=1000, full_s=0.2, patience_s=120.0, ping_s=120.0
        )
        quiet = {"quiet_s": 0.3, "silence_s": 30.0}
        with VenueServer("binance", trades) as venue:
            source = live(
                "binance", venue, symbols=["BTC-USDT"], timing=timing, **quiet
            )
            naps = iter([1.0])

            def nap_once(received):
                if received.trades:
                    time.sleep(next(naps, 0))
                return received.told >= len(trades)

            received = receive(source, nap_once, timeout_s=120.0)
        check(received, trades)
        assert received.missing == 0
        (connection,) = source.status().connections
        assert connection.errors == {"not taken": 1}


class TestTelling:
    def test_the_status_is_about_every_connection_and_ticker(self):
        kind = "coinbase"
        trades = made_trades(kind, COUNT, symbols=symbols_of(kind))
        with VenueServer(kind, trades, faults=[Reset(at=100, missed=20)]) as venue:
            source = live(kind, venue)
            snapshots = []

            def look(received):
                snapshots.append(source.status())
                return received.told >= COUNT

            receive(source, look)
        status = snapshots[-1]
        (connection,) = status.connections
        assert connection.host == venue.url.partition("//")[2]
        assert connection.state == "live"
        assert connection.frame_age_s < 5
        assert (connection.connects, connection.errors) == (2, {"lost": 1})
        assert [ticker.ticker for ticker in status.tickers] == [
            "coinbase:BTC-USD",
            "coinbase:ETH-USD",
        ]
        assert sum(ticker.trades for ticker in status.tickers) == COUNT
        assert sum(ticker.backfilled for ticker in status.tickers) >= 18
        for ticker in status.tickers:
            assert ticker.latency_p50_us <= ticker.latency_p99_us
            assert ticker.trade_age_s < 5
        plain = json.loads(msgspec.json.encode(status))
        assert plain["tickers"][0]["duplicates"] >= 0

    def test_before_the_start_there_is_nothing_to_tell(self):
        status = LiveSource({"coinbase": ["BTC-USD"]}, marks={}).status()
        assert (status.connections, status.tickers) == ((), ())

    def test_the_tap_hears_every_frame_and_every_connection(self):
        trades, tap = made_trades("coinbase", 100), Notebook()
        with VenueServer("coinbase", trades, faults=[Reset(at=50)]) as venue:
            options = {"tap": tap}
            source = live("coinbase", venue, symbols=["BTC-USD"], options=options)
            received = receive(source, lambda r: r.told >= 100)
        assert [what for what, *_ in tap.notes[:2]] == ["connected", "sent"]
        connected, sent, frames = map(tap.of, ("connected", "sent", "received"))
        assert [symbols for *_, symbols in connected] == [["BTC-USD"]] * 2
        assert [message for *_, message in sent] == [
            message for visit in venue.visits for message in visit.heard
        ]
        assert sum(b'"match"' in bytes(frame) for *_, frame in frames) == 100
        assert {connection for _, connection, *_ in tap.notes} == {"coinbase"}
        stamps = {us for _, _, us, _ in frames}
        assert {trade.received_us for trade in received.trades} <= stamps

    def test_many_symbols_are_divided_among_connections(self):
        symbols = [f"A{n}-USDT" for n in range(5)]
        trades = made_trades("binance", COUNT, symbols=symbols)
        with VenueServer("binance", trades, held=True) as venue:
            source = LiveSource(
                {"binance": symbols},
                marks={},
                endpoints={"binance": replace(endpoint("binance", venue), symbols=2)},
                timing=QUICK,
            )

            def is_done(received):
                if sum(len(visit.symbols) for visit in venue.visits) == len(symbols):
                    venue.release()
                return received.told >= COUNT

            received = receive(source, is_done)
        check(received, trades)
        names = [connection.name for connection in source.status().connections]
        assert names == ["binance", "binance#2", "binance#3"]


class TestClocks:
    @pytest.mark.parametrize("jump_s", [-3600, 3600], ids=["back", "forth"])
    def test_a_clock_that_is_put_right_disturbs_nothing(self, jump_s):
        trades = made_trades("coinbase", COUNT)
        began_s, offset_us, jumped_us = time.monotonic(), 1_700_000_000_000_000, [0]

        def wall_us():
            elapsed_s = time.monotonic() - began_s
            return offset_us + jumped_us[0] + int(elapsed_s * 1e6)

        with VenueServer("coinbase", trades, rate_per_s=1000, held=True) as venue:
            clocks = Clocks(wall_us, time.monotonic)
            options = {"clocks": clocks}
            source = live("coinbase", venue, symbols=["BTC-USD"], options=options)

            def is_done(received):
                if venue.visits and venue.visits[0].symbols and not venue.position:
                    venue.advance(50)
                if received.trades:
                    jumped_us[0] = jump_s * 1_000_000
                    venue.release()
                return received.told >= COUNT

            received = receive(source, is_done)
        check(received, trades)
        (connection,) = source.status().connections
        assert (connection.connects, connection.errors) == (1, {})
        first, last = received.trades[0], received.trades[-1]
        moved_s = (last.received_us - first.received_us) / 1e6
        assert moved_s == pytest.approx(jump_s, abs=5)
