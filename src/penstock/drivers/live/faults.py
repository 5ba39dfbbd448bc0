"""What ends a connection, in few words that can be counted."""

import socket
import ssl

from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)

__all__ = ["FAILURES", "DeadError", "kind_of"]

_OUR_CODES = {
    1002: "protocol error",
    1009: "message too large",
    1011: "no pong",
}


class DeadError(Exception):
    """A connection that has to be given up, although nobody closed it.

    Attributes:
        kind: Why, in few words.
    """

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(text)


# The first that fits.
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "no such host"),
    (ssl.SSLError, "TLS"),
    (TimeoutError, "timed out"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "reset"),
    (OSError, "unreachable"),
    (Exception, "no websocket"),
)

# TimeoutError, ssl.SSLError, socket.gaierror and ConnectionError are OSErrors.
FAILURES = (OSError, WebSocketException, DeadError)


def kind_of(error: Exception) -> str:
    """Name what kind of failure it was."""
    if isinstance(error, DeadError):
        return error.kind
    if isinstance(error, ConnectionClosed):
        return _closed(error)
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    return next(kind for cause, kind in _KINDS if isinstance(error, cause))


def _closed(error: ConnectionClosed) -> str:
    if error.rcvd is not None and error.rcvd_then_sent:
        return f"closed {int(error.rcvd.code)}"
    if error.sent is not None:
        return _OUR_CODES.get(error.sent.code, f"closed {int(error.sent.code)}")
    return "lost"
