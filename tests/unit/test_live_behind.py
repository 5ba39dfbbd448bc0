"""What comes of heartbeats that speak of trades, with a clock of our own."""

import pytest

from penstock.drivers.live.behind import Behind
from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.faults import DeadError
from penstock.drivers.live.gaps import GapKeeper
from penstock.model import Trade

VENUE, SYMBOL = "coinbase", "BTC-USD"
SILENCE_S = 5.0


class World:
    """A symbol whose newest trade by the line is number 10."""

    def __init__(self):
        self.keeper = GapKeeper({}, (VENUE,), Timing())
        self.behind = Behind(VENUE, self.keeper, SILENCE_S)
        self.now_s = 100.0
        self.asked_again = []
        self.bring(10)

    def bring(self, seq):
        trade = Trade(
            venue=VENUE,
            symbol=SYMBOL,
            price=1.0,
            size=1.0,
            event_us=seq,
            received_us=seq,
            seq=seq,
        )
        self.keeper.take([trade], self.now_s, contiguous=True)

    def hear(self, seq, seconds):
        """Heartbeats speak of `seq` for so long; count the requests for it."""
        requests = 0
        for _ in range(seconds):
            self.now_s += 1
            again = self.behind.look({SYMBOL: seq - 10}, {SYMBOL: 10}, self.now_s)
            self.asked_again += [self.now_s - 100] * len(again)
            for wanted in self.keeper.wanted(self.now_s):
                requests += 1
                self.keeper.answered(wanted, self.now_s)
            self.keeper.due(self.now_s)
        return requests

    def hear_of_what_is_fetched(self, seqs):
        for seq in seqs:
            self.hear(seq, 1)
            self.bring(seq)


def test_a_line_that_does_not_bring_what_there_is_is_given_up():
    world = World()
    with pytest.raises(DeadError, match=r"trades of BTC-USD do not"):
        world.hear_of_what_is_fetched(range(11, 100))
    assert world.asked_again == [7, 13]


def test_heartbeats_of_which_nothing_comes_are_no_reason_to_give_up():
    world = World()
    world.hear(1_000, 600)
    assert world.asked_again[:4] == [7, 18, 39, 80]


def test_the_venue_is_asked_less_and_less_because_of_them():
    world = World()
    assert world.hear(1_000, 15) > 10
    world.hear(1_000, 600)
    # Only for as long as one believed heartbeat is waited for, each 320 seconds.
    assert world.hear(1_000, 3200) < 10 * 16


def test_once_something_came_of_them_they_are_believed_again():
    world = World()
    world.hear(1_000, 300)
    world.behind.look({}, {SYMBOL: 10}, world.now_s)
    world.asked_again.clear()
    world.now_s = 100.0
    world.hear(12, 8)
    assert world.asked_again == [7]
