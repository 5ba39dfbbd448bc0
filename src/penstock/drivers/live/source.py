"""The live source: any number of venues in one thread, batches of trades out.

    source = LiveSource({"coinbase": ["BTC-USD", "ETH-USD"]}, marks=stream.marks())
    for batch in source.batches():  # until source.stop()
        ...

Any thread may call `stop` and `status`, and a signal handler may call `stop`.
"""

import asyncio
import random
import ssl
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StatusTimeoutError
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from penstock import __version__
from penstock.drivers.live.backfill import Backfill
from penstock.drivers.live.connection import Connection
from penstock.drivers.live.endpoints import ENDPOINTS, Endpoint, Timing
from penstock.drivers.live.flow import Flow
from penstock.drivers.live.gaps import GapKeeper
from penstock.drivers.live.inbox import Inbox, LiveBatch
from penstock.drivers.live.line import Clocks, Tap
from penstock.drivers.live.loop import Loop
from penstock.drivers.live.markets import Markets
from penstock.drivers.live.status import SourceStatus
from penstock.errors import SourceError, UnavailableError
from penstock.feeds import make_feed
from penstock.model import ticker_of

__all__ = ["LiveBatch", "LiveSource"]

_BATCH_TRADES = 5_000  # in a batch, about: what is stored in one go
_WAIT_S = 0.05  # between two batches where nothing comes
_NO_STATUS = SourceStatus(
    connections=(),
    tickers=(),
    queued=0,
    max_queued=0,
    pauses=0,
    requests=0,
    request_errors={},
)


class LiveSource:
    """Trades of live markets, in order per ticker, each once, gaps filled or marked.

    Args:
        symbols: What to feed: names of feeds, to their symbols as BASE-QUOTE.
        marks: Highest seq per ticker that the stream holds: where to go on.
        endpoints: Where the venues are, by feed.
        timing: How long to wait, and how much to keep.
        clocks: The time; None for the machine's.
        tls: Whom to trust; None for whom the machine trusts.
        tap: Told of what comes and goes, for recording.

    Attributes:
        contiguous: What `Sequencer` has to know of it: gaps are marked already.

    Raises:
        SourceError: A feed or a symbol cannot be used as it is written.
    """

    contiguous = False

    def __init__(
        self,
        symbols: Mapping[str, Sequence[str]],
        *,
        marks: Mapping[str, int],
        endpoints: Mapping[str, Endpoint] = ENDPOINTS,
        timing: Timing | None = None,
        clocks: Clocks | None = None,
        tls: ssl.SSLContext | None = None,
        tap: Tap | None = None,
    ) -> None:
        self._wanted = {name: list(dict.fromkeys(s)) for name, s in symbols.items()}
        self._endpoints = _checked(self._wanted, endpoints)
        self._marks, self._timing = marks, timing or Timing()
        self._clocks = clocks or Clocks(_wall_us, time.monotonic)
        self._tls, self._tap = tls, tap
        self._inbox = Inbox(self._timing.max_queued)
        self._connections: list[Connection] = []
        self._flow: Flow | None = None
        self._backfill: Backfill | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        # No event: see `Feeder.stop`.
        self._stopping = self._is_done = False

    def stop(self) -> None:
        """End `batches` soon, after what was received; safe in a signal handler."""
        self._stopping = True

    def batches(self) -> Generator[LiveBatch, None, None]:
        """Connect, and yield what comes; at least every 50 ms, if only empty batches.

        Ends after `stop`, when all that was received was yielded.  Once any venue was
        reached, it goes on for ever, whatever fails.

        Raises:
            UnavailableError: No venue could be reached; says which, and why.
            SourceError: Every symbol was refused; says why.
        """
        thread = threading.Thread(target=self._run, name="live")
        thread.start()
        try:
            while not self._is_done:
                yield self._inbox.take(_BATCH_TRADES, _WAIT_S)
            while self._inbox.fill:
                yield self._inbox.take(_BATCH_TRADES, 0.0)
        finally:
            self._stopping = True
            thread.join()
        if self._error is not None:
            raise self._error

    def status(self) -> SourceStatus:
        """Return what all connections and tickers are doing."""
        loop = self._loop
        if loop is None or self._is_done:
            return self._status()
        answer: Future[SourceStatus] = Future()
        with suppress(RuntimeError):  # it has ended just now
            loop.call_soon_threadsafe(lambda: answer.set_result(self._status()))
        while not self._is_done:
            with suppress(StatusTimeoutError):
                return answer.result(_WAIT_S)
        return self._status()

    def _status(self) -> SourceStatus:
        if self._flow is None or self._backfill is None:
            return _NO_STATUS
        quiet_s = {
            make_feed(name).venue: endpoint.quiet_s
            for name, endpoint in self._endpoints.items()
        }
        statuses = self._flow.keeper.statuses(self._clocks.steady_s(), quiet_s)
        connections = tuple(c.status() for c in self._connections)
        refused = {
            ticker_of(make_feed(c.feed).venue, symbol)
            for c in connections
            for symbol in c.refused
        }
        return SourceStatus(
            connections=connections,
            tickers=tuple(s for s in statuses if s.trades or s.ticker not in refused),
            queued=self._inbox.fill,
            max_queued=self._timing.max_queued,
            pauses=self._flow.pauses,
            requests=self._backfill.requests,
            request_errors=dict(self._backfill.errors),
        )

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(self._main())
        except Exception as e:
            # Whatever it is, who takes the batches has to learn of it.
            self._error = e
        finally:
            self._is_done = True
            self._inbox.wake()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        tls = self._tls or ssl.create_default_context()
        timing = self._timing
        async with _client(tls, timing.request_s) as client:
            flow = self._connect_parts(client, tls)
            tasks = [asyncio.create_task(c.run()) for c in self._connections]
            try:
                await self._serve(flow, tasks)
            finally:
                for task in tasks:
                    task.cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
                await flow.finish(timing.drain_s / 2)
            for end in ends:
                if isinstance(end, Exception):
                    raise end

    def _connect_parts(self, client: httpx.AsyncClient, tls: ssl.SSLContext) -> Flow:
        clocks, timing = self._clocks, self._timing
        rests = {
            make_feed(name).venue: endpoint.rest
            for name, endpoint in self._endpoints.items()
            if endpoint.rest is not None
        }
        self._backfill = Backfill(
            rests,
            client,
            clock_us=clocks.wall_us,
            clock_s=clocks.steady_s,
            sleep=asyncio.sleep,
        )
        keeper = GapKeeper(self._marks, rests.keys(), timing)
        flow = Flow(keeper, self._backfill, self._inbox, timing, clocks.steady_s)
        self._flow = flow
        markets = {
            name: Markets(endpoint.markets, client)
            for name, endpoint in self._endpoints.items()
            if endpoint.markets is not None
        }
        chance = random.Random()  # noqa: S311 (waiting times are no secret)
        self._connections = [
            Connection(
                name,
                feed_name,
                symbols,
                self._endpoints[feed_name],
                flow=flow,
                markets=markets.get(feed_name),
                timing=timing,
                clocks=clocks,
                tls=tls,
                chance=chance,
                tap=self._tap,
            )
            for name, feed_name, symbols in self._shares()
        ]
        return flow

    def _shares(self) -> Iterator[tuple[str, str, list[str]]]:
        """Divide each feed's symbols among as many connections as they need."""
        for feed_name, symbols in self._wanted.items():
            most = self._endpoints[feed_name].symbols
            for start in range(0, len(symbols), most):
                name = f"{feed_name}#{start // most + 1}" if start else feed_name
                yield name, feed_name, symbols[start : start + most]

    async def _serve(self, flow: Flow, tasks: list[asyncio.Task[None]]) -> None:
        began_s, reached = self._clocks.steady_s(), False
        while not self._stopping:
            done, _ = await asyncio.wait(
                tasks,
                timeout=self._timing.tick_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if done:  # connections go on for ever: this is a mistake of ours
                return
            flow.tick()
            reached = reached or any(c.counts.connects for c in self._connections)
            if not reached:
                self._give_up_unreached(self._clocks.steady_s() - began_s)
            elif all(c.counts.state == "refused" for c in self._connections):
                self._give_up_refused(flow)

    def _give_up_unreached(self, elapsed_s: float) -> None:
        """Raise if there is no hope."""
        failed = [sum(c.counts.errors.values()) for c in self._connections]
        least = 1 if elapsed_s > self._timing.reach_s else self._timing.attempts
        if min(failed) < least:
            return
        causes = "; ".join(
            f"{c.name} at {c.host}: {', '.join(c.counts.errors)} "
            f"({c.counts.last_error})"
            for c in self._connections
        )
        raise UnavailableError(
            f"no venue could be reached: {causes}. Is this machine online, and may it "
            "go there? `--source simulated` needs no network."
        )

    def _give_up_refused(self, flow: Flow) -> None:
        """Raise if nothing ever came."""
        if flow.has_given:
            return
        causes = "; ".join(
            f"{c.name} refused {symbol}: {reason}"
            for c in self._connections
            for symbol, reason in c.counts.refused.items()
        )
        raise SourceError(f"no symbol is fed: {causes}")


def _client(tls: ssl.SSLContext, request_s: float) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            verify=tls,
            timeout=request_s,
            headers={"User-Agent": f"penstock/{__version__}"},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as e:
        raise SourceError(
            f"the proxy that this machine's environment names cannot be used: {e}"
        ) from e


def _checked(
    wanted: Mapping[str, Sequence[str]], endpoints: Mapping[str, Endpoint]
) -> dict[str, Endpoint]:
    found = {}
    for name, symbols in wanted.items():
        make_feed(name, symbols)
        if name not in endpoints:
            raise SourceError(
                f"feed {name!r} has no address here. Known: {', '.join(endpoints)}."
            )
        if not symbols:
            raise SourceError(f"feed {name!r} needs a symbol, such as BTC-USD")
        _check_addresses(name, endpoints[name])
        found[name] = endpoints[name]
    if not found:
        raise SourceError("a live source needs a feed, such as coinbase")
    return found


def _check_addresses(name: str, endpoint: Endpoint) -> None:
    if urlsplit(endpoint.url).scheme not in ("ws", "wss"):
        raise SourceError(
            f"the address of feed {name!r} must begin with wss:// or ws://; "
            f"found {endpoint.url!r}"
        )
    for place in (endpoint, endpoint.rest, endpoint.markets):
        if place is not None and not _is_address(place.url):
            raise SourceError(
                f"the address of feed {name!r} is none: found {place.url!r}"
            )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # A port that is no number, and a name that no resolver takes, raise here.
        _, host = parts.port, (parts.hostname or "").encode("idna")
        return bool(host and httpx.URL(url).host)
    except (ValueError, httpx.InvalidURL):
        return False


def _wall_us() -> int:
    return time.time_ns() // 1000
