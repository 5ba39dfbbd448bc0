"""A half-open connection at the settings that hold for the venue, in quick time.

Time passes ten times as fast for the source as for everybody else, so that what takes
twenty seconds need not be waited for.
"""

import selectors
import time

from msgspec.structs import replace

from penstock.drivers.live import ENDPOINTS, LiveSource, Timing
from penstock.drivers.live import source as source_module
from penstock.drivers.live.line import Clocks
from penstock.drivers.live.loop import Loop
from tests.live import check, receive
from tests.servers import Silence, VenueServer, made_trades

SPEED = 10
AT = 200


class QuickSelector(selectors.DefaultSelector):
    def select(self, timeout=None):
        return super().select(timeout and timeout / SPEED)


class QuickLoop(Loop):
    def __init__(self):
        super().__init__(QuickSelector())

    def time(self):
        return super().time() * SPEED


def test_where_nothing_but_trades_comes_our_pings_find_a_dead_connection(monkeypatch):
    monkeypatch.setattr(source_module, "Loop", QuickLoop)
    trades = made_trades("binance", 600, symbols=["BTC-USDT"])
    usual = ENDPOINTS["binance"]
    # Without a heartbeat 300 s of silence would have to be taken for a quiet market.
    assert (usual.silence_s, Timing().ping_s) == (300.0, 10.0)
    silence = Silence(at=AT, missed=30)
    with VenueServer("binance", trades, faults=[silence]) as venue:
        rest = replace(usual.rest, url=venue.rest_url)
        here = replace(usual, url=venue.url, rest=rest, markets=None)
        source = LiveSource(
            {"binance": ["BTC-USDT"]},
            marks={},
            endpoints={"binance": here},
            clocks=Clocks(
                lambda: time.time_ns() // 1000, lambda: time.monotonic() * SPEED
            ),
        )
        received = receive(source, lambda r: r.told >= len(trades))
    check(received, trades)
    assert (received.missing, received.backfilled) == (0, 30)
    (connection,) = source.status().connections
    assert set(connection.errors) == {"no pong"}
    assert connection.last_error == "given up: a ping was not answered in time"
