"""What connections have in common: the record, the habits, the plan of faults."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from penstock.model import Trade
from tests.servers.speech import Speech

_BURST = 64  # messages between two looks at whether the client keeps up


@dataclass
class Visit:
    """A connection as the server saw it.

    Attributes:
        number: Counts connections, from 0.
        path: What the client asked for.
        headers: What it sent along, names in lower case.
        heard: Its messages.
        symbols: What it is subscribed to.
        sent: Trades sent live, in the order of sending, repeats included.
        messages: How many messages with live trades, or frames, were sent.
        dropped: Trades that a fault took out.
        pongs: How many pings were answered.
        close_code: What the client's close frame said, if it sent one.
        ended: How it ended: "reset", "closed", "lost", "refused", or "" so far.
    """

    number: int
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    symbols: set[str] = field(default_factory=set)
    sent: list[Trade] = field(default_factory=list)
    messages: int = 0
    dropped: list[Trade] = field(default_factory=list)
    pongs: int = 0
    close_code: int | None = None
    ended: str = ""


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a server does on every connection; times in seconds, None for never."""

    speech: Callable[..., Speech]
    batch: int
    heartbeat_s: float | None
    ping_s: float | None
    pong_within_s: float
    life_s: float | None
    subscribe_within_s: float | None
    remembers: bool


@dataclass(frozen=True)
class Asks:
    """What a connection asks of its server."""

    go_down: Callable[[float], None]
    count_subscriptions: Callable[[], None]


class Plan:
    """The faults that have not struck yet, in the order of the timeline."""

    def __init__(self, planned: Sequence) -> None:
        self._left = deque(sorted(planned, key=lambda fault: fault.at))

    def due(self, cursor: int):
        """Take the next fault that strikes before the trade at `cursor`, if any."""
        due = self._left and self._left[0].at <= cursor
        return self._left.popleft() if due else None

    def room(self, cursor: int) -> int:
        """Return how many trades may go before the next fault, up to a burst."""
        return min(_BURST, self._left[0].at - cursor) if self._left else _BURST
