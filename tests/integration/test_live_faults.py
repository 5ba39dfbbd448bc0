"""Whatever a websocket does: every trade comes once, or is marked as missing."""

import pytest
from msgspec.structs import replace

from penstock.errors import UnavailableError
from tests.live import (
    QUICK,
    live,
    play,
    receive,
    run_from_the_start,
    symbols_of,
)
from tests.recordings import needs_recordings
from tests.servers import (
    Announce,
    Close,
    Down,
    Drop,
    Duplicate,
    Inject,
    RawBytes,
    Reset,
    Silence,
    Status,
    Swap,
    Trickle,
    Upgrade,
    VenueServer,
    made_trades,
    recorded_trades,
)

COUNTING = ["coinbase", "coinbase-advanced", "kraken", "binance", "binance-agg"]
# Those that repeat the newest trades on subscribing, more than most faults cost.
REPEATING = {"coinbase-advanced", "kraken"}
COUNT = 600
AT = 200
NO_REST = Status(times=10**6, status=503)


@pytest.mark.parametrize("kind", COUNTING)
class TestLostConnections:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Reset(at=AT, missed=30), "lost"),
            (Close(at=AT, missed=30), "closed 1000"),
            (Silence(at=AT, missed=30), "silence"),
            (RawBytes(at=AT), "protocol error"),
            (Inject(at=AT, frame="x" * 100_000), "message too large"),
        ],
        ids=["reset", "clean close", "silence", "raw bytes", "oversized"],
    )
    def test_what_was_missed_is_made_up_for(self, kind, fault, error):
        received, status, _ = play(kind, fault, max_frame_bytes=65_536)
        (connection,) = status.connections
        assert received.missing == 0
        assert connection.errors == {error: 1}
        assert connection.reconnects == 1
        if getattr(fault, "missed", 0) and kind not in REPEATING:
            # Of Exchange's last match on subscribing the venue sends each symbol's.
            assert received.backfilled in (28, 30)

    def test_what_cannot_be_had_is_marked(self, kind):
        timing = replace(QUICK, patience_s=0.3)
        faults = [Reset(at=AT, missed=350), NO_REST]
        received, status, _ = play(kind, *faults, timing=timing)
        assert received.backfilled == 0
        assert received.missing > 100
        missing = {ticker.ticker: ticker.missing for ticker in status.tickers}
        assert sum(missing.values()) == received.missing
        assert min(missing.values()) > 0
        assert status.request_errors["HTTP 503"] > 0

    def test_a_venue_that_is_down_is_tried_until_it_is_back(self, kind):
        received, status, _ = play(kind, Down(at=AT, for_s=0.3, missed=10))
        (connection,) = status.connections
        assert received.missing == 0
        assert connection.errors["refused"] > 1
        assert connection.down_s > 0.2

    def test_a_handshake_that_fails_is_repeated(self, kind):
        received, status, venue = play(kind, Upgrade(count=2, status=503))
        assert received.missing == 0
        assert status.connections[0].errors == {"HTTP 503": 2}
        assert [visit.ended for visit in venue.visits[:2]] == ["refused", "refused"]


def test_a_proxy_that_needs_a_package_is_no_traceback(monkeypatch):
    monkeypatch.setenv("socks_proxy", "socks5h://127.0.0.1:9")
    with VenueServer("kraken", made_trades("kraken", 10)) as venue:
        source = live("kraken", venue, symbols=["BTC-USD"])
        with pytest.raises(
            UnavailableError, match=r"no websocket \(ImportError: .+ock"
        ):
            receive(source, lambda _: False)


@pytest.mark.parametrize("kind", COUNTING)
class TestMessages:
    def test_garbage_is_kept_and_all_else_goes_on(self, kind):
        garbage = [Inject(at=AT, frame="<html>"), Inject(at=AT + 50, frame=b"\xff\x00")]
        received, status, _ = play(kind, *garbage)
        assert [item.data for item in received.bad] == [b"<html>", b"\xff\x00"]
        assert all(item.reason and item.place for item in received.bad)
        (connection,) = status.connections
        assert (connection.connects, connection.unreadable) == (1, 2)

    def test_dropped_messages_are_fetched(self, kind):
        received, status, venue = play(kind, Drop(at=AT, messages=4))
        lost = venue.visits[0].dropped
        assert received.missing == 0
        assert received.backfilled >= len(lost) >= 4
        assert status.connections[0].connects == 1

    def test_dropped_messages_that_cannot_be_fetched_are_marked(self, kind):
        timing = replace(QUICK, patience_s=0.3)
        faults = [Drop(at=AT, messages=4), NO_REST]
        received, status, venue = play(kind, *faults, timing=timing)
        lost = {(t.ticker, t.seq) for t in venue.visits[0].dropped}
        assert received.missing == len(lost)
        assert sum(t.gaps for t in status.tickers) in (1, 2)

    def test_a_message_that_comes_twice_counts_once(self, kind):
        received, status, venue = play(kind, Duplicate(at=AT))
        (connection,), tickers = status.connections, status.tickers
        assert received.missing == 0
        repeated = connection.repeated + sum(t.duplicates for t in tickers)
        assert repeated == len(venue.visits[0].sent) - COUNT > 0

    def test_messages_out_of_order_are_put_in_order(self, kind):
        # One symbol, so that it is its own next message that comes first.
        symbol = symbols_of(kind)[:1]
        trades = made_trades(kind, COUNT, symbols=symbol)
        received, status, _ = play(kind, Swap(at=AT), trades=trades, symbols=symbol)
        assert received.missing == 0
        if kind != "coinbase-advanced":  # which takes it for a message that was lost
            assert status.requests == 0
            assert received.backfilled == 0

    def test_a_slow_server_is_waited_for(self, kind):
        slow = Trickle(at=AT, messages=2, piece_bytes=16, pause_s=0.002)
        received, status, _ = play(kind, slow)
        assert received.missing == 0
        assert status.connections[0].connects == 1


@pytest.mark.parametrize("kind", ["coinbase", "binance"])
def test_a_bad_day(kind):
    trades = made_trades(kind, 3000, symbols=symbols_of(kind))
    faults = [
        Upgrade(status=503),
        Drop(at=100, messages=3),
        Reset(at=300, missed=20),
        Status(at=2, status=429, headers={"Retry-After": "1"}),
        Swap(at=500),
        Duplicate(at=600),
        Close(at=700, missed=100),
        Inject(at=900, frame="{"),
        RawBytes(at=1000),
        Drop(at=1001, messages=2),
        Status(at=6, times=2, status=500),
        Down(at=1200, for_s=0.2, missed=50),
        Silence(at=1500, missed=10),
        Trickle(at=1800, messages=3),
        Inject(at=2000, frame="x" * 100_000),
        Reset(at=2001),
        Reset(at=2300, missed=1),
        Drop(at=2500, messages=30),
    ]
    received, status, _ = play(kind, *faults, trades=trades, max_frame_bytes=65_536)
    assert received.missing == 0
    assert [item.data for item in received.bad] == [b"{"]
    assert status.connections[0].connects >= 6


class TestKeepingAlive:
    def test_the_servers_pings_are_answered(self):
        trades = made_trades("coinbase", 300)
        pings = {"ping_s": 0.05, "pong_within_s": 2.0, "rate_per_s": 500, "held": True}
        with VenueServer("coinbase", trades, **pings) as venue:
            source = live("coinbase", venue, symbols=["BTC-USD"])
            received = run_from_the_start(source, venue, trades)
        assert len(received.trades) == 300
        assert venue.visits[0].pongs > 3
        assert len(venue.visits) == 1

    def test_pings_of_the_venues_own_are_sent_where_it_has_them(self):
        trades = made_trades("kraken", 100)
        with VenueServer("kraken", trades, rate_per_s=200, held=True) as venue:
            source = live("kraken", venue, symbols=["BTC-USD"], ping_s=0.1)
            run_from_the_start(source, venue, trades)
        assert venue.visits[0].heard.count('{"method":"ping"}') > 2

    def test_subscribing_is_the_first_thing_done(self):
        trades = made_trades("coinbase", 50)
        with VenueServer("coinbase", trades, subscribe_within_s=2.0) as venue:
            source = live("coinbase", venue, symbols=["BTC-USD"])
            receive(source, lambda r: len(r.trades) >= 50)
        (visit,) = venue.visits
        assert visit.heard == [
            '{"type":"subscribe","product_ids":["BTC-USD"],'
            '"channels":["matches","heartbeat","ticker"]}'
        ]


class TestRenewal:
    @pytest.mark.parametrize("kind", ["binance", "binance-usdm"])
    def test_a_connection_is_replaced_before_it_grows_old(self, kind):
        trades = made_trades(kind, 900, symbols=symbols_of(kind))
        server = {"rate_per_s": 1000, "held": True}
        received, status, venue = renew(kind, trades, server=server, renew_s=0.2)
        (connection,) = status.connections
        assert received.missing == 0
        assert connection.connects > 2
        assert connection.errors == {}
        assert connection.down_s == 0
        assert venue.visits[0].close_code == 1000

    @pytest.mark.parametrize("kind", ["binance", "binance-usdm", "bitstamp"])
    def test_an_announced_restart_costs_nothing(self, kind):
        trades = made_trades(kind, 600, symbols=symbols_of(kind))
        server = {"rate_per_s": 1000, "held": True}
        announced = Announce(at=AT)
        received, status, venue = renew(kind, trades, announced, server=server)
        (connection,) = status.connections
        assert received.missing == 0
        assert (connection.connects, connection.errors) == (2, {})
        # The new one was open before the old one was closed.
        assert set(venue.visits[1].sent) & set(venue.visits[0].sent)

    def test_a_replacement_that_fails_changes_nothing(self):
        kind = "binance"
        trades = made_trades(kind, 600, symbols=symbols_of(kind))
        faults = [Announce(at=AT), Upgrade(first=1, count=3, status=503)]
        server = {"rate_per_s": 1000, "held": True}
        received, status, _ = renew(kind, trades, *faults, server=server)
        (connection,) = status.connections
        assert received.missing == 0
        assert connection.errors == {"HTTP 503": 3}
        assert connection.connects == 2

    def test_a_connection_that_ends_before_its_replacement_is_ready_is_told(self):
        # The old one closes while the new one would still be waited for.
        kind = "binance"
        trades = made_trades(kind, 600, symbols=symbols_of(kind))
        announced = Announce(at=AT, closes_after_s=0.1)
        server = {"rate_per_s": 1000, "held": True}
        timing = replace(QUICK, overlap_s=60.0)
        received, status, _ = renew(
            kind, trades, announced, server=server, timing=timing
        )
        assert received.missing == 0
        assert (status.connections[0].connects, status.connections[0].errors) == (2, {})

    def test_a_connection_that_is_lost_while_it_is_renewed_is_an_error(self):
        kind = "binance"
        trades = made_trades(kind, 900, symbols=symbols_of(kind))
        server = {"rate_per_s": 1000, "held": True, "life_s": 0.8}
        timing = replace(QUICK, overlap_s=60.0)
        received, status, _ = renew(
            kind, trades, server=server, timing=timing, renew_s=0.5
        )
        assert received.missing == 0
        (connection,) = status.connections
        assert connection.errors["closed 1001"] >= 1
        assert connection.connects > 1


def made(trade, received):
    """Return a trade as it is received, if it was the last one."""
    return replace(trade, received_us=received.trades[-1].received_us)


def renew(kind, trades, *faults, server, **ends):
    """Feed a market with a pace of its own to its end."""
    with VenueServer(kind, trades, faults=faults, **server) as venue:
        source = live(kind, venue, **ends)
        received = run_from_the_start(source, venue, trades)
    check_order(received, trades)
    return received, source.status(), venue


def check_order(received, trades):
    """Check that each ticker's trades are those that happened, in order."""
    for symbol in {trade.symbol for trade in trades}:
        ids = [trade.seq for trade in received.trades if trade.symbol == symbol]
        assert ids == [trade.seq for trade in trades if trade.symbol == symbol]


class TestFutures:
    def test_after_a_lost_connection_what_the_venue_has_is_fetched_first(self):
        received, _, _ = play("binance-usdm", Reset(at=AT, missed=30))
        assert received.backfilled == 30

    def test_an_id_that_is_spent_on_no_trade_is_not_missing(self):
        kind, (symbol, *_) = "binance-usdm", symbols_of("binance-usdm")
        trades = made_trades(kind, COUNT, symbols=[symbol])
        fund = (
            '{"e":"trade","E":1,"T":1,"s":"BTCUSDT","p":"1","q":"1","m":true,'
            f'"X":"INSURANCE_FUND","t":{trades[AT].seq}}}'
        )
        del trades[AT]
        server = {"faults": [Inject(at=AT, frame=fund)]}
        with VenueServer(kind, trades, **server) as venue:
            source = live(kind, venue, symbols=[symbol])
            received = receive(source, lambda r: len(r.trades) >= len(trades))
        assert [t.seq for t in received.trades] == [t.seq for t in trades]
        assert received.missing == 0
        assert source.status().requests == 0


class TestIdsThatDoNotCount:
    def test_messages_out_of_order_are_put_in_order(self):
        kind = "bitstamp"
        trades = made_trades(kind, COUNT)
        with VenueServer(kind, trades, faults=[Swap(at=AT)]) as venue:
            source = live(kind, venue, symbols=["BTC-USD"])
            received = receive(source, lambda r: len(r.trades) >= COUNT)
        assert [t.seq for t in received.trades] == [t.seq for t in trades]

    @pytest.mark.parametrize("kind", ["bitstamp", "kraken-v1"])
    def test_an_outage_is_told(self, kind):
        # More than Kraken repeats.
        trades = made_trades(kind, COUNT)
        faults = [Down(at=AT, for_s=0.3, missed=100)]
        with VenueServer(kind, trades, faults=faults) as venue:
            source = live(kind, venue, symbols=["BTC-USD"])
            receive(source, lambda r: r.trades and r.trades[-1] == made(trades[-1], r))
            (ticker,) = source.status().tickers
        assert ticker.outages == 1
        assert 0.3 <= ticker.blind_s < 5.0

    def test_without_ids_what_a_venue_repeats_is_told_by_its_time(self):
        kind = "kraken-v1"
        trades = made_trades(kind, COUNT)
        with VenueServer(
            kind, trades, faults=[Reset(at=AT)], happened=20, heartbeat_s=0.05
        ) as venue:
            source = live(kind, venue, symbols=["BTC-USD"])
            received = receive(source, lambda r: len(r.trades) >= COUNT - 20)
        times = [t.event_us for t in received.trades]
        assert times == [t.event_us for t in trades[20:]]


@needs_recordings
@pytest.mark.parametrize("kind", ["binance", "coinbase", "coinbase-advanced"])
@pytest.mark.parametrize("fault", [Reset(at=40, missed=20), Drop(at=40, messages=5)])
def test_recorded_markets_come_whole(kind, fault):
    trades = recorded_trades(kind)[:1000]
    symbols = sorted({trade.symbol for trade in trades})
    received, _, _ = play(kind, fault, trades=trades, symbols=symbols)
    assert received.missing == 0
