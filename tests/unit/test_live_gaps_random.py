"""The keeper against markets that drop, repeat, swap and reconnect, from seeds.

Whatever happens, each trade goes on once, in order, or is counted as missing.  A seed
that fails is printed with its numbering, and replays alone.
"""

from dataclasses import dataclass, field
from random import Random

import pytest
from msgspec.structs import replace

from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.gaps import GapKeeper
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade

TIMING = Timing(grace_s=1.0, patience_s=10.0, retry_s=1.0, reorder_s=0.5)
NUMBERINGS = ("counts", "spends", "rises", "none")
SEEDS = 300
FIRST_ID = 500


def made(number, event_us):
    return Trade(
        venue="v",
        symbol="A-B",
        price=1.0,
        size=1.0,
        event_us=event_us,
        received_us=event_us,
        seq=number,
    )


@dataclass
class Play:
    """One ticker of a market, the keeper that follows it, and what came of it."""

    seed: int
    numbering: str
    out: list = field(default_factory=list)
    live: set = field(default_factory=set)  # ids that came by the websocket in time
    late: int = 0
    missing: int = 0  # by the status
    outages: int = 0
    is_blind: bool = False
    is_patient: bool = False  # it never waits so long that a trade is given up

    def __post_init__(self):
        self.chance = Random(f"{self.numbering} {self.seed}")  # noqa: S311
        self.now_s = 100.0
        self.is_counted = self.numbering in ("counts", "spends")
        self.market, self.spent = self.history()
        self.mark = self.chance.choice([0, FIRST_ID - 1]) if self.is_counted else 0
        self.start(self.mark)

    def start(self, mark):
        marks = {"v:A-B": mark} if mark else {}
        timing = replace(TIMING, max_held=1000 if self.is_patient else 25)
        self.keeper = GapKeeper(marks, ["v"] if self.is_counted else [], timing)
        self.asked = []

    def kill(self):
        """Forget what waits, and go on from what was passed on."""
        self.missing += self.counted("missing")
        self.live &= self.ids
        self.start(self.out[-1].seq)

    def history(self):
        """Make the market: its trades, and the ids that it spends on none."""
        trades, spent, number = [], set(), FIRST_ID
        for event_us in range(1000, 1000 + self.chance.randint(5, 40)):
            if self.numbering == "rises":
                number += self.chance.randint(0, 50)
            while self.numbering == "spends" and self.chance.random() < 0.2:
                spent.add(number)
                number += 1
            trades.append(made(0 if self.numbering == "none" else number, event_us))
            number += 1
        return trades, spent

    def arrivals(self):
        """Yield what a client sees of it: slots with trades, spent ids or a loss."""
        chance = self.chance
        items = [(t.seq or t.event_us, t) for t in self.market]
        items += [(number, number) for number in self.spent]
        slots, position = [], 0.0
        for _, item in sorted(items, key=lambda pair: pair[0]):
            position += 1
            what = chance.random()
            if what < 0.15:
                continue
            slots.append((position + (chance.randint(1, 3) if what < 0.3 else 0), item))
            if what > 0.9:
                slots.append((position + chance.randint(0, 6), item))
        if self.numbering == "none":  # nothing tells a repeat on the same connection
            slots = [(i, t) for i, t in enumerate(self.market)]
        slots += [
            (chance.uniform(1, position), "lost")
            for _ in range(chance.choice([0, 1, 2]))
        ]
        return [item for _, item in sorted(slots, key=lambda slot: slot[0])]

    def run(self):
        skip = 0
        for item in self.arrivals():
            if item == "lost":
                skip = self.reconnect()
            elif skip:
                skip -= 1
            elif isinstance(item, Trade):
                self.take(item)
            else:
                self.go(self.keeper.spent("v", "A-B", [item], self.now_s))
            if self.is_counted and self.out:
                self.mishap()
            self.pass_time()
        for _ in range(100 if self.chance.random() < 0.5 or self.is_patient else 0):
            self.pass_time()
        if self.numbering == "rises":  # what came too late is marked on the next trade
            self.take(made(10**5, 10**5))
        self.go(self.keeper.flush())
        self.missing += self.counted("missing")
        return self

    def take(self, trade):
        self.outages += self.is_blind
        self.is_blind = False
        last = self.out[-1].seq if self.out else self.mark
        if trade.seq > last:
            self.live.add(trade.seq)
        elif self.numbering == "rises" and trade.seq not in self.ids | self.live:
            # It would have to be among the newest that are remembered.
            is_known = trade.seq > self.out[0].seq if self.out else False
            self.late += is_known
            self.live |= {trade.seq} if is_known else set()
        self.go(self.keeper.take([trade], self.now_s, contiguous=self.is_counted))

    def mishap(self):
        what = self.chance.random()
        if what < 0.05:
            odd = made(self.chance.randint(10**7, 10**12), 1)
            self.go(self.keeper.take([odd], self.now_s, contiguous=True))
        elif what < 0.07:
            self.kill()

    def reconnect(self):
        self.keeper.resumed("v", "A-B", self.now_s, blind_s=1.0)
        self.is_blind = bool(self.live or self.out)
        return self.chance.randint(0, 8)

    def pass_time(self):
        patience_s = [0.01, 0.1] if self.is_patient else [0.1, 0.1, 0.6, 2.5]
        self.now_s += self.chance.choice(patience_s)
        self.go(self.keeper.due(self.now_s))
        for wanted in list(self.asked):
            if self.chance.random() < 0.6:
                self.asked.remove(wanted)
                self.answer(wanted)
        self.asked += self.keeper.wanted(self.now_s)
        assert len(self.asked) <= 1

    def answer(self, wanted):
        chance = self.chance
        page = [
            t
            for t in self.market
            if t.seq >= wanted.first and (wanted.last is None or t.seq <= wanted.last)
        ]
        if not self.is_patient and chance.random() < 0.4:
            page = []
        elif not self.is_patient and page:
            start = chance.randrange(len(page))
            page = page[start : start + chance.randint(1, 20)]
        spent = [n for n in self.spent if page and page[0].seq < n < page[-1].seq]
        if self.is_patient:
            spent = [n for n in self.spent if wanted.first <= n <= (wanted.last or 0)]
        half = len(page) // 2
        for part in chance.choice([(page,), (page[half:], page[:half])]):
            self.go(self.keeper.fill(wanted, part, self.now_s, spent))
        self.keeper.answered(wanted, self.now_s)

    def go(self, given):
        self.out += given

    @property
    def ids(self):
        return {trade.seq for trade in self.out}

    def counted(self, name):
        return sum(getattr(s, name) for s in self.keeper.statuses(self.now_s, {}))


def check_counted(play):
    """Each id between two trades that went on is one that is marked, or known spent."""
    ids = [t.seq for t in play.out]
    assert ids == sorted(set(ids))
    assert set(ids) <= {t.seq for t in play.market}
    last = play.mark
    for trade in play.out:
        if not last:  # it may begin with an id that is spent
            last = trade.seq - trade.gap - 1
            assert last >= FIRST_ID - 1
        between = trade.seq - last - 1
        spent = sum(last < number < trade.seq for number in play.spent)
        # A spent id of which nobody told cannot be known from a trade.
        assert between - spent <= trade.gap <= between
        if not spent:
            assert trade.gap == between
        last = trade.seq
    assert play.live <= play.ids
    assert play.missing == sum(t.gap for t in play.out)
    for contiguous in (False, play.numbering == "counts"):
        sequencer = Sequencer({}, contiguous=contiguous)
        assert sequencer.admit(play.out) == play.out


def check_rising(play):
    ids = [t.seq for t in play.out]
    assert ids == sorted(set(ids))
    marked = sum(t.gap for t in play.out)
    lost = len(play.live - play.ids)
    assert marked == lost == play.late


def check_unnumbered(play):
    assert play.out == [t for t in play.market if t in play.out]
    assert play.counted("outages") == play.outages


CHECKS = {"rises": check_rising, "none": check_unnumbered}


@pytest.mark.parametrize("numbering", NUMBERINGS)
def test_each_trade_goes_on_once_in_order_or_is_marked(numbering):
    for seed in range(SEEDS):
        play = Play(seed, numbering).run()
        try:
            CHECKS.get(numbering, check_counted)(play)
        except AssertionError as e:
            raise AssertionError(f"seed {seed}, {numbering}: {e}") from e


@pytest.mark.parametrize("numbering", ["counts", "spends"])
def test_what_the_venue_still_has_is_never_missing(numbering):
    for seed in range(SEEDS):
        play = Play(seed, numbering, is_patient=True).run()
        assert sum(t.gap for t in play.out) == 0, f"seed {seed}, {numbering}"
        ids = [t.seq for t in play.out]
        first, last = min(ids, default=0), max(ids, default=0)
        expected = [t.seq for t in play.market if first <= t.seq <= last]
        assert ids == expected, f"seed {seed}, {numbering}"
