"""Where the venues are, and how they want to be talked to: data, no I/O.

Every figure is the venue's own where it gives one; the comment beside it says which.
What a test or a sandbox has elsewhere goes into a copy: `replace(endpoint, url=...)`.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

__all__ = [
    "ENDPOINTS",
    "Endpoint",
    "ListKind",
    "MarketList",
    "Rest",
    "RestKind",
    "Timing",
]

RestKind = Literal["binance", "binance-agg", "binance-usdm", "coinbase", "kraken"]
ListKind = Literal["binance", "binance-usdm", "bitstamp"]


class Rest(Struct, frozen=True, kw_only=True):
    """Where a venue's past trades are to be had.

    Attributes:
        kind: Whose requests and answers these are.
        url: The address, without a path.
        per_s: Requests per second, over all symbols, and processes at this address.
        burst: How many may go at once after a pause.
    """

    kind: RestKind
    url: str
    per_s: float
    burst: int


class MarketList(Struct, frozen=True, kw_only=True):
    """Where a venue lists its markets, if it takes subscriptions to any others.

    Attributes:
        kind: Whose requests and answers these are.
        url: The address, without a path.
    """

    kind: ListKind
    url: str


class Endpoint(Struct, frozen=True, kw_only=True):
    """One feed's websocket.

    Attributes:
        url: Its address.
        silence_s: Without any message for so long a connection is dead, even if TCP
            is up.
        subscribe_s: The venue's deadline for subscribing, from connecting.
        quiet_s: Without a trade for so long a symbol is shown as stale, and is
            subscribed to once more where that does no harm.
        repeats: Whether the venue repeats its newest trades on subscribing, so that
            what was missed before shows at once, and not with the next trade only.
        resubscribes: Whether the venue takes a second subscription to the same symbol
            for a repetition, and not for an error.
        renew_s: Age at which a connection is replaced; None where the venue sets no
            limit.
        max_frame_bytes: A larger message ends the connection.
        ping: What to send every `ping_s`, where the venue has pings of its own.
        ping_s: See `ping`.
        messages_per_s: How many messages of ours the venue takes, less what our pings
            and pongs need where it counts these.
        symbols: Most symbols on one connection.
        has_spent_ids: Whether ids count by one, but some are spent on what is no
            trade; the feed notes which.
        rest: Where past trades are to be had; None for nowhere.  Where they are, ids
            count by one.
        markets: Where to look for unknown symbols; None where the venue refuses them.
    """

    url: str
    silence_s: float
    subscribe_s: float = 5.0
    quiet_s: float = 60.0
    repeats: bool = True
    resubscribes: bool = False
    renew_s: float | None = None
    max_frame_bytes: int = 4 * 1024 * 1024
    ping: str | None = None
    ping_s: float = 20.0
    messages_per_s: float = 5.0
    symbols: int = 100
    has_spent_ids: bool = False
    rest: Rest | None = None
    markets: MarketList | None = None


class Timing(Struct, frozen=True, kw_only=True):
    """What holds for all venues: how long to wait, and how much to keep.

    Attributes:
        connect_s: For connecting, TLS and the handshake together.
        ping_s: Between websocket pings of ours; unanswered for as long, the connection
            is dead.
        backoff_s: Longest wait before the second attempt; doubled for each further
            one up to `max_backoff_s`.  The wait is half to all of it, by chance.
        max_backoff_s: See there; also the age at which a connection without trades
            counts as one that worked.
        look_s: How long after connecting again, where nothing is repeated, a symbol may
            have no trade until the venue is asked for what is newer.
        tick_s: Between two looks at what is due.
        grace_s: How long a missing trade may be on its way before it is asked for, and
            how long the first trades of a ticker wait for one another.
        reorder_s: How long trades wait for one another where ids do not count.
        patience_s: How long newer trades of a ticker wait for a missing one.
        retry_s: Between two requests for the same missing trades.
        request_s: For one request.
        max_held: Most trades of a ticker that wait; with more, half of them go on.
        max_queued: Trades received and not yet taken, at which reading stops.
        full_s: How long reading may stand still before a connection is given up.
        overlap_s: How long the old and the new connection run side by side.
        refused_s: Until symbols that were all refused are tried again.
        reach_s: Until when a venue must have been reached once, from the start.
        attempts: How many attempts are made even then.
        drain_s: For stopping: what is missing may still come for half of it.
    """

    connect_s: float = 10.0
    ping_s: float = 10.0
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
    look_s: float = 5.0
    tick_s: float = 0.1
    grace_s: float = 0.25
    reorder_s: float = 0.1
    patience_s: float = 15.0
    retry_s: float = 1.0
    request_s: float = 5.0
    max_held: int = 20_000
    max_queued: int = 100_000
    full_s: float = 10.0
    overlap_s: float = 1.0
    refused_s: float = 300.0
    reach_s: float = 15.0
    attempts: int = 3
    drain_s: float = 4.0


# After a lost connection every symbol may ask at once, and trades wait for the answers:
# so the bursts are nearly what the venues allow.

# docs.cdp.coinbase.com/exchange/rest-api/rate-limits: public endpoints take 10 requests
# a second per address, bursts to 15; less, for there may be other programs.
# Trades of both websockets carry the same ids, so this serves both: Advanced Trade's
# own endpoint cannot be asked for trades before an id.
_COINBASE_REST = Rest(
    kind="coinbase", url="https://api.exchange.coinbase.com", per_s=8, burst=12
)

# binance-spot-api-docs, commit a5e0bc3d, rest-api.md: historicalTrades weighs 25 of
# 6,000 a minute, which is 4 a second, and takes no key (changelog of 11 July 2023).
# data-api.binance.vision does not have it.
_BINANCE_REST = Rest(kind="binance", url="https://api.binance.com", per_s=2, burst=60)

# /fapi/v1/historicalTrades wants a key; /fapi/v1/trades does not and gives the last
# thousand, weighing at most 5 of 2,400 a minute.
_USDM_REST = Rest(
    kind="binance-usdm", url="https://fapi.binance.com", per_s=4, burst=60
)

# docs.kraken.com names no figure for public endpoints; ccxt goes by one request a
# second, NautilusTrader by five.
_KRAKEN_REST = Rest(kind="kraken", url="https://api.kraken.com", per_s=1, burst=5)

# aggTrades weighs 4; the pace is that of the other, with which it shares the address.
_BINANCE_AGG_REST = replace(_BINANCE_REST, kind="binance-agg")

_DAY_S = 86_400.0
# Of five a second that Binance takes, pings and pongs have two: half a second lies
# between two of these, so that no second has more than three.
_BINANCE_MESSAGES_PER_S = 2.0

_BINANCE_MARKETS = MarketList(kind="binance", url="https://api.binance.com")

ENDPOINTS: Mapping[str, Endpoint] = {
    # docs.cdp.coinbase.com/exchange/websocket-feed: subscribe within 5 s; a heartbeat
    # a second per product, so that five without one are too many.
    "coinbase": Endpoint(
        url="wss://ws-feed.exchange.coinbase.com",
        silence_s=5.0,
        resubscribes=True,
        messages_per_s=50.0,  # of 100
        rest=_COINBASE_REST,
    ),
    # docs.cdp.coinbase.com/coinbase-business/advanced-trade-apis/websocket: the same;
    # eight messages a second, from all connections of an address; the official client
    # allows frames of 10 MiB, of which trades need little.
    "coinbase-advanced": Endpoint(
        url="wss://advanced-trade-ws.coinbase.com",
        silence_s=5.0,
        resubscribes=True,
        messages_per_s=4.0,
        rest=_COINBASE_REST,
    ),
    # docs.kraken.com/exchange/guides/websockets/reconnection: silent for 5 s is dead.
    # A second subscription may be answered by an error, which is a refusal to the feed.
    "kraken": Endpoint(
        url="wss://ws.kraken.com/v2",
        silence_s=5.0,
        ping='{"method":"ping"}',
        rest=_KRAKEN_REST,
    ),
    "kraken-v1": Endpoint(
        url="wss://ws.kraken.com", silence_s=5.0, ping='{"event":"ping"}'
    ),
    # binance-spot-api-docs, web-socket-streams.md: 24 hours, 1,024 streams, 5 messages
    # a second from us.  Nothing but trades comes, so silence is no proof: our pings
    # are what finds a dead connection.
    "binance": Endpoint(
        url="wss://stream.binance.com:9443/ws",
        silence_s=300.0,
        repeats=False,
        resubscribes=True,
        renew_s=_DAY_S - 3600,
        messages_per_s=_BINANCE_MESSAGES_PER_S,
        symbols=200,
        rest=_BINANCE_REST,
        markets=_BINANCE_MARKETS,
    ),
    "binance-agg": Endpoint(
        url="wss://stream.binance.com:9443/ws",
        silence_s=300.0,
        repeats=False,
        resubscribes=True,
        renew_s=_DAY_S - 3600,
        messages_per_s=_BINANCE_MESSAGES_PER_S,
        symbols=200,
        rest=_BINANCE_AGG_REST,
        markets=_BINANCE_MARKETS,
    ),
    # developers.binance.com, "Important WebSocket Change Notice": since 23 April 2026
    # trades come under /market alone; the old address still acknowledges subscriptions
    # and sends nothing.
    "binance-usdm": Endpoint(
        url="wss://fstream.binance.com/market/ws",
        silence_s=300.0,
        repeats=False,
        resubscribes=True,
        renew_s=_DAY_S - 3600,
        messages_per_s=_BINANCE_MESSAGES_PER_S,
        symbols=200,
        has_spent_ids=True,
        rest=_USDM_REST,
        markets=MarketList(kind="binance-usdm", url="https://fapi.binance.com"),
    ),
    # www.bitstamp.net/websocket/v2: it answers a heartbeat that is asked for, and asks
    # to reconnect before it closes.  Its past trades are stamped in whole seconds and
    # its ids do not tell what is missing, so nothing is fetched.  A subscription names
    # one channel; no limit of messages is documented.
    "bitstamp": Endpoint(
        url="wss://ws.bitstamp.net",
        silence_s=30.0,
        ping='{"event":"bts:heartbeat"}',
        ping_s=10.0,
        messages_per_s=50.0,
        markets=MarketList(kind="bitstamp", url="https://www.bitstamp.net"),
    ),
}
