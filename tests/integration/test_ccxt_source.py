"""ccxt's exchanges as a source: what it gives, and what it does when they fail.

The exchange is a class with ccxt's signature; ccxt itself is not needed.
"""

import asyncio
import subprocess
import sys

import pytest
from msgspec.structs import replace

from penstock.drivers.ccxt_source import CcxtSource, Library
from penstock.drivers.live.endpoints import Timing
from penstock.errors import SourceError, UnavailableError
from penstock.model import Trade
from tests.servers import Reset, VenueServer, made_trades

NOW_US = 1_732_146_000_012_345
TIMING = Timing(backoff_s=0.002, max_backoff_s=0.004, tick_s=0.005, drain_s=0.2)
TRADE = Trade(
    venue="bybit",
    symbol="BTC-USDT",
    price=64090.01,
    size=0.001,
    side="buy",
    event_us=1_732_146_000_000_000,
    received_us=NOW_US,
    trade_id="a-1",
)


def unified(trade_id="a-1", **fields):
    """A trade as ccxt gives it."""
    return {
        "info": {"anything": object()},
        "id": trade_id,
        "timestamp": 1_732_146_000_000,
        "datetime": "2024-11-20T23:40:00.000Z",
        "symbol": "BTC/USDT",
        "order": None,
        "type": None,
        "side": "buy",
        "takerOrMaker": "taker",
        "price": 64090.01,
        "amount": 0.001,
        "cost": 64.09001,
        "fee": {"cost": None, "currency": None},
        "fees": [],
        **fields,
    }


class BadSymbol(Exception):
    pass


class NetworkError(Exception):
    pass


class FakeExchange:
    """Gives what the script of a symbol says, one item per call, and then waits."""

    def __init__(self, scripts):
        self.scripts = {symbol: iter(script) for symbol, script in scripts.items()}
        self.closed = False

    async def watch_trades(self, symbol, since=None, limit=None, params=None):
        for item in self.scripts[symbol]:
            if isinstance(item, Exception):
                raise item
            return item
        return await asyncio.Future()  # for ever

    async def close(self):
        self.closed = True


def source_of(scripts, symbols=("BTC-USDT",), timing=TIMING):
    exchange = FakeExchange(scripts)
    source = CcxtSource(
        "bybit",
        symbols,
        library=Library(lambda: exchange, (BadSymbol,)),
        timing=timing,
        clock_us=lambda: NOW_US,
        draw=lambda: 0.5,
    )
    return source, exchange


def given(source, count):
    """Take batches until `count` trades and bad items have come."""
    trades, bad = [], []
    for batch in source.batches():
        trades += batch.trades
        bad += batch.bad
        if len(trades) + len(bad) >= count:
            source.stop()
    return trades, bad


class TestTrades:
    def test_a_trade(self):
        source, exchange = source_of({"BTC/USDT": [[unified()]]})
        assert given(source, 1) == ([TRADE], [])
        assert exchange.closed

    def test_ids_may_be_missing_and_then_none_is_a_repeat(self):
        source, _ = source_of({"BTC/USDT": [[unified(None)], [unified(None)]]})
        trades, _ = given(source, 2)
        assert trades == [replace(TRADE, trade_id=None)] * 2

    def test_a_trade_that_comes_again_stays_out(self):
        script = [[unified("1"), unified("2")], [unified("2"), unified("3")]]
        source, _ = source_of({"BTC/USDT": script})
        trades, _ = given(source, 3)
        assert [trade.trade_id for trade in trades] == ["1", "2", "3"]
        assert source.repeated == 1

    def test_ids_are_no_numbers_to_count_by(self):
        source, _ = source_of({"BTC/USDT": [[unified("9"), unified("7")]]})
        trades, _ = given(source, 2)
        assert [(t.trade_id, t.seq) for t in trades] == [("9", 0), ("7", 0)]
        assert not source.contiguous

    @pytest.mark.parametrize("fields", [{"price": None}, {"price": 0}, {"side": "up"}])
    def test_what_is_no_trade_is_kept_for_the_dead_letters(self, fields):
        script = [[unified("1", **fields), unified("2")]]
        source, _ = source_of({"BTC/USDT": script})
        trades, bad = given(source, 2)
        assert [trade.trade_id for trade in trades] == ["2"]
        assert bad[0].place == "ccxt:bybit BTC/USDT"
        assert b'"id":"1"' in bad[0].data

    def test_ccxt_may_have_lost_some_where_it_gives_all_that_it_keeps(self):
        many = [unified(str(n)) for n in range(10_000)]
        source, _ = source_of({"BTC/USDT": [many]})
        given(source, 10_000)
        assert source.overruns == 1


class TestFailures:
    def test_it_tries_again_after_whatever_happens(self):
        script = [NetworkError("gone"), KeyError("bug"), [unified()]]
        source, _ = source_of({"BTC/USDT": script})
        assert given(source, 1) == ([TRADE], [])
        assert source.errors == {"NetworkError": 1, "KeyError": 1}

    def test_a_bad_symbol_is_refused_by_name_and_the_others_go_on(self):
        scripts = {"FOO/USDT": [BadSymbol("no such market")], "BTC/USDT": [[unified()]]}
        source, _ = source_of(scripts, ["FOO-USDT", "BTC-USDT"])
        assert given(source, 1) == ([TRADE], [])
        assert source.refused == {"FOO-USDT": "no such market"}

    def test_if_all_are_refused_it_says_so_and_ends(self):
        source, exchange = source_of({"BTC/USDT": [BadSymbol("no such market")]})
        with pytest.raises(SourceError, match="BTC-USDT: no such market"):
            given(source, 1)
        assert exchange.closed

    def test_if_nobody_can_be_reached_it_names_what_needs_no_network(self):
        timing = Timing(backoff_s=0.002, max_backoff_s=0.002, tick_s=0.01, reach_s=0.05)
        failing = iter(lambda: NetworkError("no such host"), None)
        source, _ = source_of({"BTC/USDT": failing}, timing=timing)
        with pytest.raises(UnavailableError, match=r"no such host\. .*`--source simul"):
            given(source, 1)

    def test_a_stop_gives_what_was_received(self):
        source, _ = source_of({"BTC/USDT": [[unified()]]})
        batches = source.batches()
        first = next(batches)
        source.stop()
        rest = [trade for batch in batches for trade in batch.trades]
        assert first.trades + rest == [TRADE]

    def test_it_does_not_take_more_than_there_is_room_for(self):
        timing = Timing(backoff_s=0.002, tick_s=0.002, max_queued=10, drain_s=0.2)
        script = [[unified(str(n))] for n in range(100)]
        source, _ = source_of({"BTC/USDT": script}, timing=timing)
        trades, most = [], 0
        for batch in source.batches():
            trades += batch.trades
            most = max(most, len(batch.trades))
            if len(trades) == 100:
                source.stop()
        assert [trade.trade_id for trade in trades] == [str(n) for n in range(100)]
        assert most <= 11


class TestRealCcxt:
    """ccxt itself, where it is installed, against a server that speaks a venue's way.

    The venue is one that penstock also has a feed for: ccxt does not mind.
    """

    @pytest.fixture
    def ccxt(self):
        return pytest.importorskip("ccxt.pro", reason="ccxt is not installed")

    def source_of(self, ccxt, server):
        def make():
            exchange = ccxt.bitstamp({"newUpdates": True})
            exchange.urls["api"]["ws"] = server.url
            market = {
                **{"id": "btcusd", "symbol": "BTC/USD", "base": "BTC", "quote": "USD"},
                **{"baseId": "btc", "quoteId": "usd", "type": "spot", "spot": True},
                **{"active": True, "precision": {"amount": 1e-8, "price": 1e-2}},
            }
            exchange.set_markets([market])
            return exchange

        return CcxtSource(
            "bitstamp",
            ["BTC-USD", "FOO-USD"],
            library=Library(make, (ccxt.BadSymbol,)),
            timing=Timing(backoff_s=0.1),
            clock_us=lambda: NOW_US,
            draw=lambda: 0.5,
        )

    def test_trades_come_through_a_lost_connection(self, ccxt):
        trades = made_trades("bitstamp", 60)
        faults = [Reset(at=30, missed=5)]
        with VenueServer("bitstamp", trades, faults=faults) as server:
            source = self.source_of(ccxt, server)
            got, bad = given(source, 55)
        expected = [
            replace(t, received_us=NOW_US, seq=0) for t in trades[:30] + trades[35:]
        ]
        in_ms = [replace(t, event_us=t.event_us // 1000 * 1000) for t in expected]
        assert (got, bad) == (in_ms, [])
        assert list(source.refused) == ["FOO-USD"]
        assert source.errors["NetworkError"] >= 1


def test_importing_the_source_does_not_import_ccxt():
    script = (
        "import sys, penstock.drivers.ccxt_source; "
        "print([m for m in ('ccxt', 'aiohttp') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
