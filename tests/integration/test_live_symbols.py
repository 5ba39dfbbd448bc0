"""Symbols that a venue does not know, or does not feed any more."""

import pytest
from msgspec.structs import replace

from penstock.errors import SourceError
from tests.live import (
    QUICK,
    check,
    live,
    play,
    receive,
    run_from_the_start,
    symbols_of,
)
from tests.servers import Inject, Mute, Status, VenueServer, made_trades

COUNT = 600
AT = 200
# A symbol that is refused is not asked for again, so that it is known to be.
ONCE = replace(QUICK, refused_s=60.0)


class TestSymbols:
    @pytest.mark.parametrize(
        "kind", ["coinbase", "coinbase-advanced", "kraken", "kraken-v1"]
    )
    def test_an_unknown_symbol_is_refused_by_name_and_the_others_go_on(self, kind):
        trades = made_trades(kind, COUNT, symbols=symbols_of(kind))
        symbols = ["NO-SUCH", *symbols_of(kind)]
        with VenueServer(kind, trades, heartbeat_s=0.05) as venue:
            source = live(kind, venue, symbols=symbols, timing=ONCE)
            received = receive(source, lambda r: len(r.trades) >= len(trades))
        assert len(received.trades) == len(trades)
        (connection,) = source.status().connections
        assert list(connection.refused) == ["NO-SUCH"]
        assert connection.refused["NO-SUCH"]
        assert connection.connects == 1

    @pytest.mark.parametrize(
        ("kind", "unknown", "hint"),
        [
            ("binance", "BTC-USD", "did you mean BTC-USDT?"),
            ("binance-agg", "BTC-USD", "did you mean BTC-USDT?"),
            ("binance-usdm", "ETH-USDC", "did you mean ETH-USDT?"),
            ("bitstamp", "BTC-USDX", "did you mean BTC-USD?"),
        ],
    )
    def test_one_that_the_venue_would_accept_is_refused_by_its_list(
        self, kind, unknown, hint
    ):
        trades = made_trades(kind, COUNT, symbols=symbols_of(kind))
        symbols = [unknown, *symbols_of(kind)]
        with VenueServer(kind, trades, rate_per_s=1000, starts_with=2) as venue:
            source = live(kind, venue, symbols=symbols, lists=True, timing=ONCE)

            def is_over(received):
                connections = source.status().connections
                is_told = connections and connections[0].refused
                return is_told and len(received.trades) >= len(trades)

            received = receive(source, is_over)
            status = source.status()
        assert len(received.trades) == len(trades)
        (connection,) = status.connections
        assert connection.refused == {unknown: f"the venue has no such market; {hint}"}
        assert connection.unchecked == ""
        assert unknown not in {t.ticker.partition(":")[2] for t in status.tickers}

    def test_where_the_list_is_not_to_be_had_it_goes_on_and_says_so(self):
        kind = "bitstamp"
        trades = made_trades(kind, COUNT, symbols=symbols_of(kind))
        failing = Status(times=1, status=503, path="/api/v2/trading-pairs-info")
        server = {"faults": [failing], "rate_per_s": 1000, "starts_with": 2}
        with VenueServer(kind, trades, **server) as venue:
            source = live(kind, venue, lists=True)
            said = []

            def is_over(received):
                (connection,) = source.status().connections or [None]
                said.append(connection.unchecked if connection else "")
                # It is asked for again, and then to be had.
                return len(received.trades) >= len(trades) and not said[-1]

            received = receive(source, is_over)
        assert len(received.trades) == len(trades)
        assert any(text.endswith("answered HTTP 503") for text in said)
        (connection,) = source.status().connections
        assert (connection.refused, connection.errors) == ({}, {})

    def test_one_that_was_refused_for_a_moment_is_asked_for_again(self):
        kind, (first, second) = "kraken", symbols_of("kraken")
        trades = made_trades(kind, COUNT, symbols=[first, second])
        reply = (
            '{"method":"subscribe","success":false,"symbol":"BTC/USD",'
            '"error":"Exceeded msg rate"}'
        )
        server = {"rate_per_s": 500, "held": True, "heartbeat_s": 0.05}
        refusal = Inject(at=1, frame=reply)
        with VenueServer(kind, trades, faults=[refusal], **server) as venue:
            source = live(kind, venue)

            def is_over(_):
                venue.release()
                heard = venue.visits[0].heard if venue.visits else []
                return len(heard) > 1

            receive(source, is_over)
            again = venue.visits[0].heard[1]
        assert '"symbol":["BTC/USD"]' in again

    @pytest.mark.parametrize("kind", ["binance", "bitstamp"])
    def test_one_that_the_venue_accepts_and_never_feeds_is_shown_as_stale(self, kind):
        fed, *_ = symbols_of(kind)
        trades = made_trades(kind, COUNT, symbols=[fed])
        with VenueServer(kind, trades, rate_per_s=1000, starts_with=1) as venue:
            symbols = ["NO-SUCH", fed]
            source = live(kind, venue, symbols=symbols, quiet_s=0.3)
            receive(source, lambda r: len(r.trades) > COUNT // 2)
            no_such, other = sorted(
                source.status().tickers, key=lambda t: t.ticker != f"{kind}:NO-SUCH"
            )
        assert (no_such.is_stale, no_such.trades) == (True, 0)
        assert other.trades > 0

    def test_where_every_symbol_is_refused_the_source_ends_and_says_why(self):
        with VenueServer("kraken", made_trades("kraken", 10)) as venue:
            source = live("kraken", venue, symbols=["NO-SUCH", "ALSO-NONE"])
            with pytest.raises(
                SourceError, match=r"kraken refused NO-SUCH: .+ALSO-NONE"
            ):
                receive(source, lambda _: False)

    def test_a_symbol_that_is_not_fed_any_more_shows_by_heartbeats(self):
        trades = made_trades("coinbase", 350)
        mute = Mute(at=AT, symbol="BTC-USD")
        server = {"rate_per_s": 300, "held": True, "heartbeat_s": 0.02}
        with VenueServer("coinbase", trades, faults=[mute], **server) as venue:
            source = live("coinbase", venue, symbols=["BTC-USD"], silence_s=0.2)
            received = run_from_the_start(source, venue, trades)
        check(received, trades)
        assert received.missing == 0
        assert received.backfilled > 20
        # It was fetched meanwhile, and asked for again, which helped.
        assert len(venue.visits[0].heard) == 2
        (connection,) = source.status().connections
        assert (connection.connects, connection.errors) == (1, {})

    def test_a_connection_on_which_a_symbol_dies_again_and_again_is_replaced(self):
        trades = made_trades("coinbase", 450)
        mutes = [Mute(at=at, symbol="BTC-USD") for at in (50, 150, 250)]
        server = {"rate_per_s": 150, "held": True, "heartbeat_s": 0.02}
        with VenueServer("coinbase", trades, faults=mutes, **server) as venue:
            source = live("coinbase", venue, symbols=["BTC-USD"], silence_s=0.4)
            received = run_from_the_start(source, venue, trades)
        check(received, trades)
        assert received.missing == 0
        (connection,) = source.status().connections
        assert connection.errors == {"symbol not fed": 1}
        assert connection.connects == 2

    def test_a_quiet_symbol_is_asked_for_again_without_disturbing_others(self):
        symbols = symbols_of("binance")
        trades = made_trades("binance", COUNT, symbols=symbols)
        mute = Mute(at=AT, symbol="BTC-USDT")
        received, status, venue = play(
            "binance", mute, trades=trades, quiet_s=0.2, messages_per_s=1000.0
        )
        assert received.missing == 0
        assert received.backfilled > 50
        assert status.connections[0].connects == 1
        assert len(venue.visits[0].heard) > 1

    def test_quiet_symbols_are_asked_for_at_the_pace_that_the_venue_takes(self):
        kind, symbols = "binance", [f"A{n}-USDT" for n in range(40)]
        trades = made_trades(kind, 400, symbols=symbols)
        with VenueServer(kind, trades, held=True) as venue:
            source = live(kind, venue, symbols=symbols, quiet_s=0.05)

            def is_over(received):
                # Each symbol is asked for once more, and then the market begins.
                if venue.visits and len(venue.visits[0].heard) > 4:
                    venue.release()
                return len(received.trades) >= len(trades)

            received = receive(source, is_over)
        check(received, trades)
        (connection,) = source.status().connections
        assert (connection.connects, connection.errors) == (1, {})
