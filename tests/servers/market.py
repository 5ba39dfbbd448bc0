"""The market behind a test's server: one timeline of trades that goes on regardless.

A trade that happens while a client is away is missed by it: only what a venue repeats
on subscribing, and its REST side, still tell of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice

from msgspec.structs import replace

from penstock.drivers.files import open_file
from penstock.feeds.simulated import SimulatedMarket
from penstock.model import Trade
from tests.recordings import RECORDINGS

START_US = 1_700_000_040_000_000

_VENUES = {
    "coinbase-advanced": "coinbase",
}
_RECORDED = {
    "binance": "binance-spot-btcusdt-2024-08-08.frames.gz",
    "coinbase": "coinbase-exchange-2021-04-17.frames.gz",
    "coinbase-advanced": "coinbase-advanced-2026-08-09.jsonl.zst",
    "kraken-v1": "kraken-v1-trades-2021-04-05.frames.gz",
}
# At these venues one sequence of ids serves all markets.
_GLOBAL_IDS = {"bitstamp"}
_WITHOUT_IDS = {"kraken-v1"}
_IN_MILLISECONDS = {"binance", "binance-agg", "binance-usdm"}


def made_trades(
    kind: str,
    count: int,
    *,
    symbols: Sequence[str] = ("BTC-USD",),
    seed: int = 1,
    first_id: int = 1_000,
    rate_per_s: float = 200.0,
) -> list[Trade]:
    """Make trades as a feed of `kind` has to give them, so that a test can compare.

    Ids count by one per symbol from `first_id`, except where the venue does otherwise;
    `received_us` is 0, which a comparison has to leave out.
    """
    market = SimulatedMarket(
        seed=seed, start_us=START_US, symbols=symbols, rate_per_s=rate_per_s
    )
    next_id = dict.fromkeys(symbols, first_id)
    made = []
    for number, trade in enumerate(islice(market, count)):
        trade_id = next_id[trade.symbol]
        next_id[trade.symbol] += 1
        if kind in _GLOBAL_IDS:
            trade_id = first_id + 3 * number
        if kind in _WITHOUT_IDS:
            trade_id = 0
        event_us = trade.event_us
        if kind in _IN_MILLISECONDS:
            event_us -= event_us % 1000
        made.append(
            replace(
                trade,
                venue=_VENUES.get(kind, kind),
                event_us=event_us,
                received_us=0,
                trade_id=str(trade_id) if trade_id else None,
                seq=trade_id,
            )
        )
    return made


def recorded_trades(kind: str) -> list[Trade]:
    """Return a real recording's trades, in tests that are marked `needs_recordings`."""
    path = RECORDINGS / _RECORDED[kind]
    format_name = kind.removesuffix("-v1")
    with open_file(path, format_name=format_name) as source:
        return [replace(t, received_us=0) for batch in source for t in batch.trades]


def decimal(value: float) -> Decimal:
    """Return the decimal that a float was made from."""
    return Decimal(repr(value))


def text(value: float) -> str:
    """Write a number as venues do, without an exponent."""
    return f"{decimal(value):f}"


class Market:
    """What has happened by now: the trades before `position`.

    Lives on the server's event loop.

    Args:
        items: The timeline: trades, or frames to send as they are.
        happened: How many of them happened before the server started.
        rate_per_s: How many happen per second of real time; None for as fast as the
            quickest client reads.
    """

    def __init__(
        self, items: Sequence, *, happened: int, rate_per_s: float | None
    ) -> None:
        self.items = items
        self.position = happened
        self.symbols = {t.symbol for t in items if isinstance(t, Trade)}
        self.running = True
        self._rate_per_s = rate_per_s
        self._moved = asyncio.Event()

    @property
    def played(self) -> bool:
        return self.position >= len(self.items)

    def advance(self, count: int) -> None:
        """Let `count` trades happen, whoever looks."""
        self._move_to(self.position + count)

    def set_running(self, running: bool) -> None:
        """Hold the market still, or let it go on."""
        self.running = running
        self._wake()

    async def upto(self, cursor: int, count: int) -> int:
        """Wait until what follows `cursor` has happened; return an end, `count` off."""
        while True:
            if cursor < self.position:
                return min(cursor + count, self.position)
            if self.running and self._rate_per_s is None and not self.played:
                self._move_to(cursor + count)
                return min(cursor + count, self.position)
            await self._moved.wait()

    async def tick(self) -> None:
        """Let real time pass, for ever, where the market has a pace of its own."""
        if self._rate_per_s is None:
            return
        clock = asyncio.get_running_loop().time
        last_s, owed = clock(), 0.0
        while True:
            await asyncio.sleep(min(0.02, 1 / self._rate_per_s))
            now_s = clock()
            if self.running:
                owed += (now_s - last_s) * self._rate_per_s
                self._move_to(self.position + int(owed))
                owed -= int(owed)
            last_s = now_s

    def past(self, symbol: str, end: int, count: int) -> list[Trade]:
        """Return the last `count` trades of `symbol` before `end`, oldest first."""
        return self._backwards(end, lambda t: t.symbol == symbol, count)[::-1]

    def of(self, symbol: str) -> list[Trade]:
        """Return all trades of `symbol` that have happened, oldest first."""
        return [t for t in self.items[: self.position] if t.symbol == symbol]

    def _backwards(
        self, end: int, wanted: Callable[[Trade], bool], count: int
    ) -> list[Trade]:
        found = (self.items[i] for i in range(end - 1, -1, -1) if wanted(self.items[i]))
        return list(islice(found, count))

    def _move_to(self, position: int) -> None:
        self.position = max(self.position, min(position, len(self.items)))
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
