"""How one venue talks on one websocket connection: messages in and out, no I/O."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from penstock.model import Trade
from tests.servers.market import Market

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Speech:
    """One connection's side of the talk; a venue overrides what it does otherwise.

    Attributes:
        cursor: The place in the timeline from which this connection gets trades; None
            before it has subscribed to anything.
        symbols: What it is subscribed to.
        begun: What was just subscribed to, for the first time or again.
        batch: Most trades in a message.
        deadline_s: Until when a client has to subscribe; None for any time.
        heartbeat_when_idle: Whether heartbeats come only where nothing else does.
        frames_per_s: How many frames of a client's, pings and pongs included, the
            venue takes before it closes the connection; None for any.
    """

    deadline_s: float | None = None
    heartbeat_when_idle = False
    frames_per_s: int | None = None

    def __init__(self, market: Market, path: str, *, batch: int) -> None:
        self.market = market
        self.path = path
        self.batch = batch
        self.cursor: int | None = None
        self.symbols: set[str] = set()
        self.begun: set[str] = set()

    def greet(self) -> list[str]:
        """Return what is said on connecting."""
        return []

    def hear(self, text: str) -> list[str]:
        """Take in a client's message; return the replies."""
        raise NotImplementedError

    def tell(self, trades: Sequence[Trade]) -> str:
        """Write trades of one symbol as a message."""
        raise NotImplementedError

    def beside(self, trades: Sequence[Trade]) -> list[str]:
        """Return what else is said of the same trades, just before."""
        return []

    def heartbeat(self) -> list[str]:
        """Return what is said at every interval."""
        return []

    def farewell(self) -> list[str]:
        """Return how the venue announces that it will close."""
        return []

    def begin(self, symbol: str) -> int:
        """Subscribe to a symbol; return the place from which its trades come."""
        if self.cursor is None:
            self.cursor = self.market.position
        self.symbols.add(symbol)
        self.begun.add(symbol)
        return self.cursor

    def take(self, end: int) -> Sequence[Trade]:
        """Return the trades of the next message, which happened before `end`.

        Moves the cursor past them, and past what is not subscribed to.
        """
        assert self.cursor is not None
        taken: list[Trade] = []
        while self.cursor < end and len(taken) < self.batch:
            trade = self.market.items[self.cursor]
            if trade.symbol in self.symbols:
                if taken and taken[0].symbol != trade.symbol:
                    break
                taken.append(trade)
            self.cursor += 1
        return taken

    def newest(self, symbol: str) -> Trade | None:
        """Return the newest trade of `symbol` that this connection was due."""
        past = self.market.past(symbol, self.cursor or 0, 1)
        return past[0] if past else None


def write(message: object) -> str:
    """Write a message; decimals become numbers."""
    return _ENCODER.encode(message).decode()


def iso(us: int) -> str:
    """Write a time as Coinbase and Kraken do, with microseconds."""
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(us: int) -> Decimal:
    """Return a time in seconds, exactly."""
    return Decimal(us).scaleb(-6)
