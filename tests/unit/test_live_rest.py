"""Venues' past trades: what is asked for, how answers are read, and how far it goes."""

import asyncio
import json
from itertools import pairwise
from urllib.parse import urlencode

import httpx
import pytest
from msgspec.structs import replace

from penstock.drivers.live.backfill import Backfill
from penstock.drivers.live.endpoints import ENDPOINTS, Rest
from penstock.drivers.live.rest import HISTORIES, RefusedError
from penstock.drivers.live.track import Wanted
from penstock.errors import UnavailableError
from penstock.feeds import BadFrameError
from penstock.model import Trade

NOW_US = 1_700_000_100_000_000
START_US = 1_700_000_000_000_000

COINBASE = b"""[
{"trade_id":8,"side":"sell","size":"0.5","price":"102.00",
 "time":"2023-11-14T22:14:02.000008Z"},
{"trade_id":7,"side":"buy","size":"1.25","price":"101.10",
 "time":"2023-11-14T22:14:01.5Z"}]"""
BINANCE = b"""[
{"id":7,"price":"101.10000000","qty":"1.25000000","quoteQty":"126.375",
 "time":1700000041500,"isBuyerMaker":true,"isBestMatch":true},
{"id":8,"price":"102.00000000","qty":"0.50000000","quoteQty":"51",
 "time":1700000042000,"isBuyerMaker":false,"isBestMatch":true}]"""
KRAKEN = b"""{"error":[],"result":{"XXBTZUSD":[
["101.10000","1.25000000",1700000041.5,"s","m","",7],
["102.00000","0.50000000",1700000042.0000089,"b","l","",8]],
"last":"1700000042000008900"}}"""


def wanted(venue, first=6, last=9, **times):
    symbol = "BTC-USDT" if venue.startswith("binance") else "BTC-USD"
    return Wanted(venue, symbol, first, last, **times)


def query(kind, wish):
    path, params = HISTORIES[kind].query(wish)
    return f"{path}?{urlencode(params)}"


class TestQueries:
    @pytest.mark.parametrize(
        ("kind", "wish", "expected"),
        [
            (
                "coinbase",
                wanted("coinbase"),
                "/products/BTC-USD/trades?limit=4&after=10",
            ),
            ("kraken", wanted("kraken"), "/0/public/Trades?pair=XBTUSD&count=1000"),
            (
                "coinbase",
                wanted("coinbase", 6, 5005),
                "/products/BTC-USD/trades?limit=1000&after=1006",
            ),
            (
                "coinbase",
                wanted("coinbase", 6, None),
                "/products/BTC-USD/trades?limit=1000",
            ),
            (
                "binance",
                wanted("binance", 6, 5005),
                "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=6&limit=1000",
            ),
            (
                "binance-usdm",
                wanted("binance-usdm"),
                "/fapi/v1/trades?symbol=BTCUSDT&limit=1000",
            ),
            (
                "kraken",
                wanted("kraken", after_us=1_700_000_000_000_001),
                "/0/public/Trades?pair=XBTUSD&count=1000&since=1700000000000000999",
            ),
            (
                "kraken",
                wanted("kraken", before_us=1_700_000_000_000_000),
                "/0/public/Trades?pair=XBTUSD&count=1000&since=1699999399999999999",
            ),
        ],
    )
    def test_each_venue_is_asked_in_its_own_way(self, kind, wish, expected):
        assert query(kind, wish) == expected


class TestAnswers:
    @pytest.mark.parametrize(
        ("kind", "venue", "body", "eighth_us"),
        [
            ("coinbase", "coinbase", COINBASE, 1_700_000_042_000_008),
            ("binance", "binance", BINANCE, 1_700_000_042_000_000),
            ("binance-usdm", "binance-usdm", BINANCE, 1_700_000_042_000_000),
            ("kraken", "kraken", KRAKEN, 1_700_000_042_000_008),
        ],
    )
    def test_they_are_trades_oldest_first_with_the_takers_side(
        self, kind, venue, body, eighth_us
    ):
        wish = wanted(venue)
        common = {"venue": venue, "symbol": wish.symbol, "received_us": NOW_US}
        assert HISTORIES[kind].read(body, wish, NOW_US).trades == [
            Trade(
                price=101.1,
                size=1.25,
                side="sell",
                event_us=1_700_000_041_500_000,
                trade_id="7",
                seq=7,
                **common,
            ),
            Trade(
                price=102.0,
                size=0.5,
                side="buy",
                event_us=eighth_us,
                trade_id="8",
                seq=8,
                **common,
            ),
        ]

    @pytest.mark.parametrize("kind", list(HISTORIES))
    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"{}", b'[{"trade_id":0}]', b'{"result":{}}']
    )
    def test_what_is_none_is_said_to_be_none(self, kind, body):
        with pytest.raises(BadFrameError):
            HISTORIES[kind].read(body, wanted("kraken"), NOW_US)

    @pytest.mark.parametrize(
        ("kind", "body", "bad"),
        [
            ("coinbase", COINBASE, b'{"trade_id":0},'),
            ("binance", BINANCE, b'{"id":6,"price":"NaN"},'),
            ("binance-usdm", BINANCE, b"null,"),
            ("kraken", KRAKEN, b'["1","1",NaN,"s","m","",6],'),
            ("kraken", KRAKEN, b'["1","1","NaN","s","m","",6],'),
            ("kraken", KRAKEN, b'["1","1","Infinity","s","m","",6],'),
            ("kraken", KRAKEN, b'["1","1",1e999999999,"s","m","",6],'),
            ("kraken", KRAKEN, b'["1","1",1e-999999999,"s","m","",6],'),
            ("kraken", KRAKEN, b'["NaN","1",1700000041.5,"s","m","",6],'),
            ("kraken", KRAKEN, b'["1e999999999","1",1700000041,"s","m","",6],'),
        ],
    )
    def test_what_is_bad_does_not_cost_what_is_good(self, kind, body, bad):
        body = body.replace(b"[\n", b"[" + bad, 1)
        if b",NaN," in bad:  # no JSON at all
            with pytest.raises(BadFrameError):
                HISTORIES[kind].read(body, wanted(kind), NOW_US)
            return
        answer = HISTORIES[kind].read(body, wanted(kind), NOW_US)
        assert [t.seq for t in answer.trades] == [7, 8]
        assert len(answer.faults) == 1
        assert answer.spent == ()

    @pytest.mark.parametrize(
        ("first", "last", "spent"), [(6, 30, [9, 11]), (10, 30, [11]), (6, 9, [9])]
    )
    def test_of_futures_an_id_between_the_newest_trades_is_no_trades(
        self, first, last, spent
    ):
        body = json.dumps([future(n) for n in (7, 8, 10, 12)]).encode()
        wish = wanted("binance-usdm", first, last)
        assert HISTORIES["binance-usdm"].read(body, wish, NOW_US).spent == spent

    def test_but_not_where_an_id_cannot_be_right(self):
        body = json.dumps([future(n) for n in (7, 8, 10**6)]).encode()
        wish = wanted("binance-usdm", 6, 10**6)
        assert HISTORIES["binance-usdm"].read(body, wish, NOW_US).spent == ()

    @pytest.mark.parametrize(
        ("reason", "is_limit"),
        [("EGeneral:Too many requests", True), ("EQuery:Unknown asset pair", False)],
    )
    def test_kraken_refuses_in_words(self, reason, is_limit):
        body = json.dumps({"error": [reason]}).encode()
        with pytest.raises(RefusedError, match=reason) as caught:
            HISTORIES["kraken"].read(body, wanted("kraken"), NOW_US)
        assert caught.value.is_limit is is_limit


def future(number):
    return {
        "id": number,
        "price": "1",
        "qty": "1",
        "time": 1700000041500,
        "isBuyerMaker": True,
    }


def page(*ids):
    return [
        Trade(
            venue="v", symbol="A-B", price=1, size=1, event_us=n, received_us=0, seq=n
        )
        for n in ids
    ]


def left(kind, wish, trades):
    rest = HISTORIES[kind].left(wish, trades)
    return rest and rest[2:4]


class TestPaging:
    @pytest.mark.parametrize(
        ("ids", "expected"),
        [
            ((8, 9), (6, 7)),
            ((6, 7, 8, 9), None),
            ((3, 4), None),
            ((10, 11), None),  # no step forward, so it would never end
        ],
    )
    def test_from_the_newest_backwards(self, ids, expected):
        assert left("coinbase", wanted("coinbase"), page(*ids)) == expected

    @pytest.mark.parametrize(
        ("ids", "expected"),
        [
            ((6, 7), (8, 9)),
            ((6, 7, 8, 9), None),
            ((10, 11), None),
            ((4, 5), None),
        ],
    )
    def test_from_the_oldest_forwards(self, ids, expected):
        assert left("binance", wanted("binance"), page(*ids)) == expected

    def test_without_an_end_it_goes_on_while_anything_comes(self):
        assert left("binance", wanted("binance", 6, None), page(6, 7)) == (8, None)

    def test_of_the_newest_one_page_is_enough_to_show_what_is_missing(self):
        assert left("coinbase", wanted("coinbase", 6, None), page(8, 9)) is None
        assert left("binance-usdm", wanted("binance-usdm"), page(8, 9)) is None


class TestByTime:
    """Kraken, which is asked for trades after a time."""

    def left(self, ids, *, first=6, last=9, us_per_id=10**9, **times):
        trades = [replace(t, event_us=START_US + t.seq * us_per_id) for t in page(*ids)]
        return HISTORIES["kraken"].left(wanted("kraken", first, last, **times), trades)

    def test_it_goes_on_from_the_newest_that_came(self):
        rest = self.left((6, 7), after_us=START_US + 5 * 10**9)
        assert (rest.first, rest.after_us) == (8, START_US + 7 * 10**9)

    def test_also_through_trades_that_are_older_than_what_is_wanted(self):
        rest = self.left((2, 3), after_us=1)
        assert (rest.first, rest.after_us) == (6, START_US + 3 * 10**9)

    def test_it_ends_with_the_last_and_where_nothing_moves(self):
        assert self.left((6, 7, 8, 9), after_us=START_US + 5 * 10**9) is None
        assert self.left((6, 7), after_us=START_US + 7 * 10**9) is None

    def test_a_guess_that_was_too_late_is_mended_by_how_fast_ids_rise(self):
        before_us = START_US + 2001 * 10**9
        rest = self.left((1000, 1010), last=2000, before_us=before_us, is_guess=True)
        assert rest.first == 6
        assert START_US - 300 * 10**9 < rest.after_us <= START_US + 6 * 10**9
        assert rest.is_guess

    def test_what_is_no_guess_is_not_mended(self):
        rest = self.left((7, 8), after_us=START_US + 5 * 10**9)
        assert (rest.first, rest.after_us) == (9, START_US + 8 * 10**9)

    def test_each_guess_goes_at_least_twice_as_far_back(self):
        wish, asked_us = wanted("kraken", before_us=START_US, is_guess=True), []
        # A market that stood still: nothing tells how fast ids rise.
        still = [replace(t, event_us=START_US) for t in page(8, 9)]
        while wish := HISTORIES["kraken"].left(wish, still):
            asked_us.append(START_US - wish.after_us)
        assert len(asked_us) < 30
        assert all(late >= 2 * early for early, late in pairwise(asked_us))


class Venue:
    """A venue's REST side without a socket, and a clock that waiting moves on."""

    def __init__(self, *answers, per_s=10.0, burst=2):
        self.answers = list(answers)
        self.asked = []
        self.now_s = 0.0
        rest = Rest(kind="coinbase", url="https://venue", per_s=per_s, burst=burst)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        self.backfill = Backfill(
            {"coinbase": rest},
            client,
            clock_us=lambda: NOW_US,
            clock_s=lambda: self.now_s,
            sleep=self.sleep,
        )

    def answer(self, request):
        self.asked.append((self.now_s, request.url.raw_path.decode()))
        return self.answers.pop(0)

    async def sleep(self, seconds):
        self.now_s += seconds

    def fetch(self, wish=None):
        async def collect():
            pages = self.backfill.pages(wish or wanted("coinbase"))
            return [[t.seq for t in page.trades] async for page in pages]

        # Nothing in it waits, so it needs no event loop, which would need sockets.
        try:
            collect().send(None)
        except StopIteration as end:
            return end.value


def rows(*ids):
    time = "2023-11-14T22:14:01Z"
    row = {"side": "buy", "size": "1", "price": "1", "time": time}
    return httpx.Response(200, json=[{"trade_id": n, **row} for n in reversed(ids)])


class TestBackfill:
    def test_pages_are_asked_for_until_all_has_come(self):
        venue = Venue(rows(8, 9), rows(5, 6, 7))
        assert venue.fetch() == [[8, 9], [6, 7]]
        assert [path for _, path in venue.asked] == [
            "/products/BTC-USD/trades?limit=4&after=10",
            "/products/BTC-USD/trades?limit=2&after=8",
        ]

    def test_what_was_not_asked_for_is_left_out(self):
        assert Venue(rows(4, 7, 12)).fetch() == [[7]]

    def test_requests_keep_to_the_venues_pace(self):
        venue = Venue(*[rows()] * 5, per_s=4.0, burst=2)
        for _ in range(5):
            venue.fetch()
        assert [at_s for at_s, _ in venue.asked] == [0, 0, 0.25, 0.5, 0.75]

    @pytest.mark.parametrize(
        ("status", "headers", "pause_s"),
        [
            (429, {"Retry-After": "7"}, 7.0),
            (429, {}, 5.0),
            (418, {"Retry-After": "30"}, 30.0),
            (418, {}, 120.0),
            (503, {}, 0.0),
        ],
    )
    def test_after_a_refusal_the_venue_is_left_alone(self, status, headers, pause_s):
        venue = Venue(httpx.Response(status, headers=headers), rows(6, 7, 8, 9))
        with pytest.raises(UnavailableError, match=f"HTTP {status}"):
            venue.fetch()
        if pause_s:
            venue.now_s += pause_s - 0.1
            with pytest.raises(UnavailableError, match="asked for a pause"):
                venue.fetch()
            venue.now_s += 0.2
        assert venue.fetch() == [[6, 7, 8, 9]]
        assert venue.backfill.requests == 2
        assert venue.backfill.errors == {f"HTTP {status}": 1}

    def test_what_waits_for_its_turn_heeds_a_pause_that_began_meanwhile(self):
        venue = Venue(rows(6, 7, 8, 9), rows(6, 7, 8, 9), per_s=1.0, burst=1)
        venue.fetch()

        async def sleep(seconds):
            venue.now_s += seconds
            # As another request does that is refused meanwhile.
            venue.backfill._buckets["venue"].pause(30.0, venue.now_s)

        venue.backfill._sleep = sleep
        with pytest.raises(UnavailableError, match="asked for a pause, of which 30 s"):
            venue.fetch()
        assert len(venue.asked) == 1

    def test_who_is_stopped_while_waiting_gives_the_turn_back(self):
        venue = Venue(*[rows(6, 7, 8, 9)] * 3, per_s=1.0, burst=1)
        venue.fetch()

        async def stopped(seconds):
            raise asyncio.CancelledError

        venue.backfill._sleep, sleep = stopped, venue.backfill._sleep
        for _ in range(10):
            with pytest.raises(asyncio.CancelledError):
                venue.fetch()
        venue.backfill._sleep = sleep
        venue.fetch()
        assert [at_s for at_s, _ in venue.asked] == [0, 1.0]

    def test_trades_that_cannot_be_read_are_counted_and_the_others_come(self):
        answer = rows(6, 7, 9)
        found = [*answer.json(), {"trade_id": 8, "price": "none"}]
        venue = Venue(httpx.Response(200, json=found))
        assert venue.fetch() == [[6, 7, 9]]
        assert venue.backfill.errors == {"unreadable trades": 1}

    def test_what_cannot_be_read_is_counted(self):
        venue = Venue(httpx.Response(200, content=b"<html>"))
        with pytest.raises(BadFrameError):
            venue.fetch()
        assert venue.backfill.errors == {"unreadable": 1}

    def test_an_answer_without_end_is_not_read_to_its_end(self):
        venue = Venue(httpx.Response(200, content=b" " * (4 * 1024 * 1024 + 1)))
        with pytest.raises(UnavailableError, match="answers without end"):
            venue.fetch()


def test_every_feed_whose_ids_count_has_somewhere_to_ask():
    for name in ("binance", "coinbase", "coinbase-advanced", "kraken"):
        assert ENDPOINTS[name].rest is not None
