"""Feeding from servers on loopback in a test, and judging what came."""

import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field

from msgspec.structs import replace

from penstock.drivers.live import ENDPOINTS, LiveSource, Timing
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade
from tests.commands import start
from tests.servers import VenueServer, made_trades

_COUNT = 600  # trades of a market where no others are given

# Fast enough for tests, slow enough for a busy machine.
QUICK = Timing(
    connect_s=2.0,
    ping_s=2.0,
    backoff_s=0.02,
    max_backoff_s=0.1,
    look_s=0.3,
    tick_s=0.01,
    grace_s=0.05,
    patience_s=3.0,
    retry_s=0.1,
    request_s=1.0,
    full_s=1.0,
    overlap_s=0.05,
    refused_s=0.5,
    reach_s=5.0,
    drain_s=1.0,
)

SYMBOLS = {
    "binance-agg": ("BTC-USDT", "ETH-USDT"),
    "binance": ("BTC-USDT", "ETH-USDT"),
    "binance-usdm": ("BTC-USDT", "ETH-USDT"),
}
COINS = ("BTC-USD", "ETH-USD")


def symbols_of(kind):
    return SYMBOLS.get(kind, COINS)


@dataclass
class Received:
    """What a source gave.

    Attributes:
        took_s: From `stop` to the end of the batches.
    """

    trades: list[Trade] = field(default_factory=list)
    bad: list = field(default_factory=list)
    took_s: float = 0.0

    @property
    def told(self):
        """How many trades came or were marked as missing."""
        return len(self.trades) + self.missing

    @property
    def missing(self):
        return sum(trade.gap for trade in self.trades)

    @property
    def backfilled(self):
        return sum(trade.backfilled for trade in self.trades)

    @property
    def ids(self):
        """By ticker, the ids in order."""
        ids = defaultdict(list)
        for trade in self.trades:
            ids[trade.ticker].append(trade.seq)
        return dict(ids)


def endpoint(kind, server, *, lists=False, **changes):
    """The venue's endpoint, at `server`, and with less patience.

    `lists` says whether its list of markets is asked for.
    """
    usual = ENDPOINTS[kind]
    rest = usual.rest
    if rest is not None:
        rest = replace(rest, url=server.rest_url, per_s=1000, burst=1000)
    markets = usual.markets if lists else None
    markets = markets and replace(usual.markets, url=server.rest_url)
    fields = {"silence_s": 1.0, "quiet_s": 30.0, "rest": rest, "markets": markets}
    if not kind.startswith("binance"):  # whose server counts
        fields["messages_per_s"] = 1000.0
    fields |= changes
    return replace(usual, url=server.url, **fields)


def live(kind, server, *, symbols=None, marks=None, timing=QUICK, options=None, **ends):
    """Make a source that feeds from one server."""
    return LiveSource(
        {kind: symbols or symbols_of(kind)},
        marks=marks or {},
        endpoints={kind: endpoint(kind, server, **ends)},
        timing=timing,
        **(options or {}),
    )


def receive(source, until, *, timeout_s=60.0):
    """Take batches until `until(received)` holds; stop, and take the rest."""
    received = Received()
    deadline_s = time.monotonic() + timeout_s
    stopped_s = None
    with closing(source.batches()) as batches:
        for batch in batches:
            received.trades += batch.trades
            received.bad += batch.bad
            if stopped_s is None and until(received):
                stopped_s = time.monotonic()
                source.stop()
            if time.monotonic() > deadline_s:
                state = source.status()
                raise AssertionError(f"it did not come: {received.told}, {state}")
    received.took_s = time.monotonic() - (stopped_s or time.monotonic())
    return received


def check(received, happened):
    """Check that all that happened came, once, in order, or is marked exactly."""
    expected = {(trade.ticker, trade.seq): trade for trade in happened}
    last = {trade.ticker: trade.seq - 1 for trade in reversed(happened)}
    for trade in received.trades:
        assert trade.seq - last[trade.ticker] - 1 == trade.gap, trade
        last[trade.ticker] = trade.seq
        plain = replace(trade, received_us=0, gap=0, backfilled=False)
        assert plain == expected[trade.ticker, trade.seq]
    assert received.told == len(happened)
    _agree_with_sequencer(received)


def _agree_with_sequencer(received):
    # What a stream is told of it, whether or not it looks for gaps by itself.
    for contiguous in (False, True):
        sequencer = Sequencer({}, contiguous=contiguous)
        assert sequencer.admit(received.trades) == received.trades
        assert (sequencer.duplicates, sequencer.missing) == (0, received.missing)


def config_for(folder, *, symbols=("BTC-USD",), **addresses):
    """Write a penstock.toml of these sources: a server, or an address; return it."""
    endpoints, rests = [], []
    for written, where in addresses.items():
        name = written.replace("_", "-")
        if isinstance(where, str):
            endpoints.append(f'{name} = "{where}"')
        elif name.startswith("coinbase-"):
            endpoints.append(f'{name} = "{where.rest_url}"')
        else:
            endpoints.append(f'{name} = "{where.url}"')
            rests.append(f'{name} = "{where.rest_url}"')
    kinds = [name.replace("_", "-") for name in addresses]
    lines = ["[source]", f"kind = {kinds}", f"symbols = {list(symbols)}"]
    lines += ['interval = "1s"', "[source.endpoints]", *endpoints]
    path = folder / "penstock.toml"
    path.write_text("\n".join([*lines, "[source.rest]", *rests]))
    return path


def start_live(command, *arguments, config, **options):
    return start(command, *arguments, "--config", config, **options)


def play(kind, *faults, trades=None, server=None, timing=QUICK, **ends):
    """Feed a market to its end, through `faults`; return what came, the status, and
    the server."""
    trades = trades or made_trades(kind, _COUNT, symbols=symbols_of(kind))
    options = {"heartbeat_s": 0.05, "batch": 3, **(server or {})}
    with VenueServer(kind, trades, faults=faults, **options) as venue:
        source = live(kind, venue, timing=timing, **ends)
        received = receive(source, lambda r: r.told >= len(trades))
    check(received, trades)
    return received, source.status(), venue


def run_from_the_start(source, venue, trades):
    """Let a market go on once it is subscribed to, and take all of it."""
    symbols = {trade.symbol for trade in trades}

    def is_done(received):
        if venue.visits and venue.visits[0].symbols == symbols:
            venue.release()
        return received.told >= len(trades)

    return receive(source, is_done)
