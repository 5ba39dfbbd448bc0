"""What ends a connection, in few words that can be counted."""

import socket
import ssl

from websockets.exceptions import (
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)

__all__ = ["FAILURES", "DeadError", "kind_of", "words_of"]

_OUR_CODES = {
    1002: "protocol error",
    1009: "message too large",
    1011: "no pong",
}


_OUR_WORDS = {
    1002: "what came is no websocket message",
    1009: "a message came that is larger than any that is expected",
    1011: "a ping was not answered in time",
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


def words_of(error: Exception) -> str:
    """Say what happened, in words for who has never seen a close frame."""
    if not isinstance(error, ConnectionClosed):
        return _without_number(error)
    if error.rcvd is not None and error.rcvd_then_sent is not False:
        said = f": {error.rcvd.reason}" if error.rcvd.reason else ""
        return f"the venue closed the connection with code {error.rcvd.code}{said}"
    if error.sent is not None:
        said = _OUR_WORDS.get(error.sent.code, str(error))
        return f"given up: {said}"
    cause = error.__cause__
    said = f": {_without_number(cause)}" if str(cause or "") else ""
    return f"the connection broke off{said}"


def _without_number(error: BaseException | None) -> str:
    # "Connection reset by peer" says as much as with [Errno 104] before it.
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def _closed(error: ConnectionClosed) -> str:
    if error.rcvd is not None and error.rcvd_then_sent is not False:
        return f"closed {int(error.rcvd.code)}"
    if error.sent is not None:
        return _OUR_CODES.get(error.sent.code, f"closed {int(error.sent.code)}")
    return "lost"
