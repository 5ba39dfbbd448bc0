"""What a poller asks and reads, without a network: bodies, limits, times."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.drivers.limits import Bucket, retry_after_s
from penstock.feeds import BadFrameError, Notes
from penstock.feeds.coinbase_rest import read_spot, read_ticker
from penstock.model import Trade

RECEIVED_US = 1_732_146_000_012_345
SPOT = b'{"data":{"amount":"64090.00","base":"BTC","currency":"USD"}}'
TICKER = {
    "ask": "64090.01",
    "bid": "64090",
    "volume": "6482.03259157",
    "trade_id": 1081862675,
    "price": "64090.01",
    "size": "0.00001234",
    "time": "2024-11-20T23:40:00.001234567Z",
    "rfq_volume": "71.158151",
    "conversions_volume": "0.00",
}
IN_2015_S = 1_445_412_480  # Wed, 21 Oct 2015 07:28:00 GMT


def ticker(**fields):
    return json.dumps(TICKER | fields).encode()


class TestBodies:
    def test_a_spot_price_has_no_size_no_id_and_the_time_of_receipt(self):
        assert read_spot(SPOT, "BTC-USD", RECEIVED_US, Notes()) == Trade(
            venue="coinbase-spot",
            symbol="BTC-USD",
            price=64090.0,
            size=0.0,
            event_us=RECEIVED_US,
            received_us=RECEIVED_US,
        )

    def test_the_order_of_its_keys_does_not_matter(self):
        body = b'{"data":{"base":"BTC","currency":"USD","amount":"1e-7","new":[]}}'
        assert read_spot(body, "BTC-USD", 7, Notes()).price == 1e-7

    def test_a_ticker_is_the_last_trade_under_its_own_id(self):
        assert read_ticker(ticker(), "BTC-USD", RECEIVED_US, Notes()) == Trade(
            venue="coinbase",
            symbol="BTC-USD",
            price=64090.01,
            size=0.00001234,
            event_us=1_732_146_000_001_234,
            received_us=RECEIVED_US,
            trade_id="1081862675",
            seq=1081862675,
        )

    def test_the_price_of_something_else_is_refused(self):
        with pytest.raises(BadFrameError, match="price of ETH-USD; found that of BTC"):
            read_spot(SPOT, "ETH-USD", 7, Notes())

    @pytest.mark.parametrize(
        "body",
        [
            *(b"", b"{}", b"<html>", b"null", b'{"data":{}}', SPOT[:-5]),
            SPOT.replace(b"64090.00", b"0"),
            SPOT.replace(b"64090.00", b"NaN"),
            SPOT.replace(b"64090.00", b"-1"),
        ],
    )
    def test_what_is_no_spot_price(self, body):
        with pytest.raises(BadFrameError):
            read_spot(body, "BTC-USD", 7, Notes())

    @pytest.mark.parametrize(
        "fields",
        [
            {"trade_id": 0},
            {"trade_id": "soon"},
            {"price": "0"},
            {"size": "-1"},
            {"time": "2024-11-20T23:40:00"},
            {"time": None},
        ],
    )
    def test_what_is_no_ticker(self, fields):
        with pytest.raises(BadFrameError):
            read_ticker(ticker(**fields), "BTC-USD", 7, Notes())

    def test_digits_that_are_lost_are_counted(self):
        notes = Notes()
        read_ticker(ticker(price="64090.012345678901"), "BTC-USD", 7, notes)
        assert notes.rounded == 1


class TestLimits:
    def test_a_burst_goes_at_once_and_then_so_many_a_second(self):
        bucket = Bucket(per_s=2, burst=3)
        waits = [bucket.wait_s(100.0) for _ in range(5)]
        assert waits == [0, 0, 0, 0.5, 1.0]

    def test_a_pause_fills_it_up_and_no_further(self):
        bucket = Bucket(per_s=2, burst=3)
        for _ in range(3):
            bucket.wait_s(100.0)
        assert [bucket.wait_s(1000.0) for _ in range(4)] == [0, 0, 0, 0.5]

    def test_a_turn_that_is_given_back_is_no_ones_debt(self):
        bucket = Bucket(per_s=2, burst=1)
        bucket.wait_s(100.0)
        for _ in range(10):
            bucket.wait_s(100.0)
            bucket.give_back()
        assert bucket.wait_s(100.0) == 0.5

    @given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
    @settings(max_examples=30)
    def test_no_second_sees_more_than_was_said(self, idle_s):
        bucket, now_s, turns = Bucket(per_s=5, burst=4), 0.0, []
        for idle in idle_s:
            now_s += idle
            now_s += bucket.wait_s(now_s)
            turns.append(now_s)
        for start in turns:
            within = [turn for turn in turns if start <= turn < start + 1 - 1e-9]
            assert len(within) <= 4 + 5

    def test_the_longer_of_two_pauses_counts(self):
        bucket = Bucket(per_s=1, burst=1)
        bucket.pause(30, 100.0)
        bucket.pause(5, 101.0)
        assert bucket.paused_s(110.0) == 20
        assert bucket.paused_s(131.0) == 0

    @pytest.mark.parametrize(
        ("text", "expected_s"),
        [
            ("0", 0.0),
            ("17", 17.0),
            (" 17 ", 17.0),
            ("99999999999999999999", 3600.0),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 60.0),
            ("Wed, 21 Oct 2015 07:26:00 GMT", 0.0),
            ("Wed, 21 Oct 2016 07:28:00 GMT", 3600.0),
            ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
            ("soon", None),
            ("-1", None),
            ("nan", None),
            ("", None),
        ],
    )
    def test_retry_after_is_seconds_or_a_date(self, text, expected_s):
        now_us = (IN_2015_S - 60) * 1_000_000
        assert retry_after_s({"Retry-After": text}, now_us) == expected_s

    def test_it_may_be_absent(self):
        assert retry_after_s({}, 0) is None
