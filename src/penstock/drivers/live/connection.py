"""One venue's websocket, kept up for ever: opened, watched, replaced, opened again."""

import asyncio
import random
import ssl
from typing import cast
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from penstock.drivers.limits import retry_after_s
from penstock.drivers.live.endpoints import Endpoint, Timing
from penstock.drivers.live.faults import FAILURES, DeadError, kind_of, words_of
from penstock.drivers.live.flow import Flow
from penstock.drivers.live.line import Clocks, Line, StampedSocket, Tap, stamped
from penstock.drivers.live.markets import Markets
from penstock.drivers.live.status import ConnectionCounts, ConnectionStatus
from penstock.errors import BadRecordError, UnavailableError
from penstock.feeds import make_feed

__all__ = ["Connection"]

_CLOSE_S = 1.0  # how long a venue may take to answer a close
_REFUSED = "all symbols refused"


class Connection:
    """Feeds some symbols of one venue.

    Args:
        name: What it is called.
        feed_name: One of FEEDS.
        symbols: BASE-QUOTE.
        endpoint: Where the venue is.
        flow: Where trades go.
        markets: Knows which symbols there are; None where the venue tells.
        timing: How long to wait.
        clocks: The time.
        tls: For addresses that begin with wss.
        chance: For waiting times.
        tap: Told of what comes and goes.

    Attributes:
        host: Whom it talks to.
        counts: What happened so far.
    """

    def __init__(
        self,
        name: str,
        feed_name: str,
        symbols: list[str],
        endpoint: Endpoint,
        *,
        flow: Flow,
        markets: Markets | None,
        timing: Timing,
        clocks: Clocks,
        tls: ssl.SSLContext,
        chance: random.Random,
        tap: Tap | None,
    ) -> None:
        self.host = urlsplit(endpoint.url).netloc
        self.name, self._feed_name, self._symbols = name, feed_name, symbols
        self._venue = make_feed(feed_name).venue
        self._endpoint, self._flow, self._timing = endpoint, flow, timing
        self._markets = markets
        self._checking: asyncio.Task[None] | None = None
        self._clocks, self._tls, self._chance, self._tap = clocks, tls, chance, tap
        self._socket_class = stamped(clocks)
        self._lines: list[Line] = []
        self._failures = 0
        self._renew_s = self._retry_s = self._pardon_s = float("inf")
        self.counts = ConnectionCounts()

    async def run(self) -> None:
        """Feed until cancelled; what is under way then is still read.

        Raises:
            SourceError: The feed does not exist.
        """
        self._check_symbols()
        try:
            while True:
                await self._try_once()
        finally:
            if self._checking:
                self._checking.cancel()
            self.counts.state, self.counts.lost_s = "closed", None

    def status(self) -> ConnectionStatus:
        """Return a snapshot."""
        counts, now_s = self.counts, self._clocks.steady_s()
        line = self._lines[0] if self._lines else None
        if line:
            line.collect()
        down_s = 0.0 if counts.lost_s is None else now_s - counts.lost_s
        return ConnectionStatus(
            name=self.name,
            feed=self._feed_name,
            venue=self._venue,
            host=self.host,
            symbols=tuple(self._symbols),
            state=counts.state,
            frame_age_s=None if counts.heard_s is None else now_s - counts.heard_s,
            connects=counts.connects,
            down_s=counts.down_s + down_s,
            messages=counts.messages,
            missed=counts.missed,
            repeated=counts.repeated,
            unreadable=counts.unreadable,
            errors=dict(counts.errors),
            refused=dict(counts.refused),
            last_error=counts.last_error,
            unchecked=counts.unchecked,
        )

    async def _try_once(self) -> None:
        if self._flow.is_full:
            await self._flow.wait_for_room()
        try:
            await self._session()
        except FAILURES as e:
            self.counts.failed(kind_of(e), words_of(e))
            self._failures += 1
            await self._rest(e)

    async def _session(self) -> None:
        """Connect, and feed until the connection, or the one that replaced it, ends."""
        self._lines = [await self._open(kept=False)]
        self._begin(self._lines[0])
        try:
            while True:
                line = self._lines[0]
                await asyncio.wait([line.reading], timeout=self._timing.tick_s)
                if line.reading.done():
                    line.reading.result()
                if await self._watch(line):
                    await self._replace(line)
        finally:
            # Two if this is cancelled while one replaces the other.
            for line in self._lines:
                await line.end()
                line.let_go()
            self._judge(self._lines[0])
            self._lines = []

    def _judge(self, line: Line) -> None:
        """Note that a line has ended, and whether it was of any use."""
        now_s = self._clocks.steady_s()
        if line.has_flowed or now_s - line.opened_s > self._timing.max_backoff_s:
            self._failures = 0
        self.counts.lost(now_s)

    async def _open(self, *, kept: bool) -> Line:
        """Connect and subscribe."""
        endpoint, timing = self._endpoint, self._timing
        line = Line(
            self.name,
            self._feed_name,
            self._fed(),
            await self._connect(),
            endpoint=endpoint,
            flow=self._flow,
            counts=self.counts,
            clocks=self._clocks,
            timing=timing,
            tap=self._tap,
            kept=kept,
        )
        if self._tap:
            self._tap.connected(self.name, self._clocks.wall_us(), self._fed())
        try:
            async with asyncio.timeout(endpoint.subscribe_s):
                for message in line.feed.to_send():
                    await line.send(message)
        except (*FAILURES, asyncio.CancelledError):
            line.abort()
            raise
        line.start()
        return line

    async def _connect(self) -> StampedSocket:
        endpoint, timing = self._endpoint, self._timing
        try:
            socket = await connect(
                endpoint.url,
                ssl=self._tls if urlsplit(endpoint.url).scheme == "wss" else None,
                compression=None,  # small messages: time is worth more than bytes
                open_timeout=timing.connect_s,
                ping_interval=timing.ping_s,
                ping_timeout=timing.ping_s,
                close_timeout=_CLOSE_S,
                max_size=endpoint.max_frame_bytes,
                create_connection=self._socket_class,
            )
        except FAILURES:
            raise
        except Exception as e:
            # A proxy that needs a package, a redirection to nowhere, half an answer:
            # they are no reason to end other connections.
            raise DeadError("no websocket", f"{type(e).__name__}: {e}") from e
        return cast("StampedSocket", socket)

    def _begin(self, line: Line) -> None:
        """Note that what comes from here on comes by this line."""
        now_s, renew_s = self._clocks.steady_s(), self._endpoint.renew_s
        blind_s = None
        if (lost_s := self.counts.lost_s) is not None:
            blind_s = now_s - min(lost_s, self.counts.heard_s or lost_s)
        self.counts.connected(now_s)
        for symbol in self._symbols:
            self._flow.keeper.resumed(line.feed.venue, symbol, now_s, blind_s=blind_s)
        self._retry_s = now_s
        if renew_s is not None:
            # Not all connections in the same minute.
            self._renew_s = now_s + self._chance.uniform(0.9, 1.0) * renew_s

    async def _watch(self, line: Line) -> bool:
        """Look after a line; return whether it is time to replace it.

        Raises:
            DeadError: It is dead, or all its symbols are refused.
        """
        now_s, counts = self._clocks.steady_s(), self.counts
        line.collect()
        fed = self._fed()
        if not fed:
            reasons = "; ".join(f"{s}: {why}" for s, why in counts.refused.items())
            raise DeadError(_REFUSED, reasons)
        silent_s = 0.0 if line.is_paused else now_s - line.heard_s
        if silent_s > self._endpoint.silence_s:
            line.abort()
            raise DeadError("silence", f"no message for {silent_s:.1f} s")
        counts.state = "stale" if silent_s > self._endpoint.silence_s / 2 else "live"
        if counts.refused or counts.unchecked:
            self._pardon_s = min(self._pardon_s, now_s + self._timing.refused_s)
        if now_s >= self._pardon_s:
            pardoned = self._pardon()
            await line.ask_again(pardoned)
            fed += pardoned
        if not line.is_paused:
            await line.tend(fed)
        is_due = now_s >= self._renew_s or line.is_closing
        return is_due and now_s >= self._retry_s

    async def _replace(self, line: Line) -> None:
        """Open the next connection, and only then close this one.

        What the new one brings meanwhile waits until the old one has been read to its
        end, so that the order is right even where no ids tell it.
        """
        try:
            successor = await self._open(kept=True)
        except FAILURES as e:
            self._put_off(e)
            return
        self._lines.append(successor)
        try:
            await self._overlap(line, successor)
        except FAILURES as e:
            # What it brought comes by the old one as well.
            self._lines.remove(successor)
            await successor.end()
            self._put_off(e)
            return
        await line.end()
        self._lines.remove(line)
        self._begin(successor)
        successor.let_go()

    async def _overlap(self, line: Line, successor: Line) -> None:
        """Wait until the new line has spoken, and a little; or the old one ends."""
        timing, readings = self._timing, (line.reading, successor.reading)
        async with asyncio.timeout(timing.connect_s):
            while not (successor.has_spoken or any(r.done() for r in readings)):
                await asyncio.sleep(timing.tick_s)
        if line.reading.done() and not successor.has_spoken:
            self.counts.lost(line.heard_s)  # nobody listened in between
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait(readings, timeout=timing.overlap_s, return_when=first)
        if successor.reading.done():
            successor.reading.result()
        end = line.reading.exception() if line.reading.done() else None
        if isinstance(end, FAILURES) and not line.is_closing:
            self.counts.failed(kind_of(end), words_of(end))

    def _put_off(self, error: Exception) -> None:
        """Note that a replacement failed, and when to try again."""
        self.counts.failed(kind_of(error), words_of(error))
        self._failures += 1
        self._retry_s = self._clocks.steady_s() + self._wait_s(error)

    async def _rest(self, error: Exception) -> None:
        """Wait before the next attempt."""
        if isinstance(error, DeadError) and error.kind == _REFUSED:
            self.counts.state = "refused"
            await asyncio.sleep(self._timing.refused_s)
            self._pardon()
        else:
            await asyncio.sleep(self._wait_s(error))

    def _wait_s(self, error: Exception) -> float:
        timing = self._timing
        doublings = min(self._failures - 1, 32)
        most_s = min(timing.backoff_s * 2**doublings, timing.max_backoff_s)
        wait_s = self._chance.uniform(most_s / 2, most_s)
        if isinstance(error, InvalidStatus):
            headers = error.response.headers
            asked_s = retry_after_s(headers, self._clocks.wall_us())
            wait_s = max(wait_s, asked_s or 0.0)
        return wait_s

    def _pardon(self) -> list[str]:
        """Forget which symbols were refused, for it may have been for a moment only."""
        pardoned = list(self.counts.refused)
        self.counts.refused.clear()
        self._pardon_s = float("inf")
        self._check_symbols()
        return pardoned

    def _check_symbols(self) -> None:
        if self._markets and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check_with(self._markets))

    async def _check_with(self, markets: Markets) -> None:
        """Refuse the symbols that the venue does not know; goes on if it is silent."""
        try:
            unknown = await markets.unknown(self._symbols)
        except (UnavailableError, BadRecordError) as e:
            self.counts.unchecked = str(e)
            return
        self.counts.unchecked = ""
        self.counts.refused |= unknown

    def _fed(self) -> list[str]:
        return [s for s in self._symbols if s not in self.counts.refused]
