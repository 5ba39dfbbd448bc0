"""Real servers on loopback that speak the venues' protocols, and misbehave on demand.

    trades = made_trades("coinbase", 1_000, symbols=["BTC-USD", "ETH-USD"])
    faults = [Reset(at=300, missed=20), Drop(at=700), Status(status=429, path="/prod")]
    with VenueServer("coinbase", trades, faults=faults, happened=50) as server:
        ...  # connect to server.url (websocket) and server.rest_url (plain HTTP)
        server.wait_played()
    assert server.visits[0].ended == "reset"

**The market** is one timeline of trades, `trades[0]`, `trades[1]`, ..., which goes on
whoever looks: what happens while a client is away it misses, and learns of from what
the venue repeats on subscribing (`last_match`, snapshots) and over REST alone.  With
`happened=50` the first fifty lie in the past when the server starts.  By default a
trade happens when the quickest client is ready to read it, so that tests are exact
whatever the machine; `rate_per_s=200` gives the market a pace of its own;
`starts_with=2` holds it until two symbols are subscribed to, where they are one by one
(Bitstamp, several connections); `held=True` until `server.release()`, and lets it be
moved by hand, `server.advance(n)`.  When all have happened, connections stay open and
heartbeats go on.

**Trades** come from `made_trades(kind, count, ...)`, which need no recording, or from
`recorded_trades(kind)`.  Both are what the feed of that kind should give,
with `received_us` 0: compare with `replace(trade, received_us=0)`.

**Faults** (`tests.servers.faults`) name the trade before whose message they strike, by
its place in the timeline; each strikes once.  Of `Reset`, `Close`, `Silence` and `Down`
a client misses exactly `trades[at : at + missed]`, if it knows of nothing but the
messages; `Drop` takes out what `visit.dropped` lists.  `Upgrade(status=429, headers={
"Retry-After": "1"})` refuses the handshake, `Upgrade(status=None)` never answers it.
`tls=True` serves `wss://localhost` (`ssl=server.trusting()`), `tls="other.example"`
under a wrong name.  Heartbeats come every `heartbeat_s`: make that short.

**The record**: `server.visits` (one per connection: `heard`, `symbols`, `sent`,
`dropped`, `ended`, `pongs`, ...) and `server.asked` (REST requests).

Each server has a thread and an event loop of its own, which leaving the `with`
statement ends; so it serves tests with and without a loop.  `wait_for`, `wait_played`
and `advance` block: from a loop call them by `asyncio.to_thread`.  A mistake within the
server is raised on leaving.

kind "frames" sends the items, str or bytes, as they are, from the moment of connecting.
`VenueServer("kraken", ..., batch=5)` puts up to five trades into a message.
REST: Coinbase `/products/{id}/trades` and `/ticker`, `/v2/prices/{pair}/spot`; Binance
`/api/v3/historicalTrades`, `/aggTrades`, `/exchangeInfo`, `/fapi/v1/trades` (the newest
only); Kraken `/0/public/Trades`; Bitstamp `/api/v2/trading-pairs-info/`.
"""

from tests.servers.faults import (
    Announce,
    Close,
    Down,
    Drip,
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
)
from tests.servers.habits import Visit
from tests.servers.market import made_trades, recorded_trades
from tests.servers.server import VenueServer

__all__ = [
    "Announce",
    "Close",
    "Down",
    "Drip",
    "Drop",
    "Duplicate",
    "Hang",
    "Inject",
    "Malform",
    "Mute",
    "PartialPage",
    "RawBytes",
    "Reset",
    "ResetRequest",
    "Silence",
    "Status",
    "Swap",
    "Trickle",
    "Truncate",
    "Upgrade",
    "VenueServer",
    "Visit",
    "made_trades",
    "recorded_trades",
]
