"""Which trades go on, in what order, and what is marked as missing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.gaps import GapKeeper
from penstock.drivers.live.track import Wanted
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade

TIMING = Timing(grace_s=1.0, patience_s=10.0, retry_s=2.0, max_held=50, max_backfill=40)
TICKER = ("coinbase", "BTC-USD")


def trade(seq, *, symbol="BTC-USD", event_us=None, price=1.0):
    return Trade(
        venue="coinbase",
        symbol=symbol,
        price=price,
        size=1.0,
        event_us=seq * 1000 if event_us is None else event_us,
        received_us=seq * 1000 + 7,
        seq=seq,
    )


def trades(*seqs):
    return [trade(seq) for seq in seqs]


def seqs(given):
    return [t.seq for t in given]


def gaps(given):
    return {t.seq: t.gap for t in given if t.gap}


class Keeper:
    """A keeper, and the clock that it goes by."""

    def __init__(self, marks=None, *, contiguous=True, fetchable=("coinbase",)):
        self.keeper = GapKeeper(marks or {}, fetchable, TIMING)
        self.contiguous = contiguous
        self.now_s = 100.0

    def take(self, *ids):
        return self.keeper.take(trades(*ids), self.now_s, contiguous=self.contiguous)

    def after(self, seconds):
        self.now_s += seconds
        return self.keeper.due(self.now_s)

    def wanted(self):
        return self.keeper.wanted(self.now_s)

    def fill(self, wanted, *ids):
        return self.keeper.fill(wanted, trades(*ids), self.now_s)

    def answered(self, wanted):
        return self.keeper.answered(wanted, self.now_s)

    @property
    def status(self):
        (status,) = self.keeper.statuses(self.now_s, {"coinbase": 60.0})
        return status


class TestOrder:
    def test_trades_that_count_by_one_go_straight_on(self):
        keeper = Keeper()
        given = keeper.take(5, 6, 7)
        assert given == trades(5, 6, 7)
        assert keeper.wanted() == []

    def test_the_first_trade_is_where_it_begins(self):
        assert gaps(Keeper().take(500)) == {}

    def test_a_mark_says_where_to_go_on(self):
        keeper = Keeper({"coinbase:BTC-USD": 4})
        assert seqs(keeper.take(3, 4, 5)) == [5]
        assert keeper.status.duplicates == 2

    def test_repeats_are_left_out_and_counted(self):
        keeper = Keeper()
        assert seqs(keeper.take(5, 5, 6, 5)) == [5, 6]
        assert keeper.status.duplicates == 2

    def test_what_comes_late_is_put_in_its_place_without_asking(self):
        keeper = Keeper()
        assert seqs(keeper.take(5, 8, 7)) == [5]
        assert keeper.after(0.5) == []
        assert seqs(keeper.take(6)) == [6, 7, 8]
        assert (keeper.after(20), keeper.wanted()) == ([], [])

    def test_a_waiting_ticker_holds_up_no_other(self):
        keeper = Keeper()
        keeper.take(5, 9)
        other = [trade(1, symbol="ETH-USD"), trade(2, symbol="ETH-USD")]
        assert keeper.keeper.take(other, keeper.now_s, contiguous=True) == other


class TestMissing:
    def test_it_is_asked_for_after_a_grace(self):
        keeper = Keeper()
        keeper.take(5, 9)
        assert keeper.wanted() == []
        keeper.after(1.0)
        assert keeper.wanted() == [Wanted(*TICKER, 6, 8, 5000, 9000)]
        assert keeper.wanted() == []

    def test_what_is_fetched_goes_before_what_waits_and_says_so(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        given = keeper.fill(wanted, 6, 7, 8)
        assert seqs(given) == [6, 7, 8, 9]
        assert [t.backfilled for t in given] == [True, True, True, False]
        assert gaps(given) == {}
        assert keeper.answered(wanted) == []
        assert (keeper.status.backfilled, keeper.status.missing) == (3, 0)

    def test_pages_may_come_the_newest_first(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert keeper.fill(wanted, 8) == []
        assert seqs(keeper.fill(wanted, 6, 7)) == [6, 7, 8, 9]

    def test_it_is_asked_for_again_where_it_did_not_come(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        keeper.fill(wanted, 6)
        keeper.answered(wanted)
        keeper.after(1.9)
        assert keeper.wanted() == []
        keeper.after(0.1)
        assert keeper.wanted() == [Wanted(*TICKER, 7, 8, 6000, 9000)]

    def test_what_did_not_come_in_time_is_the_gap_of_the_next_trade(self):
        keeper = Keeper()
        keeper.take(5, 9, 10)
        assert keeper.after(9.9) == []
        given = keeper.after(0.1)
        assert (seqs(given), gaps(given)) == ([9, 10], {9: 3})
        assert (keeper.status.gaps, keeper.status.missing) == (1, 3)

    def test_every_gap_has_its_own_time(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(4)
        keeper.take(12)
        given = keeper.after(6)
        assert (seqs(given), gaps(given)) == ([9], {9: 3})
        given = keeper.after(4)
        assert (seqs(given), gaps(given)) == ([12], {12: 2})

    def test_what_comes_after_it_was_given_up_changes_nothing(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        keeper.after(9.0)
        assert keeper.fill(wanted, 6, 7, 8) == []
        assert keeper.take(7) == []
        assert keeper.status.duplicates == 1

    def test_holes_that_are_close_are_asked_for_together(self):
        keeper = Keeper()
        keeper.take(5, 9, 12)
        keeper.after(1.0)
        assert keeper.wanted()[0][2:4] == (6, 11)

    def test_of_a_large_one_the_newest_are_asked_for_and_go_on_at_once(self):
        keeper = Keeper()
        keeper.take(5, 106)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (66, 105)
        # About when it was made, for venues that are asked by time.
        assert wanted.after_us == 5000 + (106_000 - 5000) * 60 // 100
        given = keeper.fill(wanted, *range(66, 70))
        assert (seqs(given), gaps(given)) == ([66, 67, 68, 69], {66: 60})

    def test_too_many_that_wait_are_not_kept(self):
        keeper = Keeper()
        keeper.take(5)
        given = keeper.take(*range(10, 61))
        assert seqs(given) == list(range(10, 61))
        assert gaps(given) == {10: 4}

    def test_where_nothing_can_be_fetched_only_the_late_are_waited_for(self):
        keeper = Keeper(fetchable=())
        keeper.take(5, 9)
        assert seqs(keeper.after(1.0)) == [9]
        assert keeper.wanted() == []

    def test_at_the_end_nothing_waits_any_more(self):
        keeper = Keeper()
        keeper.take(5, 9, 12)
        given = keeper.keeper.flush()
        assert (seqs(given), gaps(given)) == ([9, 12], {9: 3, 12: 2})
        assert not keeper.keeper.is_waiting

    def test_no_gap_is_longer_than_a_trade_can_say(self):
        keeper = Keeper({"coinbase:BTC-USD": 1})
        keeper.take(2**40)
        assert gaps(keeper.keeper.flush()) == {2**40: 2**31 - 1}


class TestHearsay:
    def test_a_trade_that_only_a_heartbeat_speaks_of_is_fetched(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.heard_of(*TICKER, 7, keeper.now_s)
        keeper.after(3.9)
        assert keeper.wanted() == []
        keeper.after(0.1)
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (6, 7)
        assert seqs(keeper.fill(wanted, 6, 7)) == [6, 7]

    def test_one_that_comes_in_time_is_not_asked_for(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.heard_of(*TICKER, 7, keeper.now_s)
        keeper.take(6, 7)
        keeper.after(4)
        assert keeper.wanted() == []

    def test_one_that_does_not_exist_leaves_no_gap(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.heard_of(*TICKER, 10**9, keeper.now_s)
        keeper.after(4)
        (wanted,) = keeper.wanted()
        keeper.answered(wanted)
        keeper.after(10)
        assert keeper.wanted() == []
        given = keeper.take(6, 8)
        assert (seqs(given), gaps(given)) == ([6], {})

    def test_after_lost_messages_the_venue_is_asked_for_whatever_is_newer(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.check(*TICKER, keeper.now_s)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (6, None)
        assert seqs(keeper.fill(wanted, 6, 7)) == [6, 7]
        keeper.answered(wanted)
        keeper.after(10)
        assert keeper.wanted() == []

    def test_such_questions_do_not_crowd_out_what_waits(self):
        keeper = Keeper()
        names = [f"A{n}-USD" for n in range(5)]
        many = [trade(5, symbol=name) for name in names]
        keeper.keeper.take(many, keeper.now_s, contiguous=True)
        for name in names:
            keeper.keeper.check("coinbase", name, keeper.now_s)
        keeper.take(5, 9)
        keeper.after(1.0)
        first = keeper.wanted()
        assert len(first) == 3
        assert Wanted(*TICKER, 6, 8, 5000, 9000) in first
        for wanted in first:
            keeper.answered(wanted)
        assert len(keeper.wanted()) == 2


class TestIdsThatDoNotCount:
    def test_jumps_are_no_gaps(self):
        keeper = Keeper(contiguous=False)
        assert keeper.take(5, 900, 5, 901) == trades(5, 900, 901)
        assert keeper.status.duplicates == 1

    def test_after_a_new_connection_what_was_missed_goes_first(self):
        keeper = Keeper(contiguous=False)
        keeper.take(5)
        keeper.keeper.resumed(*TICKER, keeper.now_s)
        assert keeper.take(30, 31) == []
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (6, 29)
        assert keeper.fill(wanted, 10, 20) == []
        given = keeper.answered(wanted)
        assert (seqs(given), gaps(given)) == ([10, 20, 30, 31], {})
        assert seqs(keeper.take(50)) == [50]

    def test_but_not_for_ever(self):
        keeper = Keeper(contiguous=False)
        keeper.take(5)
        keeper.keeper.resumed(*TICKER, keeper.now_s)
        keeper.take(30)
        assert seqs(keeper.after(10)) == [30]

    def test_without_ids_all_goes_on_but_what_a_new_connection_repeats(self):
        keeper = GapKeeper({}, (), TIMING)

        def take(*times_us):
            made = [trade(0, event_us=us) for us in times_us]
            return [t.event_us for t in keeper.take(made, 100.0, contiguous=False)]

        assert take(10, 20, 20, 15) == [10, 20, 20, 15]
        keeper.resumed(*TICKER, 100.0)
        assert take(15, 20, 21, 21, 19) == [21, 21]


@st.composite
def histories(draw):
    """What happens to ids 1 to n: which arrive, when, and which can be fetched."""
    count = draw(st.integers(2, 30))
    ids = range(1, count + 1)
    arrivals = [
        (seq + draw(st.integers(0, 4)) * draw(st.integers(0, 1)), seq)
        for seq in ids
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2])))
    ]
    fetchable = {seq for seq in ids if draw(st.booleans())}
    steps = draw(st.lists(st.sampled_from([0.1, 0.6, 3.0]), min_size=40, max_size=40))
    return sorted(arrivals), fetchable, steps, draw(st.sampled_from([0, 0, 3]))


@settings(max_examples=25)
@given(histories())
def test_whatever_happens_each_trade_comes_once_in_order_or_is_marked(history):
    arrivals, fetchable, steps, mark = history
    marks = {"coinbase:BTC-USD": mark} if mark else {}
    keeper = Keeper(marks)
    out, since_s, due = [], {}, set()

    def go(given):
        for t in given:
            # Nothing waits for longer than it has to.
            waited_s = keeper.now_s - since_s.get(t.seq, keeper.now_s)
            assert waited_s <= TIMING.patience_s + max(steps)
        out.extend(given)

    for (_, seq), step in zip(arrivals, steps * 2, strict=False):
        since_s.setdefault(seq, keeper.now_s)
        if seq > max(mark, out[-1].seq if out else 0):
            due.add(seq)
        go(keeper.take(seq))
        go(keeper.after(step))
        for wanted in keeper.wanted():
            last = wanted.last or max(fetchable, default=0)
            page = sorted(fetchable & set(range(wanted.first, last + 1)))
            go(keeper.fill(wanted, *page))
            go(keeper.answered(wanted))
    go(keeper.keeper.flush())

    last = mark or (out[0].seq - 1 if out else 0)
    for t in out:
        assert t.seq - last - 1 == t.gap
        last = t.seq
    assert due <= set(seqs(out))
    # Whoever looks for gaps downstream finds the same.
    for contiguous in (False, True):
        sequencer = Sequencer(marks, contiguous=contiguous)
        assert sequencer.admit(out) == out


@settings(max_examples=15)
@given(histories())
def test_what_arrives_or_can_be_fetched_in_time_is_never_missing(history):
    arrivals, _, _, _ = history
    keeper = Keeper()
    out = keeper.take(1)
    for _, seq in arrivals:
        out += keeper.take(seq)
        keeper.after(0.01)
    keeper.after(TIMING.grace_s)
    while wanted := keeper.wanted():
        for each in wanted:
            out += keeper.fill(each, *range(each.first, each.last + 1))
            out += keeper.answered(each)
        keeper.after(TIMING.retry_s)
    assert seqs(out) == list(range(1, max([1, *(seq for _, seq in arrivals)]) + 1))
    assert gaps(out) == {}


@pytest.mark.parametrize("contiguous", [False, True])
def test_the_status_tells_of_the_newest_trades(contiguous):
    keeper = Keeper(contiguous=contiguous)
    keeper.keeper.resumed(*TICKER, keeper.now_s)
    keeper.after(61)
    assert (keeper.status.trade_age_s, keeper.status.is_stale) == (None, True)
    keeper.take(5, 6)
    keeper.after(59)
    status = keeper.status
    assert (status.trade_age_s, status.is_stale) == (59.0, False)
    assert (status.trades, status.latency_p50_us, status.latency_p99_us) == (2, 7, 7)
    keeper.after(2)
    assert keeper.status.is_stale
