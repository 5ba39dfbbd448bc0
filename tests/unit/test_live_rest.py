"""Venues' past trades: what is asked for, how answers are read, and how far it goes."""

import json
from urllib.parse import urlencode

import httpx
import pytest

from penstock.drivers.live.backfill import Backfill
from penstock.drivers.live.endpoints import ENDPOINTS, Rest
from penstock.drivers.live.rest import HISTORIES, RefusedError, remaining
from penstock.drivers.live.track import Wanted
from penstock.errors import UnavailableError
from penstock.feeds import BadFrameError
from penstock.model import Trade

NOW_US = 1_700_000_100_000_000

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
                "/0/public/Trades?pair=XBTUSD&since=1700000000000000999&count=1000",
            ),
            (
                "kraken",
                wanted("kraken", before_us=1_700_000_000_000_000),
                "/0/public/Trades?pair=XBTUSD&since=1699999399999999999&count=1000",
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
        assert HISTORIES[kind].read(body, wish, NOW_US) == [
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
        ("reason", "is_limit"),
        [("EGeneral:Too many requests", True), ("EQuery:Unknown asset pair", False)],
    )
    def test_kraken_refuses_in_words(self, reason, is_limit):
        body = json.dumps({"error": [reason]}).encode()
        with pytest.raises(RefusedError, match=reason) as caught:
            HISTORIES["kraken"].read(body, wanted("kraken"), NOW_US)
        assert caught.value.is_limit is is_limit


def page(*ids):
    return [
        Trade(
            venue="v", symbol="A-B", price=1, size=1, event_us=n, received_us=0, seq=n
        )
        for n in ids
    ]


class TestPaging:
    @pytest.mark.parametrize(
        ("ids", "left"),
        [
            ((8, 9), (6, 7)),
            ((6, 7, 8, 9), None),
            ((3, 4), None),
            ((), None),
            ((10, 11), None),  # no step forward, so it would never end
        ],
    )
    def test_from_the_newest_backwards(self, ids, left):
        rest = remaining(wanted("coinbase"), page(*ids), HISTORIES["coinbase"])
        assert (rest and rest[2:4]) == left

    @pytest.mark.parametrize(
        ("ids", "left"),
        [
            ((6, 7), (8, 9)),
            ((6, 7, 8, 9), None),
            ((10, 11), None),
            ((), None),
            ((4, 5), None),
        ],
    )
    def test_from_the_oldest_forwards(self, ids, left):
        rest = remaining(wanted("binance"), page(*ids), HISTORIES["binance"])
        assert (rest and rest[2:4]) == left
        assert rest is None or rest.after_us == max(ids)

    def test_without_an_end_it_goes_on_while_anything_comes(self):
        wish = wanted("binance", 6, None)
        rest = remaining(wish, page(6, 7), HISTORIES["binance"])
        assert rest[2:4] == (8, None)
        wish = wanted("coinbase", 6, None)
        rest = remaining(wish, page(8, 9), HISTORIES["coinbase"])
        assert rest[2:4] == (6, 7)


class Venue:
    """A venue's REST side without a socket, and a clock that waiting moves on."""

    def __init__(self, *answers, per_s=10.0, burst=2, most=1000):
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
            most=most,
        )

    def answer(self, request):
        self.asked.append((self.now_s, request.url.raw_path.decode()))
        return self.answers.pop(0)

    async def sleep(self, seconds):
        self.now_s += seconds

    def fetch(self, wish=None):
        async def collect():
            pages = self.backfill.pages(wish or wanted("coinbase"))
            return [[t.seq for t in page] async for page in pages]

        # Nothing in it waits, so it needs no event loop, which would need sockets.
        with pytest.raises(StopIteration) as end:
            collect().send(None)
        return end.value.value


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

    def test_no_more_than_agreed_is_fetched(self):
        venue = Venue(rows(8, 9), rows(6, 7), most=2)
        assert venue.fetch() == [[8, 9]]

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
