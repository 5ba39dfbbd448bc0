"""What waits between the thread that receives and the one that stores."""

import errno
import socket
import ssl

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

from penstock.drivers.files.batch import BadItem
from penstock.drivers.live.endpoints import ENDPOINTS
from penstock.drivers.live.faults import DeadError, kind_of
from penstock.drivers.live.inbox import Inbox
from penstock.drivers.live.status import ConnectionCounts
from penstock.feeds import FEEDS
from penstock.model import Trade


def trades(count):
    trade = Trade(
        venue="v", symbol="A-B", price=1, size=1, event_us=1, received_us=1, seq=1
    )
    return [trade] * count


class TestInbox:
    def test_it_gives_what_was_put_in(self):
        inbox = Inbox(10)
        inbox.put(trades(3))
        inbox.put(trades(2))
        item = BadItem("here", b"x", "bad")
        inbox.put_bad([item])
        assert inbox.fill == 6
        batch = inbox.take(100, 0.0)
        assert (len(batch.trades), batch.bad) == (5, [item])
        assert inbox.fill == 0
        assert inbox.take(100, 0.0) == ([], [])

    def test_it_says_when_it_is_full_and_when_there_is_room_again(self):
        inbox = Inbox(10)
        inbox.put(trades(9))
        assert not inbox.is_full
        inbox.put(trades(4))
        assert inbox.is_full
        inbox.take(5, 0.0)
        assert (inbox.fill, inbox.is_full, inbox.has_room) == (4, False, True)

    def test_long_garbage_fills_it_as_many_trades_do(self):
        inbox = Inbox(100)
        inbox.put_bad([BadItem("here", b"x" * 256 * 100, "bad")])
        assert inbox.is_full

    def test_a_batch_is_not_much_larger_than_wanted(self):
        inbox = Inbox(10)
        for _ in range(5):
            inbox.put(trades(2))
        assert len(inbox.take(3, 0.0).trades) == 4


class TestKinds:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (socket.gaierror(socket.EAI_NONAME, "unknown"), "no such host"),
            (ConnectionRefusedError(), "refused"),
            (ConnectionResetError(), "reset"),
            (ssl.SSLCertVerificationError("who"), "TLS"),
            (TimeoutError(), "timed out"),
            (OSError(errno.ENETUNREACH, "no route"), "unreachable"),
            (DeadError("silence", "no message"), "silence"),
            (ConnectionClosedError(None, None, None), "lost"),
            (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), "closed 1000"),
            (ConnectionClosedError(None, Close(1009, ""), None), "message too large"),
            (ConnectionClosedError(None, Close(1011, ""), None), "no pong"),
        ],
    )
    def test_what_ends_a_connection_has_a_name(self, error, kind):
        assert kind_of(error) == kind


class TestCounts:
    def test_time_without_a_connection_counts_after_the_first(self):
        counts = ConnectionCounts()
        counts.lost(5.0)
        counts.connected(10.0)
        counts.lost(20.0)
        counts.lost(21.0)
        counts.connected(25.0)
        assert (counts.connects, counts.down_s, counts.state) == (2, 5.0, "live")

    def test_complaints_that_differ_each_time_do_not_fill_the_memory(self):
        counts = ConnectionCounts()
        for number in range(100):
            counts.failed(f"complaint {number}", f"complaint {number}")
        assert len(counts.errors) == 33
        assert counts.errors["others"] == 68
        assert counts.last_error == "complaint 99"


def test_every_feed_has_an_address():
    assert ENDPOINTS.keys() == FEEDS.keys()
    assert all(end.url.startswith("wss://") for end in ENDPOINTS.values())
