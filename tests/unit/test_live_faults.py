"""What ends a connection, in words."""

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

from penstock.drivers.live.faults import DeadError, kind_of, words_of

GONE = Close(1001, "maintenance")
LATE = Close(1011, "keepalive ping timeout")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            ConnectionClosedOK(GONE, GONE, rcvd_then_sent=True),
            "closed 1001",
            "the venue closed the connection with code 1001: maintenance",
        ),
        (
            ConnectionClosedError(GONE, None),
            "closed 1001",
            "the venue closed the connection with code 1001: maintenance",
        ),
        (
            ConnectionClosedError(None, LATE),
            "no pong",
            "given up: a ping was not answered in time",
        ),
        (ConnectionClosedError(None, None), "lost", "the connection broke off"),
        (
            DeadError("silence", "no message for 5.0 s"),
            "silence",
            "no message for 5.0 s",
        ),
        (ConnectionResetError(104, "reset by peer"), "reset", "reset by peer"),
        (TimeoutError(), "timed out", "TimeoutError"),
    ],
)
def test_the_end_of_a_connection_is_told_in_words(error, kind, words):
    assert (kind_of(error), words_of(error)) == (kind, words)
