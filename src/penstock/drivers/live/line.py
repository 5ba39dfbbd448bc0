"""One open websocket: frames in through its feed, trades out, until it ends."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from websockets.asyncio.client import ClientConnection

from penstock.drivers.files.batch import BadItem
from penstock.drivers.limits import Bucket
from penstock.drivers.live.behind import Behind
from penstock.drivers.live.endpoints import Endpoint, Timing
from penstock.drivers.live.faults import FAILURES, DeadError
from penstock.drivers.live.flow import Flow
from penstock.drivers.live.status import ConnectionCounts
from penstock.feeds import BadFrameError, Feed, make_feed
from penstock.feeds.coinbase import CoinbaseFeed
from penstock.model import Trade

__all__ = ["Clocks", "Line", "StampedSocket", "Tap", "stamped"]

_END_S = 1.0  # how long reading may take after the end
_KEPT_BYTES = 65_536  # of a message that cannot be read


class Tap(Protocol):
    """Is told of all that goes over the connections, in the source's thread.

    It must neither hold that up nor raise.  A connection goes by its name; times are
    microseconds since the epoch.
    """

    def connected(self, connection: str, us: int, symbols: Sequence[str]) -> None:
        """Take note of a new connection, and of what will be asked for on it."""

    def received(self, connection: str, us: int, frame: bytes) -> None:
        """Take note of a frame that came."""

    def sent(self, connection: str, us: int, message: str) -> None:
        """Take note of a message that is sent."""


class Clocks(NamedTuple):
    """The time, twice.

    Attributes:
        wall_us: Tells the microseconds since the epoch, as the machine has them.
        steady_s: Tells the seconds on a clock that never goes back.
    """

    wall_us: Callable[[], int]
    steady_s: Callable[[], float]


class StampedSocket(ClientConnection):
    """A websocket that notes when bytes arrived, not when somebody looks at them.

    What arrives together is read together, before anything else arrives, so that the
    note is right for every message that is complete by then.

    Attributes:
        received_us: On the wall.
        received_s: On the clock that never goes back.
    """

    received_us = 0
    received_s = 0.0


def stamped(clocks: Clocks) -> type[StampedSocket]:
    """Make a class of sockets that go by `clocks`."""

    class Socket(StampedSocket):
        def data_received(self, data: bytes) -> None:
            self.received_us = clocks.wall_us()
            self.received_s = clocks.steady_s()
            super().data_received(data)

    return Socket


class Line:
    """Reads one websocket.

    Args:
        name: The connection's name.
        feed_name: Its feed's.
        symbols: What to subscribe to.
        socket: Open.
        endpoint: What the venue wants.
        flow: Where trades go.
        counts: Where messages are counted.
        clocks: The time.
        timing: How long to wait.
        tap: Told of what comes and goes.
        kept: Whether trades wait until `let_go`.

    Attributes:
        feed: The venue's protocol.
        heard_s: When the last message came.
        opened_s: When this was made.
        reading: What reads it, once it was started.
        has_flowed: Whether it brought a trade that was new.
        is_paused: Whether reading stands still because nobody takes the trades.
    """

    def __init__(
        self,
        name: str,
        feed_name: str,
        symbols: list[str],
        socket: StampedSocket,
        *,
        endpoint: Endpoint,
        flow: Flow,
        counts: ConnectionCounts,
        clocks: Clocks,
        timing: Timing,
        tap: Tap | None,
        kept: bool,
    ) -> None:
        # A new feed for each connection: it passes on all that the venue repeats, and
        # the keeper knows what of it is missing elsewhere.
        self.feed = make_feed(feed_name, symbols)
        self._name, self._feed_name, self._symbols = name, feed_name, symbols
        self._socket = socket
        self._endpoint, self._flow, self._counts = endpoint, flow, counts
        self._clocks, self._timing, self._tap = clocks, timing, tap
        self.opened_s = self.heard_s = clocks.steady_s()
        self.has_flowed = self.is_paused = False
        self.reading: asyncio.Task[None]
        self._kept: list[Trade] | None = [] if kept else None
        self._newest: dict[str, int] = {}
        self._behind = Behind(self.feed.venue, flow.keeper, endpoint.silence_s)
        self._bucket = Bucket(endpoint.messages_per_s, 1)
        self._looked = endpoint.repeats
        self._asked_s: dict[str, float] = {}
        self._asked_times: Counter[str] = Counter()
        self._pinged_s = self.opened_s
        self._missed = self._repeated = 0
        self._errors: Counter[str] = Counter()

    async def read(self) -> None:
        """Read until the websocket ends.

        Raises:
            ConnectionClosed: It ended.
            DeadError: Nobody takes the trades.
        """
        socket, counts, flow = self._socket, self._counts, self._flow
        while True:
            frame = await socket.recv(decode=False)
            counts.messages += 1
            self.heard_s = counts.heard_s = socket.received_s
            self._receive(frame, socket.received_us)
            for message in self.feed.to_send():
                await self.send(message)
            if flow.is_full:
                await self._pause()

    async def send(self, message: str) -> None:
        """Send a message, no sooner than the venue takes it."""
        wait_s = self._bucket.wait_s(self._clocks.steady_s())
        if wait_s:
            await asyncio.sleep(wait_s)
        if self._tap:
            self._tap.sent(self._name, self._clocks.wall_us(), message)
        await self._socket.send(message)

    async def ask_again(self, symbols: Sequence[str]) -> None:
        """Subscribe to symbols once more, although they may have been refused."""
        for message in self.feed.again(symbols):
            await self.send(message)

    def start(self) -> None:
        """Begin to read."""
        self.reading = asyncio.create_task(self.read())

    async def end(self) -> None:
        """Close it, politely; what is under way until then is still read."""
        with suppress(*FAILURES):
            await self._socket.close()
        await asyncio.wait([self.reading], timeout=_END_S)
        self.reading.cancel()
        (end,) = await asyncio.gather(self.reading, return_exceptions=True)
        self.collect()
        if isinstance(end, Exception) and not isinstance(end, FAILURES):
            raise end

    def abort(self) -> None:
        """End it at once."""
        self._socket.transport.abort()

    def let_go(self) -> None:
        """Deliver the trades that were kept, and from now on all at once."""
        kept, self._kept = self._kept or [], None
        self._deliver(kept)

    @property
    def has_spoken(self) -> bool:
        """Whether any message came."""
        return self.heard_s > self.opened_s

    @property
    def is_closing(self) -> bool:
        """Whether the venue said that it will close this."""
        return self.feed.notes.closing

    def collect(self) -> None:
        """Count what the feed noted lately; have trades looked for if any were lost."""
        notes, counts = self.feed.notes, self._counts
        counts.repeated += notes.repeated - self._repeated
        for words, times in (notes.errors - self._errors).items():
            counts.failed("venue's complaint", words, times)
        counts.refused.update(notes.refused)
        counts.missed += notes.missed - self._missed
        if notes.missed > self._missed:
            self._check_all()
        self._missed, self._repeated = notes.missed, notes.repeated
        self._errors = Counter(notes.errors)

    async def tend(self, symbols: list[str]) -> None:
        """Look after pings, symbols that fell behind, and quiet ones.

        Raises:
            DeadError: A symbol is not fed any more.
        """
        now_s, endpoint = self._clocks.steady_s(), self._endpoint
        if endpoint.ping and now_s - self._pinged_s >= endpoint.ping_s:
            self._pinged_s = now_s
            await self.send(endpoint.ping)
        quiet = [symbol for symbol in symbols if self._look_at(symbol, now_s)]
        if isinstance(self.feed, CoinbaseFeed):
            quiet += self._behind.look(self.feed.behind(), self._newest, now_s)
        if quiet:
            await self._subscribe_again(list(dict.fromkeys(quiet)), now_s)
        if not self._looked and now_s - self.opened_s > self._timing.look_s:
            self._looked = True
            self._look_for_missed(symbols, now_s)

    def _receive(self, frame: bytes, received_us: int) -> None:
        if self._tap:
            self._tap.received(self._name, received_us, frame)
        notes = self.feed.notes
        late = notes.late
        trades = self._parse(self.feed, frame, received_us)
        if notes.late != late:
            # A feed leaves out what comes after a newer trade; here it may be what the
            # newer ones wait for.  A feed that has seen nothing leaves out nothing.
            feed = make_feed(self._feed_name, self._symbols)
            trades = _all_of(feed, frame, received_us) or trades
        if trades or notes.spent:
            self._deliver(trades)

    def _parse(self, feed: Feed, frame: bytes, received_us: int) -> list[Trade]:
        try:
            return feed.receive(frame, received_us)
        except BadFrameError as e:
            self._counts.unreadable += 1
            place = f"{self._name}:{received_us}:{self._counts.messages}"
            item = BadItem(place, bytes(frame[:_KEPT_BYTES]), str(e))
            self._flow.deliver_bad(item)
            return e.trades

    def _deliver(self, trades: list[Trade]) -> None:
        if self._kept is not None:
            self._kept += trades
            if len(self._kept) > self._timing.max_queued:
                raise DeadError(
                    "not taken", "too many trades while connections overlap"
                )
            return
        spent = self.feed.notes.spent
        self._flow.deliver_spent(self.feed.venue, spent)
        spent.clear()
        contiguous = self.feed.contiguous or self._endpoint.has_spent_ids
        if self._flow.deliver(trades, contiguous=contiguous):
            self.has_flowed = True
        for trade in trades:
            self._newest[trade.symbol] = trade.seq

    async def _pause(self) -> None:
        self.is_paused = True
        try:
            async with asyncio.timeout(self._timing.full_s):
                await self._flow.wait_for_room()
        except TimeoutError as e:
            raise DeadError(
                "not taken",
                f"for {self._timing.full_s:g} s nobody took what was received",
            ) from e
        finally:
            self.is_paused = False
            self.heard_s = self._clocks.steady_s()

    def _look_at(self, symbol: str, now_s: float) -> bool:
        """Tell whether to ask for a symbol again: after twice as long each time."""
        seen_s = self._flow.keeper.seen_s(self.feed.venue, symbol) or 0.0
        asked_s = self._asked_s.get(symbol, self.opened_s)
        if seen_s > asked_s:
            self._asked_times[symbol] = 0
        quiet_s = self._endpoint.quiet_s * 2 ** min(self._asked_times[symbol], 6)
        is_due: bool = now_s - max(seen_s, asked_s) > quiet_s
        self._asked_times[symbol] += is_due
        return is_due

    def _look_for_missed(self, symbols: list[str], now_s: float) -> None:
        """Have looked for what came before this line, where no trade has shown it."""
        venue, keeper = self.feed.venue, self._flow.keeper
        for symbol in symbols:
            if symbol not in self._newest:
                keeper.check(venue, symbol, now_s)

    async def _subscribe_again(self, symbols: list[str], now_s: float) -> None:
        for symbol in symbols:
            self._asked_s[symbol] = now_s
            self._flow.keeper.check(self.feed.venue, symbol, now_s)
        if self._endpoint.resubscribes:
            await self.ask_again(symbols)

    def _check_all(self) -> None:
        now_s = self._clocks.steady_s()
        for symbol in self._newest:
            self._flow.keeper.check(self.feed.venue, symbol, now_s)


def _all_of(feed: Feed, frame: bytes, received_us: int) -> list[Trade]:
    try:
        return feed.receive(frame, received_us)
    except BadFrameError as e:
        return e.trades
