"""One websocket connection of a server: its talk, its market, and its faults.

The websocket library's sans-I/O protocol makes the frames; the bytes are written here,
so that they can be held back, cut into pieces or left out.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Coroutine, Sequence

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from penstock.model import Trade
from tests.servers import faults
from tests.servers.habits import Asks, Habits, Plan, Visit
from tests.servers.market import Market
from tests.servers.speech import Speech

_CLOSING_S = 2.0


class Ended(Exception):
    """The connection is over; says how."""


class Connection:
    """Serves one client until it or a fault ends it."""

    def __init__(  # noqa: PLR0917 (the server's parts, in the order of their making)
        self,
        visit: Visit,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        market: Market,
        plan: Plan,
        habits: Habits,
        asks: Asks,
    ) -> None:
        self.visit = visit
        self._reader, self._writer = streams
        self._market, self._plan, self._habits = market, plan, habits
        self._asks = asks
        self._protocol = ServerProtocol(max_size=None)
        self._speech: Speech | None = None
        self._subscribed, self._too_much = asyncio.Event(), asyncio.Event()
        self._heard_s: deque[float] = deque()
        self._is_silent = False
        self._trickle: faults.Trickle | None = None
        self._trickles = self._drops = self._repeats = 0
        self._swaps = False
        self._held: list[Frame] = []
        self._waiting: list[bytes] = []
        self._muted: set[str] = set()
        self._busy = False
        self._trickling = False
        self._writer.transport.set_write_buffer_limits(high=16_384)

    async def serve(self, gate: faults.Upgrade | None) -> None:
        """Talk until the connection is over, and note how it ended."""
        try:
            await self._open(gate)
            await _first_of(self._listen(), self._pump(), *self._chores())
        except Ended as e:
            self.visit.ended = self.visit.ended or str(e)
        except (ConnectionError, TimeoutError):
            self.visit.ended = self.visit.ended or "lost"
        finally:
            self._writer.transport.abort()

    def reset(self) -> None:
        """Reset TCP: the client's next look at it fails."""
        self.visit.ended = "reset"
        linger = struct.pack("ii", 1, 0)
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def _chores(self) -> list[Coroutine]:
        habits = self._habits
        chores = [self._expect_subscription(), self._expect_moderation()]
        if habits.heartbeat_s is not None:
            chores.append(self._heartbeats(habits.heartbeat_s))
        if habits.ping_s is not None:
            chores.append(self._pings(habits.ping_s))
        if habits.life_s is not None:
            chores.append(self._live(habits.life_s))
        return chores

    async def _open(self, gate: faults.Upgrade | None) -> None:
        while self._protocol.state is State.CONNECTING:
            data = await self._reader.read(65_536)
            if not data:
                raise Ended("lost")
            self._protocol.receive_data(data)
            for request in self._protocol.events_received():
                assert isinstance(request, Request)
                self.visit.path = request.path
                self.visit.headers = {
                    name.lower(): value for name, value in request.headers.raw_items()
                }
                await self._answer(request, gate)

    async def _answer(self, request: Request, gate: faults.Upgrade | None) -> None:
        if gate and gate.status is None:
            self.visit.ended = "refused"
            await self._reader.read()  # until the client has had enough
            raise Ended("refused")
        response = self._protocol.accept(request)
        if gate:
            response = self._protocol.reject(gate.status, "no\n")
            for name, value in gate.headers.items():
                response.headers[name] = value
        self._protocol.send_response(response)
        self._flush()
        if response.status_code != 101:
            async with asyncio.timeout(_CLOSING_S):
                await self._reader.read()  # until the client has read it and gone
            raise Ended("refused")
        habits = self._habits
        self._speech = habits.speech(self._market, request.path, batch=habits.batch)
        self.visit.symbols = self._speech.symbols
        self._say(self._speech.greet())

    async def _listen(self) -> None:
        assert self._speech is not None
        while data := await self._reader.read(65_536):
            if self._is_silent:
                continue
            self._protocol.receive_data(data)
            for frame in self._protocol.events_received():
                assert isinstance(frame, Frame)
                self._hear(frame)
            self._flush()
            if self._protocol.state is State.CLOSED:
                break
        raise Ended("closed" if self._protocol.close_rcvd else "lost")

    def _hear(self, frame: Frame) -> None:
        assert self._speech is not None
        self._count_frame(self._speech.frames_per_s)
        if frame.opcode is Opcode.TEXT:
            heard = bytes(frame.data).decode()
            self.visit.heard.append(heard)
            self._say(self._speech.hear(heard))
            self._muted -= self._speech.begun
            self._speech.begun.clear()
        elif frame.opcode is Opcode.PONG:
            self.visit.pongs += 1
        elif frame.opcode is Opcode.CLOSE and self._protocol.close_rcvd:
            self.visit.close_code = self._protocol.close_rcvd.code

    def _count_frame(self, most: int | None) -> None:
        now_s = asyncio.get_running_loop().time()
        self._heard_s.append(now_s)
        while self._heard_s[0] <= now_s - 1:
            self._heard_s.popleft()
        if most is not None and len(self._heard_s) > most:
            self._too_much.set()

    def _say(self, messages: Sequence[str]) -> None:
        assert self._speech is not None
        if self._protocol.state is not State.OPEN:
            return
        for message in messages:
            self._protocol.send_text(message.encode())
        self._flush()
        if self._speech.cursor is not None:
            self._subscribed.set()
            self._asks.count_subscriptions()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if self._is_silent:
                continue
            if self._trickling:
                self._waiting.append(data)
            elif data:
                self._writer.write(data)
            elif self._writer.can_write_eof():
                self._writer.write_eof()
            else:  # TLS ends both ways at once
                self._writer.close()

    # What goes on by itself.

    async def _pump(self) -> None:
        await self._subscribed.wait()
        speech, market = self._speech, self._market
        assert speech is not None
        while True:
            while fault := self._plan.due(speech.cursor):
                await self._strike(fault)
            end = await market.upto(speech.cursor, self._plan.room(speech.cursor))
            while speech.cursor < end:
                trades = speech.take(end)
                if trades:
                    await self._tell(trades)
            self._flush()
            await self._writer.drain()
            await asyncio.sleep(0)

    async def _tell(self, trades: Sequence) -> None:
        message = self._speech.tell(trades)
        if isinstance(trades[0], Trade) and trades[0].symbol in self._muted:
            self._drops += 1
        if self._drops:
            self._drops -= 1
            self.visit.dropped += trades
            return
        for text in self._speech.beside(trades):
            await self._send(Frame(Opcode.TEXT, text.encode()))
        opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
        data = message.encode() if isinstance(message, str) else message
        times = 1 + self._repeats
        self._repeats = 0
        frames = [(Frame(opcode, data), trades)] * times
        if self._swaps:
            self._swaps = False
            self._held = frames
            return
        frames += self._held
        self._held = []
        for frame, told in frames:
            await self._send(frame)
            self.visit.messages += 1
            if self._habits.remembers and isinstance(told[0], Trade):
                self.visit.sent += told
        self._busy = True

    async def _send(self, frame: Frame) -> None:
        if self._protocol.state is not State.OPEN:
            await asyncio.sleep(_CLOSING_S)  # the client is about to be gone
            raise Ended("closed")
        if not self._trickles:
            self._protocol.send_frame(frame)
            return
        self._flush()
        self._trickles -= 1
        # What else is to be said, such as pongs, waits until the frame is complete.
        self._trickling = True
        data, piece = frame.serialize(mask=False), self._trickle.piece_bytes
        for start in range(0, len(data), piece):
            self._writer.write(data[start : start + piece])
            await asyncio.sleep(self._trickle.pause_s)
        self._trickling = False
        self._writer.write(b"".join(self._waiting))
        self._waiting = []

    async def _heartbeats(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            was_busy, self._busy = self._busy, False
            if not (was_busy and self._speech.heartbeat_when_idle):
                self._say(self._speech.heartbeat())

    async def _pings(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            if self._is_silent or self._protocol.state is not State.OPEN:
                continue
            answered = self.visit.pongs
            self._protocol.send_ping(str(answered).encode())
            self._flush()
            async with asyncio.timeout(self._habits.pong_within_s):
                while self.visit.pongs == answered:
                    await asyncio.sleep(0.005)

    async def _live(self, life_s: float) -> None:
        await asyncio.sleep(life_s)
        await self._close(1001, "connection is too old")

    async def _expect_subscription(self) -> None:
        within_s = self._habits.subscribe_within_s or self._speech.deadline_s
        try:
            async with asyncio.timeout(within_s):
                await self._subscribed.wait()
        except TimeoutError:
            await self._close(1008, "no subscription in time")
        await asyncio.Event().wait()

    async def _expect_moderation(self) -> None:
        await self._too_much.wait()
        await self._close(1008, "Too many requests")

    # Faults.

    async def _strike(self, fault) -> None:
        if missed := getattr(fault, "missed", 0):
            self._market.advance(missed)
        match fault:
            case faults.Reset() | faults.Down():
                await self._break_off(fault)
            case faults.Close():
                await self._close(fault.code, fault.reason)
            case faults.Silence():
                await self._arrived()
                self._is_silent = True
                await asyncio.Event().wait()
            case faults.Announce():
                await self._announce(fault.closes_after_s)
            case faults.RawBytes():
                self._flush()
                self._writer.write(fault.data)
            case _:
                self._disturb(fault)

    def _disturb(self, fault) -> None:
        match fault:
            case faults.Inject(frame=str(text)):
                self._protocol.send_text(text.encode())
            case faults.Inject(frame=data):
                self._protocol.send_binary(data)
            case faults.Mute():
                self._muted.add(fault.symbol)
            case faults.Trickle():
                self._trickle, self._trickles = fault, fault.messages
            case faults.Drop():
                self._drops += fault.messages
            case faults.Duplicate():
                self._repeats += 1
            case faults.Swap():
                self._swaps = True

    async def _break_off(self, fault) -> None:
        await self._arrived()
        if isinstance(fault, faults.Down):
            self._asks.go_down(fault.for_s)
        self.reset()
        raise Ended("reset")

    async def _announce(self, closes_after_s: float | None) -> None:
        self._say(self._speech.farewell())
        if closes_after_s is not None:
            await asyncio.sleep(closes_after_s)
            await self._close(1000, "")

    async def _close(self, code: int, reason: str) -> None:
        self._flush()
        self._protocol.send_close(code, reason)
        self._flush()
        await asyncio.sleep(_CLOSING_S)  # the client's answer ends it sooner
        raise Ended("closed")

    async def _arrived(self) -> None:
        """Wait until all that was written has reached the client's machine."""
        self._flush()
        transport = self._writer.transport
        sock = self._writer.get_extra_info("socket")
        while transport.get_write_buffer_size() or _unacknowledged(sock):
            await asyncio.sleep(0.001)


def _unacknowledged(sock) -> int:
    count = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return struct.unpack("i", count)[0]


async def _first_of(*works: Coroutine) -> None:
    """Run until the first ends; what it raises is raised, the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
