"""What a server does wrong, and exactly when.

Those of the websocket name the trade before whose message they strike, by its place in
the market's timeline (`trades[at]`): the first message about that trade or a later one.
Each strikes once, on one connection.  `missed` trades then happen before anybody can
have connected again, so that `trades[at : at + missed]` is what a client has to fetch
or to mark.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Reset:
    """TCP reset, after everything before has reached the client's machine."""

    at: int
    missed: int = 0


@dataclass(frozen=True, kw_only=True)
class Close:
    """A clean close, with its handshake."""

    at: int
    missed: int = 0
    code: int = 1000
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Half open: TCP stays up, nothing is sent any more, not even a pong."""

    at: int
    missed: int = 0


@dataclass(frozen=True, kw_only=True)
class Down:
    """TCP reset on every connection; for `for_s` new ones are refused."""

    at: int
    for_s: float
    missed: int = 0


@dataclass(frozen=True, kw_only=True)
class Mute:
    """No trade of `symbol` until it is subscribed to again, though all else goes on."""

    at: int
    symbol: str


@dataclass(frozen=True, kw_only=True)
class Announce:
    """The venue says that it will close the connection, as it can: Binance, Bitstamp.

    It then does so after `closes_after_s`; None for never.
    """

    at: int
    closes_after_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Inject:
    """A whole message more: text, or binary where it is bytes, of any length."""

    at: int
    frame: str | bytes


@dataclass(frozen=True, kw_only=True)
class RawBytes:
    """Bytes straight into the stream, such as no websocket frame begins with."""

    at: int
    data: bytes = b"\xff\xff\xff\xff"


@dataclass(frozen=True, kw_only=True)
class Trickle:
    """`messages` messages come in pieces of `piece_bytes`, `pause_s` apart."""

    at: int
    messages: int = 1
    piece_bytes: int = 1
    pause_s: float = 0.001


@dataclass(frozen=True, kw_only=True)
class Drop:
    """`messages` messages are lost; what numbers messages counts them all the same."""

    at: int
    messages: int = 1


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """A message comes twice."""

    at: int


@dataclass(frozen=True, kw_only=True)
class Swap:
    """A message comes after the one that follows it on its connection."""

    at: int


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """Connections number `first` to `first + count - 1`, from 0, are not let in.

    `status` None leaves them waiting for the answer to the handshake.
    """

    first: int = 0
    count: int = 1
    status: int | None = 503
    headers: dict[str, str] = field(default_factory=dict)


# And of the REST side: `at` counts the requests whose path begins with `path`, from 0.


@dataclass(frozen=True, kw_only=True)
class Status:
    """`times` answers of this status instead of the right one."""

    at: int = 0
    times: int = 1
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message":"no"}'
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Hang:
    """No answer, for as long as the client waits."""

    at: int = 0
    times: int = 1
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class ResetRequest:
    """TCP reset instead of an answer."""

    at: int = 0
    times: int = 1
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Drip:
    """The body comes byte by byte, `pause_s` apart."""

    at: int = 0
    times: int = 1
    pause_s: float = 0.05
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Truncate:
    """The connection closes when half of the body has been sent."""

    at: int = 0
    times: int = 1
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Malform:
    """The body is this and no JSON, with status 200."""

    at: int = 0
    times: int = 1
    body: bytes = b"<html>we are sorry</html>"
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class PartialPage:
    """A page of trades holds `keep` of them, though there are more.

    The newest where the venue lists the newest first, else the oldest.
    """

    at: int = 0
    times: int = 1
    keep: int = 1
    path: str = ""
