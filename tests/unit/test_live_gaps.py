"""Which trades go on, in what order, and what is marked as missing."""

import pytest
from msgspec.structs import replace

from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.gaps import GapKeeper
from penstock.drivers.live.track import Wanted
from penstock.model import Trade

TIMING = Timing(grace_s=1.0, patience_s=10.0, retry_s=2.0, max_held=50)
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
    """A keeper, and the clock that it goes by; 4 is the last trade that it knows."""

    def __init__(self, marks=None, *, contiguous=True, fetchable=("coinbase",)):
        marks = {"coinbase:BTC-USD": 4} if marks is None else marks
        if not contiguous:
            fetchable = ()
        self.keeper = GapKeeper(marks, fetchable, TIMING)
        self.contiguous = contiguous
        self.now_s = 100.0

    def take(self, *ids):
        return self.keeper.take(trades(*ids), self.now_s, contiguous=self.contiguous)

    def after(self, seconds):
        self.now_s += seconds
        return self.keeper.due(self.now_s)

    def wanted(self):
        return self.keeper.wanted(self.now_s)

    def fill(self, wanted, *ids, spent=()):
        return self.keeper.fill(wanted, trades(*ids), self.now_s, spent)

    def spent(self, *ids):
        return self.keeper.spent(*TICKER, ids, self.now_s)

    def resumed(self, **blind):
        self.keeper.resumed(*TICKER, self.now_s, **blind)

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

    def test_the_first_trades_wait_for_one_another_and_it_begins_with_the_oldest(self):
        keeper = Keeper({})
        assert keeper.take(501, 500, 502) == []
        assert keeper.after(0.9) == []
        given = keeper.after(0.1)
        assert (seqs(given), gaps(given)) == ([500, 501, 502], {})
        assert seqs(keeper.take(503)) == [503]
        assert keeper.status.duplicates == 0

    def test_it_begins_so_too_where_they_can_wait_no_longer(self):
        keeper = Keeper({})
        keeper.take(502, 500)
        given = keeper.keeper.flush()
        assert (seqs(given), gaps(given)) == ([500, 502], {502: 1})
        keeper = Keeper({})
        given = keeper.take(*range(510, 499, -1), *range(511, 560))
        assert seqs(given) == list(range(500, 560))
        assert gaps(given) == {}

    def test_what_is_missing_among_the_first_is_asked_for(self):
        keeper = Keeper({})
        keeper.take(500, 502)
        assert keeper.wanted() == []
        assert seqs(keeper.after(1.0)) == [500]
        assert keeper.wanted()[0][2:4] == (501, 501)

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
        assert keeper.keeper.take(other, keeper.now_s, contiguous=True) == []
        assert keeper.after(1.0) == other


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
        keeper.answered(wanted)
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
        assert keeper.fill(wanted, 7) == []
        keeper.answered(wanted)
        keeper.after(1.9)
        assert keeper.wanted() == []
        keeper.after(0.1)
        assert keeper.wanted() == [Wanted(*TICKER, 6, 8, 5000, 7000)]

    def test_it_is_asked_on_for_at_once_where_some_came(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        keeper.fill(wanted, 6)
        keeper.answered(wanted)
        assert keeper.wanted() == [Wanted(*TICKER, 7, 8, 6000, 9000)]

    def test_a_request_that_fails_lets_nothing_go(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        keeper.answered(wanted)
        assert keeper.after(8.9) == []
        given = keeper.after(0.1)
        assert (seqs(given), gaps(given)) == ([9], {9: 3})

    def test_a_new_connection_while_it_is_fetched_lets_nothing_go(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.resumed(blind_s=1.0)
        keeper.take(9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        keeper.resumed(blind_s=1.0)
        keeper.take(13)
        keeper.answered(wanted)
        keeper.after(2.0)
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (6, 12)
        assert seqs(keeper.fill(wanted, *range(6, 13))) == list(range(6, 14))
        assert keeper.status.missing == 0

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

    def test_of_a_large_one_all_is_asked_for_and_goes_on_as_it_comes(self):
        keeper = Keeper()
        keeper.take(5, 20_006)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (6, 20_005)
        assert seqs(keeper.fill(wanted, *range(6, 1006))) == list(range(6, 1006))
        keeper.answered(wanted)
        assert keeper.wanted()[0][2:4] == (1006, 20_005)
        given = keeper.after(10)
        assert gaps(given) == {20_006: 19_000}

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
        keeper.take(2**40, 2**40 + 1, 2**40 + 2)
        assert gaps(keeper.keeper.flush()) == {2**40: 2**31 - 1}


class TestSpentIds:
    def test_ids_that_the_venue_spent_on_no_trade_are_not_missing(self):
        keeper = Keeper()
        keeper.take(5)
        assert keeper.spent(6, 7) == []
        given = keeper.take(8)
        assert (seqs(given), gaps(given)) == ([8], {})

    def test_nor_are_those_that_a_fetched_page_shows(self):
        keeper = Keeper()
        keeper.take(5, 9)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        given = keeper.fill(wanted, 6, 8, spent=[7])
        assert (seqs(given), gaps(given)) == ([6, 8, 9], {})
        assert keeper.status.missing == 0

    def test_what_is_missing_around_them_is_counted(self):
        keeper = Keeper()
        keeper.take(5, 10)
        keeper.spent(7, 8)
        given = keeper.after(10)
        assert (seqs(given), gaps(given)) == ([10], {10: 2})

    def test_what_was_given_up_before_one_counts_for_the_trade_after_it(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.spent(8)
        assert keeper.after(10) == []
        given = keeper.take(9)
        assert (seqs(given), gaps(given)) == ([9], {9: 2})

    def test_one_among_the_first_trades_is_not_missing_either(self):
        keeper = Keeper({})
        keeper.take(5)
        keeper.spent(6)
        keeper.take(7)
        assert (seqs(keeper.after(1.0)), keeper.wanted()) == ([5, 7], [])

    def test_one_that_is_no_id_changes_nothing(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.spent(10**9, 2)
        keeper.after(10)
        assert seqs(keeper.take(6)) == [6]


class TestOddIds:
    """Ids that are far from where a ticker stands."""

    def test_one_garbled_id_changes_nothing_but_is_counted(self):
        keeper = Keeper()
        given = keeper.take(5, 10**9, 6, 7)
        assert (seqs(given), gaps(given)) == ([5, 6, 7], {})
        assert (keeper.status.odd, keeper.status.held) == (1, 0)

    def test_one_that_is_no_id_is_left_out(self):
        keeper = Keeper()
        keeper.take(5)
        for number in range(5):
            assert keeper.take(2**62 + number) == []
        assert seqs(keeper.take(6)) == [6]
        assert keeper.status.odd == 5

    def test_a_time_to_come_is_left_out_and_its_id_fetched(self):
        keeper = Keeper()
        keeper.take(5)
        garbled = [trade(6, event_us=2 * 86_400_000_000)]
        keeper.keeper.take(garbled, keeper.now_s, contiguous=True)
        keeper.take(7)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert seqs(keeper.fill(wanted, 6)) == [6, 7]
        assert keeper.status.odd == 1

    def test_what_is_fetched_has_no_odd_ids_either(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.check(*TICKER, keeper.now_s)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert seqs(keeper.fill(wanted, 6, 10**9)) == [6]
        assert keeper.status.held == 0

    def test_a_large_jump_that_others_confirm_is_a_gap(self):
        keeper = Keeper()
        keeper.take(5, 500_006)
        assert keeper.take(500_008) == []
        keeper.take(500_007, 500_009)
        given = keeper.after(10)
        assert seqs(given) == list(range(500_006, 500_010))
        assert gaps(given) == {500_006: 500_000}
        assert keeper.status.odd == 0

    def test_ids_that_begin_anew_are_taken_as_soon_as_three_agree(self):
        keeper = Keeper({"coinbase:BTC-USD": 10**6 - 1})
        keeper.take(10**6)
        anew = [trade(seq, event_us=2 * 10**9 + seq) for seq in (1, 3, 2)]
        given = keeper.keeper.take(anew, keeper.now_s, contiguous=True)
        assert [t.seq - 2**44 for t in given] == [1, 2, 3]
        assert gaps(given) == {}
        (fourth,) = keeper.keeper.take(
            [trade(4, event_us=3 * 10**9)], keeper.now_s, contiguous=True
        )
        assert fourth.seq == 2**44 + 4
        status = keeper.status
        assert (status.resets, status.odd, status.duplicates) == (1, 0, 0)

    def test_after_that_gaps_are_marked_and_fetched_as_before(self):
        keeper = self.begun_anew()
        late = [trade(8, event_us=2 * 10**9)]
        assert keeper.keeper.take(late, keeper.now_s, contiguous=True) == []
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        assert wanted[2:4] == (4, 7)
        given = keeper.fill(wanted, 4, 5, 6)
        assert [t.seq - 2**44 for t in given] == [4, 5, 6]
        assert [t.gap for t in keeper.after(10)] == [1]
        assert keeper.keeper.last_of(*TICKER) == 8

    def test_the_next_start_goes_on_in_the_new_numbering(self):
        keeper = Keeper({"coinbase:BTC-USD": 2**44 + 3})
        given = keeper.take(3, 4, 5)
        assert [t.seq - 2**44 for t in given] == [4, 5]
        assert keeper.status.duplicates == 1

    def test_what_was_asked_for_before_is_no_answer_to_what_is_asked_after(self):
        keeper = Keeper({"coinbase:BTC-USD": 10**6 - 1})
        keeper.take(10**6, 10**6 + 2)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        self.begin_anew(keeper)
        assert keeper.fill(wanted, 10**6 + 1) == []
        keeper.answered(wanted)

    def test_repeats_and_latecomers_are_no_new_numbering(self):
        keeper = Keeper({"coinbase:BTC-USD": 100})
        assert keeper.take(*range(90, 101)) == []
        keeper.take(101, 102, 110)
        keeper.after(10)
        assert keeper.take(103, 104, 105, 106) == []
        assert keeper.status.duplicates == 15
        assert keeper.status.resets == 0

    def test_a_numbering_that_began_while_we_were_away_is_found_in_time(self):
        keeper = Keeper({"coinbase:BTC-USD": 10**6})
        start_us = 10**12

        def take(seq, after_us):
            fresh = Trade(
                venue="coinbase",
                symbol="BTC-USD",
                price=1.0,
                size=1.0,
                event_us=start_us + after_us,
                received_us=start_us + after_us,
                seq=seq,
            )
            return keeper.keeper.take([fresh], keeper.now_s, contiguous=True)

        assert take(1, 0) == []  # it may be a repeat
        assert [take(seq, seq * 10**6) for seq in range(2, 11)] == [[]] * 9
        given = take(11, 11 * 10**6)
        assert [t.seq - 2**44 for t in given] == list(range(2, 12))

    def begin_anew(self, keeper):
        anew = [trade(seq, event_us=2 * 10**9 + seq) for seq in (1, 2, 3)]
        return keeper.keeper.take(anew, keeper.now_s, contiguous=True)

    def begun_anew(self):
        keeper = Keeper({"coinbase:BTC-USD": 10**6 - 1})
        keeper.take(10**6)
        self.begin_anew(keeper)
        return keeper


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
        keeper.keeper.heard_of(*TICKER, 10**4, keeper.now_s)
        keeper.after(4)
        (wanted,) = keeper.wanted()
        keeper.answered(wanted)
        keeper.after(10)
        assert keeper.wanted() == []
        given = keeper.take(6, 8)
        assert (seqs(given), gaps(given)) == ([6], {})

    def test_one_that_is_no_id_is_not_asked_for(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.heard_of(*TICKER, 10**9, keeper.now_s)
        keeper.after(4)
        assert keeper.wanted() == []

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
        names = [f"A{n}-USD" for n in range(5)]
        keeper = Keeper({f"coinbase:{name}": 4 for name in ["BTC-USD", *names]})
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

    def test_one_more_while_the_venue_is_asked_is_asked_after_it(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.keeper.check(*TICKER, keeper.now_s)
        keeper.after(1.0)
        (wanted,) = keeper.wanted()
        keeper.keeper.check(*TICKER, keeper.now_s)
        assert keeper.wanted() == []
        keeper.answered(wanted)
        keeper.after(2.0)
        assert keeper.wanted()[0][2:4] == (6, None)


class TestIdsThatDoNotCount:
    def test_jumps_are_no_gaps(self):
        keeper = Keeper({}, contiguous=False)
        keeper.take(5, 900, 5, 901)
        given = keeper.after(0.1)
        assert (seqs(given), gaps(given)) == ([5, 900, 901], {})
        assert keeper.status.duplicates == 1

    def test_trades_that_overtook_one_another_are_put_in_order(self):
        keeper = Keeper({}, contiguous=False)
        keeper.take(900)
        keeper.take(5, 901)
        assert seqs(keeper.after(0.1)) == [5, 900, 901]
        assert keeper.status.duplicates == 0

    def test_one_that_comes_too_late_is_a_missing_one(self):
        keeper = Keeper({}, contiguous=False)
        keeper.take(5, 900)
        keeper.after(0.1)
        assert keeper.take(7, 7, 5, 901) == []
        given = keeper.after(0.1)
        assert (seqs(given), gaps(given)) == ([901], {901: 1})
        assert (keeper.status.missing, keeper.status.duplicates) == (1, 2)

    def test_a_lost_connection_is_an_outage(self):
        keeper = Keeper({}, contiguous=False)
        keeper.take(5)
        keeper.after(1)
        keeper.resumed(blind_s=2.5)
        assert keeper.status.outages == 0
        keeper.take(30)
        keeper.after(1)
        keeper.take(31)
        assert (keeper.status.outages, keeper.status.blind_s) == (1, 2.5)
        keeper.resumed(blind_s=1.5)
        keeper.take(40)
        assert (keeper.status.outages, keeper.status.blind_s) == (2, 4.0)

    def test_one_that_was_replaced_in_time_is_none(self):
        keeper = Keeper({}, contiguous=False)
        keeper.take(5)
        keeper.resumed()
        keeper.take(30)
        assert keeper.status.outages == 0

    def test_a_start_that_goes_on_from_an_earlier_run_is_one(self):
        keeper = Keeper(contiguous=False)
        keeper.take(30)
        assert (keeper.status.outages, keeper.status.blind_s) == (1, 0.0)

    def test_where_ids_count_what_was_missed_is_counted_instead(self):
        keeper = Keeper()
        keeper.take(5)
        keeper.resumed(blind_s=2.5)
        keeper.take(8)
        keeper.after(10)
        assert (keeper.status.outages, keeper.status.missing) == (0, 2)

    def test_ids_that_begin_anew_go_on(self):
        keeper = Keeper({"coinbase:BTC-USD": 10**6 - 1}, contiguous=False)
        keeper.take(10**6)
        keeper.after(0.1)
        anew = [trade(seq, event_us=2 * 10**9 + seq) for seq in (10, 30, 50)]
        keeper.keeper.take(anew, keeper.now_s, contiguous=False)
        assert [t.seq - 2**44 for t in keeper.after(0.1)] == [10, 30, 50]
        assert keeper.status.resets == 1


class TestWithoutIds:
    def setup_method(self):
        self.keeper = GapKeeper({}, (), TIMING)

    def take(self, *times_us):
        made = [trade(0, event_us=us) for us in times_us]
        given = self.keeper.take(made, 100.0, contiguous=False)
        return [t.event_us for t in given]

    @property
    def status(self):
        (status,) = self.keeper.statuses(100.0, {})
        return status

    def test_all_goes_on_but_what_a_new_connection_repeats(self):
        assert self.take(10, 20, 20, 15) == [10, 20, 20, 15]
        self.keeper.resumed(*TICKER, 100.0, blind_s=3.0)
        assert self.take(15, 20, 21, 21, 19) == [21, 21]
        # It repeats what came before, so nothing can be missing in between.
        assert self.status.outages == 0

    def test_a_time_to_come_silences_nothing(self):
        to_come_us = 3 * 86_400_000_000
        assert self.take(10, to_come_us, 20) == [10, 20]
        self.keeper.resumed(*TICKER, 100.0, blind_s=3.0)
        assert self.take(30) == [30]
        assert self.status.odd == 1

    def test_a_connection_that_repeats_nothing_known_ends_an_outage(self):
        self.take(10)
        self.keeper.resumed(*TICKER, 100.0, blind_s=3.0)
        assert self.take(15, 16) == [15, 16]
        assert (self.status.outages, self.status.blind_s) == (1, 3.0)

    def test_what_an_earlier_run_passed_on_is_known(self):
        self.keeper = GapKeeper({"coinbase:BTC-USD": 20 * 1024}, (), TIMING)
        assert self.take(10, 20, 21) == [21]
        assert self.status.outages == 0


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


def test_what_a_venue_repeats_on_subscribing_says_nothing_of_how_long_trades_take():
    keeper = Keeper({})
    keeper.resumed()
    snapshot = [replace(t, received_us=10**6) for t in trades(5, 6, 7)]
    live = [replace(t, received_us=10**6 + 1) for t in trades(8)]
    keeper.keeper.take(snapshot, keeper.now_s, contiguous=True)
    keeper.keeper.take(live, keeper.now_s, contiguous=True)
    keeper.after(1.0)
    keeper.keeper.fill(Wanted(*TICKER, 9, 9), trades(9), keeper.now_s)
    status = keeper.status
    assert status.trades == 5
    assert status.latency_p50_us == status.latency_p99_us == 10**6 + 1 - 8000
