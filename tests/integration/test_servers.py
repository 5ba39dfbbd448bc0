"""The servers that other tests rest on: each talks as its venue, fails as told."""

import asyncio
import socket
import ssl
import threading
import time

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from penstock.feeds import BadFrameError, make_feed
from tests.recordings import needs_recordings
from tests.servers import (
    Announce,
    Close,
    Down,
    Drop,
    Duplicate,
    Hang,
    Inject,
    Malform,
    Mute,
    PartialPage,
    RawBytes,
    Reset,
    ResetRequest,
    Silence,
    Status,
    Swap,
    Trickle,
    Truncate,
    Upgrade,
    VenueServer,
    made_trades,
    recorded_trades,
)

KINDS = ["coinbase", "coinbase-advanced", "kraken", "kraken-v1", "binance", "bitstamp"]
SYMBOLS = ["BTC-USD", "ETH-USD"]


def symbols_of(kind):
    return ["BTC-USDT", "ETH-USDT"] if kind.startswith("binance") else SYMBOLS


def feed_name(kind):
    return "coinbase" if kind == "frames" else kind


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)


class Client:
    """Connects once with a venue's feed and keeps what it gives."""

    def __init__(self, server, kind, symbols=None, **options):
        self.feed = make_feed(feed_name(kind), symbols or [])
        self.trades = []
        self.frames = []
        self.bad = []
        self._server, self._options = server, options

    async def run(self, *, until, timeout_s=10.0):
        """Receive until `until` of the trades holds, or the connection ends."""
        self.feed.reset()
        options = {"close_timeout": 0.1, "compression": None, **self._options}
        path = "/ws" if "binance" in self.feed.venue else ""
        async with (
            asyncio.timeout(timeout_s),
            connect(self._server.url + path, **options) as websocket,
        ):
            for frame in self.feed.to_send():
                await websocket.send(frame)
            while not until(self):
                frame = await websocket.recv()
                self.frames.append(frame)
                try:
                    self.trades += self.feed.receive(frame, 0)
                except BadFrameError as e:
                    self.bad.append(e)
        return self

    def go(self, *, until, timeout_s=10.0):
        return asyncio.run(self.run(until=until, timeout_s=timeout_s))

    def ids(self):
        return [trade.seq for trade in self.trades]


def received(count):
    return lambda client: len(client.trades) >= count


def ended(client, expected=ConnectionClosed):
    with pytest.raises(expected) as caught:
        client.go(until=lambda _: False)
    return caught.value


def made(count, **options):
    return made_trades("coinbase", count, symbols=["BTC-USD"], **options)


def single(server, **options):
    return Client(server, "coinbase", ["BTC-USD"], **options)


class TestTalk:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_trade_arrives_as_it_was_made(self, kind):
        trades = made_trades(kind, 300, symbols=symbols_of(kind))
        with VenueServer(kind, trades, batch=4, starts_with=2) as server:
            client = Client(server, kind, symbols_of(kind)).go(until=received(300))
        assert client.trades == trades
        assert server.visits[0].sent == trades
        assert server.visits[0].symbols == set(symbols_of(kind))
        assert not client.feed.notes.errors

    @pytest.mark.parametrize("kind", ["coinbase", "coinbase-advanced", "kraken"])
    def test_the_past_comes_on_subscribing(self, kind):
        trades = made_trades(kind, 300)
        with VenueServer(kind, trades, happened=200) as server:
            client = Client(server, kind, ["BTC-USD"]).go(
                until=lambda c: c.trades and c.trades[-1] == trades[-1]
            )
        past = {"coinbase": 1, "coinbase-advanced": 100, "kraken": 50}[kind]
        assert client.trades == trades[200 - past :]

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_happens_before_subscribing_is_missed(self, kind):
        trades = made_trades(kind, 20, symbols=symbols_of(kind))
        with VenueServer(kind, trades, starts_with=2) as server:
            server.advance(12)
            client = Client(server, kind, symbols_of(kind))
            client.go(until=lambda c: c.trades and c.trades[-1] == trades[-1])
        assert server.visits[0].sent == trades[12:]

    @pytest.mark.parametrize("kind", ["coinbase", "coinbase-advanced", "kraken"])
    def test_an_unknown_symbol_is_refused_by_name(self, kind):
        trades = made_trades(kind, 5)
        with VenueServer(kind, trades, held=True) as server:
            client = Client(server, kind, ["BTC-USD", "FOO-USD"])
            client.go(until=lambda c: c.feed.notes.refused)
        assert list(client.feed.notes.refused) == ["FOO-USD"]

    def test_heartbeats_tell_the_newest_id(self):
        trades = made(10, first_id=500)
        faults = [Drop(at=9)]
        with VenueServer("coinbase", trades, faults=faults, heartbeat_s=0.02) as server:
            client = single(server).go(until=lambda c: c.feed.behind())
        assert client.feed.behind() == {"BTC-USD": 1}

    def test_kraken_is_heard_of_where_nothing_trades(self):
        trades = made_trades("kraken", 5)
        with VenueServer("kraken", trades, held=True, heartbeat_s=0.02) as server:
            client = Client(server, "kraken", ["BTC-USD"])
            client.go(until=lambda c: c.frames[-1:] == ['{"channel":"heartbeat"}'])

    def test_advanced_numbers_its_messages_through_a_loss(self):
        trades = made_trades("coinbase-advanced", 30)
        with VenueServer("coinbase-advanced", trades, faults=[Drop(at=7)]) as server:
            client = Client(server, "coinbase-advanced", ["BTC-USD"])
            client.go(until=received(29))
        assert client.feed.notes.missed == 1

    def test_binance_takes_streams_in_the_url(self):
        trades = made_trades("binance", 5, symbols=["BTC-USDT"])

        async def first(url):
            async with connect(url) as websocket:
                return await websocket.recv()

        with VenueServer("binance", trades) as server:
            raw = asyncio.run(first(f"{server.url}/ws/btcusdt@aggTrade"))
        assert raw.startswith('{"e":"aggTrade","a":1000,')
        with VenueServer("binance", trades) as server:
            combined = asyncio.run(first(f"{server.url}/stream?streams=btcusdt@trade"))
        assert combined.startswith('{"stream":"btcusdt@trade","data":{"e":"trade",')

    def test_frames_come_as_they_are(self):
        with VenueServer("frames", ["one", b"two"]) as server:

            async def both():
                async with connect(server.url) as websocket:
                    return [await websocket.recv(), await websocket.recv()]

            assert asyncio.run(both()) == ["one", b"two"]

    @pytest.mark.parametrize(
        ("kind", "count"), [("coinbase", 107), ("coinbase-advanced", 279)]
    )
    @needs_recordings
    def test_a_recording_can_be_played(self, kind, count):
        trades = recorded_trades(kind)
        assert len(trades) == count
        symbols = sorted({trade.symbol for trade in trades})
        with VenueServer(kind, trades) as server:
            client = Client(server, kind, symbols).go(until=received(count))
        assert client.trades == trades

    def test_a_client_that_does_not_subscribe_is_cut_off(self):
        with VenueServer("coinbase", made(1), subscribe_within_s=0.05) as server:
            error = ended(Client(server, "coinbase"))
        assert error.rcvd.code == 1008

    def test_a_connection_has_a_life(self):
        with VenueServer("coinbase", made(1), life_s=0.05) as server:
            assert ended(single(server)).rcvd.code == 1001

    def test_the_market_can_have_its_own_pace(self):
        trades = made(40)
        with VenueServer("coinbase", trades, rate_per_s=200) as server:
            began_s = time.monotonic()
            single(server).go(until=lambda c: c.trades[-1:] == trades[-1:])
        assert time.monotonic() - began_s > 0.1

    def test_pings_are_counted_and_have_to_be_answered(self):
        with VenueServer("coinbase", made(1), ping_s=0.01) as server:

            async def answer():
                async with connect(server.url) as websocket:
                    await websocket.send(
                        make_feed("coinbase", ["BTC-USD"]).to_send()[0]
                    )
                    while server.visits[0].pongs < 3:
                        await asyncio.sleep(0.01)

            asyncio.run(answer())
            server.wait_for(lambda: server.visits[0].ended)
        assert server.visits[0].ended == "closed"

    def test_a_client_that_answers_no_ping_is_cut_off(self):
        options = {"ping_s": 0.01, "pong_within_s": 0.02}
        with (
            VenueServer("coinbase", made(1), **options) as server,
            socket.create_connection(("127.0.0.1", server.port)) as client,
        ):
            client.sendall(HANDSHAKE)
            server.wait_for(lambda: server.visits and server.visits[0].ended)
        assert server.visits[0].ended == "lost"


class TestFaults:
    @pytest.mark.parametrize("missed", [0, 5])
    @pytest.mark.parametrize("fault", [Reset, Close])
    def test_a_lost_connection_misses_exactly_what_was_said(self, fault, missed):
        trades = made(40)
        with VenueServer(
            "coinbase", trades, faults=[fault(at=20, missed=missed)]
        ) as server:
            client = single(server)
            ended(client)
            assert client.trades == trades[:20]
            assert server.position == 20 + missed
            client.go(until=lambda c: c.trades[-1] == trades[-1])
        assert server.visits[0].ended == ("reset" if fault is Reset else "closed")
        assert server.visits[1].sent == trades[20 + missed :]

    def test_a_close_has_its_code(self):
        faults = [Close(at=2, code=1012, reason="restart")]
        with VenueServer("coinbase", made(9), faults=faults) as server:
            error = ended(single(server))
        assert (error.rcvd.code, error.rcvd.reason) == (1012, "restart")
        assert server.visits[0].close_code == 1012

    def test_half_open_says_nothing_and_answers_nothing(self):
        trades = made(9)
        faults = [Silence(at=4, missed=2)]
        with VenueServer("coinbase", trades, faults=faults, heartbeat_s=0.01) as server:
            client = single(server, ping_interval=None)
            with pytest.raises(TimeoutError):
                client.go(until=lambda _: False, timeout_s=0.3)
            assert client.trades == trades[:4]
            assert server.position == 6

    def test_while_down_connections_are_refused(self):
        trades = made(9)
        faults = [Down(at=4, for_s=0.3, missed=3)]
        with VenueServer("coinbase", trades, faults=faults) as server:
            client = single(server)
            ended(client)
            with pytest.raises(ConnectionRefusedError):
                client.go(until=received(5))
            time.sleep(0.4)
            client.go(until=lambda c: c.trades[-1] == trades[-1])
        assert client.trades == trades[:4] + trades[6:]  # the seventh as last_match

    def test_drop_duplicate_and_swap(self):
        faults = [Drop(at=3, messages=2), Duplicate(at=6), Swap(at=8)]
        trades = made(12)
        with VenueServer("coinbase", trades, faults=faults) as server:
            single(server).go(until=received(9))
        t = trades
        assert server.visits[0].dropped == t[3:5]
        assert server.visits[0].sent[:10] == [
            *(t[0], t[1], t[2], t[5], t[6], t[6], t[7], t[9], t[8], t[10])
        ]

    def test_a_muted_symbol_goes_silent_alone(self):
        trades = made_trades("coinbase", 60, symbols=SYMBOLS)
        faults = [Mute(at=10, symbol="ETH-USD")]
        others = [t for t in trades[10:] if t.symbol == "BTC-USD"]
        expected = trades[:10] + others
        with VenueServer("coinbase", trades, faults=faults) as server:
            client = Client(server, "coinbase", SYMBOLS)
            client.go(until=received(len(expected)))
        assert client.trades == expected

    def test_strange_messages_come_between(self):
        trades = made(9)
        faults = [
            *(Inject(at=2, frame="{nonsense"), Inject(at=4, frame=b"\x00\x01")),
            Inject(at=6, frame="x" * 2_000_000),
        ]
        with VenueServer("coinbase", trades, faults=faults) as server:
            client = single(server)
            assert ended(client).sent.code == 1009
        assert [len(client.bad), client.frames.count(b"\x00\x01")] == [2, 1]
        assert client.trades == trades[:6]

    def test_bytes_that_are_no_frame(self):
        with VenueServer("coinbase", made(9), faults=[RawBytes(at=5)]) as server:
            client = single(server)
            assert ended(client).sent.code == 1002
        assert len(client.trades) == 5

    def test_a_trickle_arrives_whole(self):
        trades = made(9)
        faults = [Trickle(at=3, messages=2, piece_bytes=20)]
        with VenueServer("coinbase", trades, faults=faults, ping_s=0.005) as server:
            client = single(server).go(until=received(9))
        assert client.trades == trades

    @pytest.mark.parametrize("kind", ["binance", "bitstamp"])
    def test_the_venue_announces_that_it_will_close(self, kind):
        symbols = symbols_of(kind)[:1]
        trades = made_trades(kind, 9, symbols=symbols)
        faults = [Announce(at=4, closes_after_s=0.05)]
        with VenueServer(kind, trades, faults=faults) as server:
            client = Client(server, kind, symbols)
            ended(client)
        assert client.feed.notes.closing
        assert client.trades == trades[:4]

    def test_an_upgrade_is_refused_and_then_not(self):
        gate = Upgrade(status=429, headers={"Retry-After": "7"})
        with VenueServer("coinbase", made(3), faults=[gate]) as server:
            client = single(server)
            error = ended(client, InvalidStatus)
            client.go(until=received(3))
            server.wait_for(lambda: server.visits[1].ended)
        assert error.response.status_code == 429
        assert error.response.headers["Retry-After"] == "7"
        assert [visit.ended for visit in server.visits] == ["refused", "closed"]

    def test_an_upgrade_is_never_answered(self):
        faults = [Upgrade(status=None)]
        with VenueServer("coinbase", made(3), faults=faults) as server:
            with pytest.raises(TimeoutError):
                single(server, open_timeout=0.1).go(until=received(3))
            single(server).go(until=received(3))

    def test_tls_under_the_right_name(self):
        trades = made(3)
        with VenueServer("coinbase", trades, tls=True) as server:
            client = single(server, ssl=server.trusting()).go(until=received(3))
        assert client.trades == trades

    def test_tls_under_a_wrong_name_or_of_an_unknown_authority(self):
        with VenueServer("coinbase", made(3), tls="other.example") as server:
            error = ended(
                single(server, ssl=server.trusting()), ssl.SSLCertVerificationError
            )
            assert "localhost" in str(error)
        with VenueServer("coinbase", made(3), tls=True) as server:
            ended(single(server), ssl.SSLCertVerificationError)

    def test_nothing_is_left_running(self):
        before = threading.active_count()
        with VenueServer("coinbase", made(3), held=True):
            assert threading.active_count() == before + 1
        assert threading.active_count() == before


class TestRest:
    def get(self, server, path, **params):
        return httpx.get(server.rest_url + path, params=params, timeout=0.5)

    def test_coinbase_pages_backwards_through_what_has_happened(self):
        trades = made(30, first_id=100)
        with VenueServer("coinbase", trades, happened=20) as server:
            path = "/products/BTC-USD/trades"
            first = self.get(server, path, limit=5)
            after = first.headers["cb-after"]
            second = self.get(server, path, limit=5, after=after)
            newer = self.get(server, path, limit=2, before=110)
        assert [row["trade_id"] for row in first.json()] == [119, 118, 117, 116, 115]
        assert (first.headers["cb-before"], after) == ("119", "115")
        assert [row["trade_id"] for row in second.json()] == [114, 113, 112, 111, 110]
        assert [row["trade_id"] for row in newer.json()] == [112, 111]
        assert server.asked[1].query == {"limit": "5", "after": "115"}

    def test_coinbase_prices_follow_the_market(self):
        trades = made(2, first_id=100)
        with VenueServer("coinbase", trades, happened=1, held=True) as server:
            before = self.get(server, "/products/BTC-USD/ticker").json()
            server.advance(1)
            after = self.get(server, "/products/BTC-USD/ticker").json()
            spot = self.get(server, "/v2/prices/BTC-USD/spot").json()["data"]
        assert (before["trade_id"], after["trade_id"]) == (100, 101)
        assert float(before["price"]) == trades[0].price
        assert spot.items() >= {"base": "BTC", "currency": "USD"}.items()
        assert float(spot["amount"]) == trades[1].price

    def test_binance_pages_forwards(self):
        trades = made_trades("binance", 30, symbols=["BTC-USDT"], first_id=100)
        with VenueServer("binance", trades, happened=30) as server:
            path = "/api/v3/historicalTrades"
            rows = self.get(server, path, symbol="BTCUSDT", fromId=110, limit=3).json()
            unknown = self.get(server, path, symbol="FOOUSDT")
        assert [row["id"] for row in rows] == [110, 111, 112]
        assert rows[0]["time"] == trades[10].event_us // 1000
        assert (unknown.status_code, unknown.json()["code"]) == (400, -1121)

    def test_kraken_pages_by_time(self):
        trades = made_trades("kraken", 30, first_id=100)
        with VenueServer("kraken", trades, happened=30) as server:
            path = "/0/public/Trades"
            since = trades[9].event_us * 1000
            page = self.get(server, path, pair="XBTUSD", since=since, count=3).json()
            unknown = self.get(server, path, pair="FOOUSD").json()
        assert [row[-1] for row in page["result"]["XBTUSD"]] == [110, 111, 112]
        assert page["result"]["last"] == str(trades[12].event_us * 1000)
        assert unknown == {"error": ["EQuery:Unknown asset pair"]}

    def test_faults_strike_the_requests_they_name(self):
        spot, trades_path = "/v2/prices/BTC-USD/spot", "/products/BTC-USD/trades"
        faults = [
            Status(at=1, status=429, headers={"Retry-After": "2"}, path="/v2"),
            Malform(at=2, path="/v2"),
            Truncate(at=3, path="/v2"),
            ResetRequest(at=4, path="/v2"),
            Hang(at=5, path="/v2"),
            PartialPage(at=0, keep=3, path="/products"),
        ]
        trades = made(10, first_id=1)
        with VenueServer("coinbase", trades, faults=faults, happened=10) as server:
            assert self.get(server, spot).status_code == 200
            refused = self.get(server, spot)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
            assert self.get(server, spot).content == b"<html>we are sorry</html>"
            with pytest.raises(httpx.RemoteProtocolError):
                self.get(server, spot)
            with pytest.raises(httpx.ReadError):
                self.get(server, spot)
            with pytest.raises(httpx.ReadTimeout):
                self.get(server, spot)
            assert self.get(server, spot).status_code == 200
            partial = self.get(server, trades_path).json()
            assert [row["trade_id"] for row in partial] == [10, 9, 8]
            assert len(self.get(server, trades_path).json()) == 10

    def test_connections_are_kept_alive(self):
        with (
            VenueServer("coinbase", made(2), happened=1) as server,
            httpx.Client(base_url=server.rest_url) as client,
        ):
            for _ in range(3):
                assert client.get("/v2/prices/BTC-USD/spot").status_code == 200
            assert server.rest_connections == 1


def test_received_times_are_the_only_difference():
    (trade,) = made(1)
    assert replace(trade, received_us=trade.event_us) != trade
