"""A venue on loopback: its websocket, and beside it its REST side, on free ports."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import trustme

from tests.servers import faults as kinds
from tests.servers.binance import Streams
from tests.servers.bitstamp import LiveTrades
from tests.servers.coinbase import Advanced, Exchange
from tests.servers.connection import Connection
from tests.servers.habits import Asks, Habits, Plan, Visit
from tests.servers.kraken import V1, V2
from tests.servers.market import Market
from tests.servers.plain import Frames
from tests.servers.rest import Asked, RestSide
from tests.servers.speech import Speech

SPEECHES: dict[str, type[Speech]] = {
    "binance": Streams,
    "binance-agg": Streams,
    "binance-usdm": Streams,
    "bitstamp": LiveTrades,
    "coinbase": Exchange,
    "coinbase-advanced": Advanced,
    "frames": Frames,
    "kraken": V2,
    "kraken-v1": V1,
}

_HOST = "127.0.0.1"
_START_S = 60.0


class VenueServer:
    """Serves a market as one venue does; use it in a `with` statement.

    Args:
        kind: One of SPEECHES: a feed's name, or "frames".
        items: The market's timeline: trades, or for "frames" what to send.
        faults: See `tests.servers.faults`; those of both sides together.
        happened: How many of `items` happened before the start: what snapshots and
            the REST side then already know.
        rate_per_s: How many happen per second; None for as fast as a client reads.
        held: Whether the market stands still until `release` is called.
        starts_with: How many symbols have to be subscribed to, over all connections,
            before the market moves for the first time.
        batch: Most trades in a message, where the venue puts several into one.
        tls: True for TLS under the right name, or another name for a wrong one.
        heartbeat_s: Between heartbeats; None for none.
        ping_s: Between the server's pings; None for none.
        pong_within_s: How soon they have to be answered.
        life_s: After which the server closes a connection; None for never.
        subscribe_within_s: Instead of the venue's own deadline.
        remembers: Whether visits keep what they sent; False for very long runs.

    Attributes:
        visits: Every connection to the websocket so far, the refused ones too.
        ca: Under TLS the authority that signed the certificate (`trustme.CA`).
    """

    def __init__(
        self,
        kind: str,
        items: Sequence,
        *,
        faults: Sequence = (),
        happened: int = 0,
        rate_per_s: float | None = None,
        held: bool = False,
        starts_with: int = 0,
        batch: int = 1,
        tls: bool | str = False,
        heartbeat_s: float | None = 1.0,
        ping_s: float | None = None,
        pong_within_s: float = 5.0,
        life_s: float | None = None,
        subscribe_within_s: float | None = None,
        remembers: bool = True,
    ) -> None:
        self.visits: list[Visit] = []
        self.ca: trustme.CA | None = None
        self._is_tls = bool(tls)
        self._tls = self._certify(tls) if tls else None
        self._habits = Habits(
            speech=SPEECHES[kind],
            batch=batch,
            heartbeat_s=heartbeat_s,
            ping_s=ping_s,
            pong_within_s=pong_within_s,
            life_s=life_s,
            subscribe_within_s=subscribe_within_s,
            remembers=remembers,
        )
        self._make_market = partial(
            Market, items, happened=happened, rate_per_s=rate_per_s
        )
        self._held = held or starts_with > 0
        self._starts_with = starts_with
        self._gates = [f for f in faults if isinstance(f, kinds.Upgrade)]
        on_rest = [f for f in faults if hasattr(f, "path")]
        self._plan = Plan([f for f in faults if f not in self._gates + on_rest])
        self._rest_faults = on_rest
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"venue {kind}", daemon=True
        )
        self._error: BaseException | None = None
        self._tasks: set[asyncio.Task] = set()
        self._connections: set[Connection] = set()
        self._port = self._rest_port = 0

    def __enter__(self) -> "VenueServer":
        self._thread.start()
        assert self._ready.wait(_START_S), "the server did not start"
        if self._error:
            raise self._error
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if self._thread.is_alive():
            self._call(self._stop.set)
        self._thread.join()
        if self._error and error is None:
            raise self._error

    # Where it is.

    @property
    def url(self) -> str:
        """The websocket's address; under TLS by the name localhost."""
        return f"{'wss://localhost' if self._is_tls else f'ws://{_HOST}'}:{self._port}"

    @property
    def port(self) -> int:
        """The websocket's TCP port."""
        return self._port

    @property
    def rest_url(self) -> str:
        """The REST side's address, without a path and never under TLS."""
        return f"http://{_HOST}:{self._rest_port}"

    def trusting(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts this server's authority."""
        assert self.ca is not None
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context

    # What it did.

    @property
    def asked(self) -> list[Asked]:
        """Every request to the REST side so far."""
        return self._rest.asked

    @property
    def rest_connections(self) -> int:
        """How many connections the REST side took."""
        return self._rest.connections

    @property
    def position(self) -> int:
        """How many of the timeline's items have happened."""
        return self._market.position

    def wait_for(self, condition: Callable[[], object], timeout_s: float = 60) -> None:
        """Wait until `condition` holds; blocks, so not from a test's event loop."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline_s, "it did not happen in time"
            time.sleep(0.002)

    def wait_played(self, timeout_s: float = 60) -> None:
        """Wait until every item has happened (which is not: has been received)."""
        self.wait_for(lambda: self._market.played, timeout_s)

    # What it shall do.

    def release(self) -> None:
        """Let a market that was held go on."""
        self._call(lambda: self._market.set_running(True))

    def hold(self) -> None:
        """Hold the market still; connections stay open, with heartbeats."""
        self._call(lambda: self._market.set_running(False))

    def advance(self, count: int) -> None:
        """Let `count` items happen, even in a market that is held; wait for it."""
        done = threading.Event()

        def go_on() -> None:
            self._market.advance(count)
            done.set()

        self._call(go_on)
        assert done.wait(_START_S)

    # In its own thread.

    def _call(self, work: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(work)

    def _certify(self, tls: bool | str) -> ssl.SSLContext:
        self.ca = trustme.CA()
        names = ["localhost", _HOST] if tls is True else [tls]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names).configure_cert(context)
        return context

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as e:
            self._error = e
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        # A client that fails TLS, as some shall, is no fault of the server's.
        self._loop.set_exception_handler(lambda *_: None)
        self._stop = asyncio.Event()
        self._market = self._make_market()
        self._market.running = not self._held
        self._rest = RestSide(self._market, self._rest_faults)
        await self._listen()
        rest = await asyncio.start_server(self._guarded(self._rest.serve), _HOST, 0)
        self._rest_port = rest.sockets[0].getsockname()[1]
        ticking = asyncio.create_task(self._market.tick())
        self._ready.set()
        await self._stop.wait()
        self._listener.close()
        rest.close()
        await _cancelled([ticking, *self._tasks])

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(
            self._guarded(self._visit), _HOST, self._port, ssl=self._tls
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    def _guarded(self, serve: Callable):
        # Tasks of our own, so that stopping ends them, and mistakes come to light.
        async def guard(reader, writer) -> None:
            try:
                await serve(reader, writer)
            except asyncio.CancelledError:
                pass
            except BaseException as e:
                self._error = self._error or e
            finally:
                writer.transport.abort()

        def accept(reader, writer) -> None:
            task = self._loop.create_task(guard(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _visit(self, reader, writer) -> None:
        visit = Visit(len(self.visits))
        self.visits.append(visit)
        gates = (g for g in self._gates if g.first <= visit.number < g.first + g.count)
        connection = Connection(
            visit,
            (reader, writer),
            self._market,
            self._plan,
            self._habits,
            Asks(self._go_down, self._count_subscriptions),
        )
        self._connections.add(connection)
        try:
            await connection.serve(next(gates, None))
        finally:
            self._connections.discard(connection)

    def _count_subscriptions(self) -> None:
        count = sum(len(visit.symbols) for visit in self.visits)
        if self._starts_with and count >= self._starts_with:
            self._starts_with = 0
            self._market.set_running(True)

    def _go_down(self, for_s: float) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.reset()
        task = self._loop.create_task(self._come_back(for_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _come_back(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self._listen()


async def _cancelled(tasks: Sequence[asyncio.Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
