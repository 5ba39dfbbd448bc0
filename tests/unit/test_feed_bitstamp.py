"""Bitstamp's messages, frame by frame.

The trades and replies are of the shapes that were seen on the public stream between
2019 and 2026.
"""

import json

import pytest
from msgspec.structs import replace

from penstock.drivers.files import open_file
from penstock.feeds import BadFrameError, make_feed
from penstock.feeds.bitstamp import BitstampFeed
from penstock.feeds.symbols import from_bitstamp
from penstock.model import Trade

RECEIVED_US = 1_787_174_919_999_999
FRAME = (
    '{"data":{"id":619501668,"timestamp":"1787174919","amount":0.34778488,'
    '"amount_str":"0.34778488","price":69590.13,"price_str":"69590.13","type":0,'
    '"microtimestamp":"1787174919977000","buy_order_id":2041200416022642,'
    '"sell_order_id":2041200408317957},"channel":"live_trades_btcusd","event":"trade"}'
)
TRADE = Trade(
    venue="bitstamp",
    symbol="BTC-USD",
    price=69590.13,
    size=0.34778488,
    side="buy",
    event_us=1_787_174_919_977_000,
    received_us=RECEIVED_US,
    trade_id="619501668",
    seq=619501668,
)
RECONNECT = '{"event":"bts:request_reconnect","channel":"","data":null}'


def frame(*, channel="live_trades_btcusd", **fields):
    message = json.loads(FRAME) | {"channel": channel}
    message["data"] |= fields
    return json.dumps(message)


def succeeded(name):
    return (
        f'{{"event":"bts:subscription_succeeded","channel":"live_trades_{name}",'
        '"data":{}}'
    )


def error(message="Invalid channel provided."):
    return (
        '{"event":"bts:error","channel":"","data":{"code":null,"message":"'
        f'{message}"}}}}'
    )


def feed_of(*symbols):
    feed = BitstampFeed(symbols)
    feed.to_send()
    return feed


def received(feed, *frames):
    return [trade for f in frames for trade in feed.receive(f, RECEIVED_US)]


class TestTrades:
    def test_a_trade(self):
        assert received(feed_of("BTC-USD"), FRAME) == [TRADE]

    def test_type_1_is_a_taker_who_sold(self):
        assert received(feed_of(), frame(type=1)) == [replace(TRADE, side="sell")]

    def test_the_texts_count_and_not_the_floats_beside_them(self):
        exact = frame(price_str="0.00001234", price=1.2339999e-05, amount_str="3E+5")
        (trade,) = received(feed_of(), exact)
        assert (trade.price, trade.size) == (0.00001234, 300_000.0)

    def test_ids_rise_over_all_markets_so_that_a_jump_is_no_loss(self):
        feed = feed_of("BTC-USD", "ETH-USD")
        trades = received(
            feed,
            frame(id=10),
            frame(id=11, channel="live_trades_ethusd"),
            frame(id=19),
        )
        assert [(t.symbol, t.seq, t.gap) for t in trades] == [
            ("BTC-USD", 10, 0),
            ("ETH-USD", 11, 0),
            ("BTC-USD", 19, 0),
        ]
        assert not feed.contiguous

    def test_a_repeat_and_a_latecomer_stay_out(self):
        feed = feed_of("BTC-USD")
        assert len(received(feed, frame(id=10), frame(id=10), frame(id=9))) == 1
        assert (feed.notes.repeated, feed.notes.late) == (1, 1)

    def test_a_market_is_told_by_what_was_asked_for(self):
        feed = feed_of("ABC-XYZ")
        (trade,) = received(feed, frame(channel="live_trades_abcxyz"))
        assert trade.symbol == "ABC-XYZ"

    @pytest.mark.parametrize(
        ("channel", "reason"),
        [
            ("live_trades_abcxyz", "ends with no quote asset that is known"),
            ("live_trades_btcusd-perp", "'btcusd-perp' ends with no quote asset"),
        ],
    )
    def test_a_market_that_cannot_be_divided(self, channel, reason):
        with pytest.raises(BadFrameError, match=reason):
            received(feed_of(), frame(channel=channel))

    @pytest.mark.parametrize(
        "fields",
        [
            {"id": 0},
            {"price_str": "0"},
            {"price_str": "NaN"},
            {"amount_str": "-1"},
            {"type": 2},
            {"microtimestamp": "soon"},
        ],
    )
    def test_what_is_no_trade(self, fields):
        with pytest.raises(BadFrameError):
            received(feed_of(), frame(**fields))

    @pytest.mark.parametrize("bad", ["", "{", "[]", "null", b"\xff", '{"event":1}'])
    def test_what_is_no_message(self, bad):
        with pytest.raises(BadFrameError):
            received(feed_of(), bad)

    def test_what_comes_of_other_channels_is_ignored(self):
        feed = feed_of("BTC-USD")
        order = '{"event":"order_created","channel":"live_orders_btcusd","data":{}}'
        heartbeat = '{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}'
        mine = frame(channel="private-my_trades_btcusd-1")
        assert received(feed, order, heartbeat, mine) == []
        assert feed.notes.ignored == {"order_created": 1, "trade": 1}


class TestSubscription:
    def test_one_channel_a_frame(self):
        frames = BitstampFeed(["BTC-USD", "USDC-USDT"]).to_send()
        assert frames == [
            '{"event":"bts:subscribe","data":{"channel":"live_trades_btcusd"}}',
            '{"event":"bts:subscribe","data":{"channel":"live_trades_usdcusdt"}}',
        ]

    def test_each_frame_is_sent_once_and_again_after_a_reset(self):
        feed = BitstampFeed(["BTC-USD"])
        first = feed.to_send()
        assert feed.to_send() == []
        feed.reset()
        assert feed.to_send() == first

    @pytest.mark.parametrize("error_first", [True, False])
    def test_the_one_that_was_not_acknowledged_is_refused(self, error_first):
        feed = feed_of("BTC-USD", "A.B-USD", "ETH-USD")
        replies = [succeeded("btcusd"), succeeded("ethusd")]
        replies.insert(0 if error_first else 2, error())
        received(feed, *replies)
        assert feed.notes.refused == {"A.B-USD": "Invalid channel provided."}
        feed.reset()
        assert len(feed.to_send()) == 2

    def test_while_it_may_be_any_of_several_nobody_is_refused(self):
        feed = feed_of("BTC-USD", "A.B-USD")
        received(feed, error())
        assert feed.notes.refused == {}
        received(feed, succeeded("btcusd"))
        assert list(feed.notes.refused) == ["A.B-USD"]

    def test_all_may_be_refused(self):
        feed = feed_of("A.B-USD", "C.D-USD")
        received(feed, error(), error())
        assert list(feed.notes.refused) == ["A.B-USD", "C.D-USD"]

    def test_an_error_when_all_is_acknowledged_names_nobody(self):
        feed = feed_of("BTC-USD")
        received(feed, succeeded("btcusd"), error("Incorrect JSON format."))
        assert feed.notes.errors == {"Incorrect JSON format.": 1}
        assert feed.notes.refused == {}

    def test_an_error_of_an_earlier_connection_is_forgotten(self):
        feed = feed_of("BTC-USD", "ETH-USD")
        received(feed, error())
        feed.reset()
        received(feed, succeeded("btcusd"))
        assert feed.notes.refused == {}

    def test_the_venue_asks_for_another_connection(self):
        feed = feed_of("BTC-USD")
        received(feed, RECONNECT)
        assert feed.notes.closing
        feed.reset()
        assert not feed.notes.closing


def test_it_is_known_by_name():
    assert make_feed("bitstamp", ["BTC-USD"]).venue == "bitstamp"


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("btcusd", "BTC-USD"),
        ("eurusd", "EUR-USD"),
        ("usdteur", "USDT-EUR"),
        ("usdcusdt", "USDC-USDT"),
        ("eurocusdc", "EUROC-USDC"),
        ("wbtcbtc", "WBTC-BTC"),
        ("pyusdusd", "PYUSD-USD"),
        ("eurteur", "EURT-EUR"),
        ("maticusd", "MATIC-USD"),
        ("gbpusd", "GBP-USD"),
    ],
)
def test_markets_are_divided_before_the_longest_quote(name, symbol):
    assert from_bitstamp(name) == symbol


def test_a_capture_is_known_by_its_frames(tmp_path):
    path = tmp_path / "capture"
    path.write_text(f"1787174918.1: {succeeded('btcusd')}\n1787174920.25: {FRAME}\n")
    with open_file(path) as source:
        trades = [trade for batch in source for trade in batch.trades]
    assert source.format_name == "bitstamp"
    assert trades == [replace(TRADE, received_us=1_787_174_920_250_000)]
