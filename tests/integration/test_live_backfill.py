"""Whatever a venue's REST side does: what is missing is fetched, or marked exactly."""

import pytest
from msgspec.structs import replace

from tests.live import QUICK, check, live, receive, symbols_of
from tests.servers import (
    Drop,
    Hang,
    Malform,
    PartialPage,
    Reset,
    ResetRequest,
    Status,
    Truncate,
    VenueServer,
    made_trades,
)

COUNT = 500
AT = 200


def play(kind, *faults, trades=None, timing=QUICK, happened=0, marks=None):
    """Feed a market of one symbol to its end; return what came, status and server."""
    symbol = symbols_of(kind)[0]
    trades = trades or made_trades(kind, COUNT, symbols=[symbol])
    with VenueServer(
        kind, trades, faults=faults, happened=happened, heartbeat_s=0.05
    ) as venue:
        source = live(kind, venue, symbols=[symbol], timing=timing, marks=marks)
        last = trades[-1].seq
        received = receive(source, lambda r: r.trades and r.trades[-1].seq == last)
    return received, source.status(), venue


@pytest.mark.parametrize("kind", ["coinbase", "kraken", "binance"])
class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Status(status=500), "HTTP 500"),
            (Status(status=503, times=2), "HTTP 503"),
            (Hang(), "ReadTimeout"),
            (ResetRequest(), "ReadError"),
            (Truncate(), "RemoteProtocolError"),
            (Malform(), "unreadable"),
        ],
        ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
    )
    def test_a_request_that_fails_is_repeated(self, kind, fault, error):
        timing = replace(QUICK, request_s=0.3)
        received, status, venue = play(kind, Drop(at=AT), fault, timing=timing)
        assert received.missing == 0
        assert received.backfilled >= 1
        assert status.request_errors == {error: getattr(fault, "times", 1)}
        assert len(venue.asked) == status.requests

    def test_after_a_refusal_nothing_is_asked_until_the_time_is_up(self, kind):
        limit = Status(status=429, headers={"Retry-After": "1"})
        received, status, venue = play(kind, Drop(at=AT), limit)
        assert received.missing == 0
        assert status.request_errors == {"HTTP 429": 1}
        first, second = (asked.at_s for asked in venue.asked[:2])
        assert 1.0 <= second - first < 2.0

    def test_where_that_takes_too_long_the_gap_is_marked(self, kind):
        limit = Status(status=418, headers={"Retry-After": "3600"})
        timing = replace(QUICK, patience_s=0.3)
        received, status, venue = play(kind, Drop(at=AT), limit, timing=timing)
        (lost,) = venue.visits[0].dropped
        (marked,) = (trade for trade in received.trades if trade.gap)
        assert (marked.gap, marked.seq) == (1, lost.seq + 1)
        assert len(venue.asked) == 1
        assert status.tickers[0].missing == 1

    def test_pages_that_are_cut_are_asked_on_for(self, kind):
        pages = PartialPage(times=3, keep=1)
        received, _, venue = play(kind, Drop(at=AT, messages=10), pages)
        assert received.missing == 0
        assert len(venue.asked) > 3

    def test_what_a_venue_does_not_have_is_marked(self, kind):
        # Some of the dropped ones come, and then no more.
        pages = PartialPage(times=1, keep=3)
        nothing = Status(at=1, times=10**6, status=404)
        timing = replace(QUICK, patience_s=0.3)
        faults = [Drop(at=AT, messages=10), pages, nothing]
        received, _, venue = play(kind, *faults, timing=timing)
        assert received.backfilled <= 3
        assert received.missing == 10 - received.backfilled
        assert len(venue.visits[0].dropped) == 10


class TestLargeGaps:
    @pytest.mark.parametrize("kind", ["coinbase", "binance", "kraken"])
    def test_thousands_come_in_pages(self, kind):
        trades = made_trades(kind, 8000, symbols=symbols_of(kind)[:1])
        received, status, _ = play(kind, Reset(at=AT, missed=7500), trades=trades)
        check(received, trades)
        assert received.missing == 0
        assert received.backfilled > 7000
        assert 8 <= status.requests <= 10

    def test_what_futures_do_not_have_any_more_is_marked_exactly(self):
        kind = "binance-usdm"
        trades = made_trades(kind, 3000, symbols=symbols_of(kind)[:1])
        timing = replace(QUICK, patience_s=0.5)
        faults = [Reset(at=AT, missed=2500)]
        received, _, _ = play(kind, *faults, trades=trades, timing=timing)
        check(received, trades)
        assert sum(1 for trade in received.trades if trade.gap) == 1
        assert 1500 <= received.missing < 2500
        assert received.backfilled > 0


class TestFutures:
    """Whose ids count by one, but for those that are spent on no trade."""

    @pytest.mark.parametrize("missed", [0, 30])
    def test_a_venue_that_cannot_be_asked_leaves_a_gap_that_is_marked(self, missed):
        timing = replace(QUICK, patience_s=0.3)
        faults = [Reset(at=AT, missed=missed), Drop(at=AT + 100, messages=3)]
        nothing = Status(times=10**6, status=503)
        received, _, venue = play("binance-usdm", *faults, nothing, timing=timing)
        lost = sum(len(visit.dropped) for visit in venue.visits)
        assert lost == 3
        assert received.backfilled == 0
        assert missed <= received.missing - lost <= missed + 1

    def test_a_connection_that_is_lost_while_it_is_asked_costs_nothing(self):
        faults = [Reset(at=AT, missed=30), Hang(), Reset(at=AT + 60, missed=30)]
        timing = replace(QUICK, request_s=0.3)
        received, _, _ = play("binance-usdm", *faults, timing=timing)
        assert received.missing == 0
        assert received.backfilled >= 60


class TestRestart:
    @pytest.mark.parametrize("kind", ["coinbase", "binance", "binance-usdm", "kraken"])
    def test_what_was_missed_between_two_runs_is_fetched(self, kind):
        # 250 trades in eight hours, of which Kraken repeats the newest fifty.
        trades = made_trades(kind, COUNT, symbols=symbols_of(kind)[:1], rate_per_s=0.01)
        marks = {trades[0].ticker: trades[149].seq}
        received, status, _ = play(kind, trades=trades, happened=250, marks=marks)
        assert [t.seq for t in received.trades] == [t.seq for t in trades[150:]]
        assert received.backfilled == {"kraken": 50, "coinbase": 99}.get(kind, 100)
        assert status.requests <= 3

    def test_what_the_stream_has_is_not_given_again(self):
        trades = made_trades("kraken", COUNT)
        marks = {trades[0].ticker: trades[199].seq}
        received, status, _ = play("kraken", trades=trades, happened=200, marks=marks)
        assert [t.seq for t in received.trades] == [t.seq for t in trades[200:]]
        assert status.tickers[0].duplicates == 50
