"""Binance: raw or wrapped, trades or aggregates, spot or futures."""

import json

import pytest

from penstock.feeds import BadFrameError, make_feed
from penstock.feeds.binance import BinanceFeed
from penstock.model import Trade

PAYLOAD = (
    '{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    '"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}'
)
WRAPPED = f'{{"stream":"btcusdt@trade","data":{PAYLOAD}}}'
AGGREGATE = (
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1617566591315,'
    '"s":"BTCUSDT","a":665076760,"p":"58001.03000000","q":"0.08620500",'
    '"f":745522877,"l":745522877,"T":1617566591314,"m":false,"M":true}}'
)
TRADE = Trade(
    venue="binance",
    symbol="BTC-USDT",
    price=61837.63,
    size=0.02,
    side="sell",
    event_us=1723161255342000,
    received_us=7,
    trade_id="3735683259",
    seq=3735683259,
)


def edited(**fields):
    return json.dumps(json.loads(PAYLOAD) | fields)


@pytest.mark.parametrize("frame", [PAYLOAD, WRAPPED, WRAPPED.encode()])
def test_a_trade_comes_raw_or_wrapped(frame):
    assert BinanceFeed().receive(frame, 7) == [TRADE]


def test_a_taker_bought_where_the_buyer_was_no_maker():
    (trade,) = BinanceFeed().receive(edited(m=False), 7)
    assert trade.side == "buy"


def test_an_aggregate_is_a_trade_under_its_own_number():
    assert BinanceFeed().receive(AGGREGATE, 7) == [
        Trade(
            venue="binance",
            symbol="BTC-USDT",
            price=58001.03,
            size=0.086205,
            side="buy",
            event_us=1617566591314000,
            received_us=7,
            trade_id="665076760",
            seq=665076760,
        )
    ]


def test_microseconds_are_told_by_their_magnitude():
    (trade,) = BinanceFeed().receive(edited(T=1723161255342018), 7)
    assert trade.event_us == 1723161255342018


def test_unknown_keys_such_as_order_ids_are_ignored():
    assert BinanceFeed().receive(edited(a=88, b=99, Z=None), 7) == [TRADE]


def test_trades_and_aggregates_of_one_symbol_are_not_both_counted():
    feed = BinanceFeed()
    assert len(feed.receive(WRAPPED, 7)) == 1
    assert feed.receive(AGGREGATE, 7) == []
    assert len(feed.receive(edited(t=3735683260), 7)) == 1
    other = AGGREGATE.replace("BTCUSDT", "ETHUSDT")
    assert [t.symbol for t in feed.receive(other, 7)] == ["ETH-USDT"]
    assert feed.notes.ignored == {"aggTrade": 1}


def test_futures_have_their_own_venue():
    (trade,) = make_feed("binance-usdm").receive(edited(X="MARKET"), 7)
    assert trade.ticker == "binance-usdm:BTC-USDT"


@pytest.mark.parametrize("origin", ["INSURANCE_FUND", "ADL", "NA"])
def test_what_was_not_traded_on_the_market_is_ignored(origin):
    feed = make_feed("binance-usdm")
    assert feed.receive(edited(X=origin, p="0"), 7) == []
    assert feed.notes.ignored == {origin: 1}


def test_a_symbol_asked_for_by_name_needs_no_known_quote_asset():
    feed = BinanceFeed(["FOO-BAR"])
    assert [t.symbol for t in feed.receive(edited(s="FOOBAR"), 7)] == ["FOO-BAR"]
    with pytest.raises(BadFrameError, match="'OTHERBAR' ends with no quote asset"):
        feed.receive(edited(s="OTHERBAR"), 7)


def test_a_shutdown_is_noticed_until_the_next_connection():
    feed = BinanceFeed()
    shutdown = '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'
    assert feed.receive(shutdown, 7) == []
    assert feed.notes.closing
    feed.reset()
    assert not feed.notes.closing


def test_other_messages_are_ignored_and_counted():
    feed = BinanceFeed()
    for frame in (
        '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"b":[]}}',
        '{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT"}}',
        '{"e":"kline","E":1}',
        '{"lastUpdateId":50093239218,"bids":[],"asks":[]}',
        '{"result":null,"id":1}',
    ):
        assert feed.receive(frame, 7) == []
    assert feed.notes.ignored == {"depthUpdate": 1, "bookTicker": 1, "kline": 1}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"p": "0"}, "a price must be above 0 and finite; found 0"),
        ({"p": "-5"}, "a price must be above 0 and finite; found -5"),
        ({"q": "-1"}, "a size must be 0 or above and finite; found -1"),
        ({"p": "x"}, "Invalid decimal string - at `$.p`"),
        ({"t": "3735683259"}, "Expected `int`, got `str` - at `$.t`"),
        ({"T": -1}, "between 1970 and 2255; found '-1'"),
        ({"T": None}, "Expected `int`, got `null` - at `$.T`"),
        ({"m": "yes"}, "Expected `bool`, got `str` - at `$.m`"),
        ({"s": "BTCUSDT_240628"}, "'BTCUSDT_240628' ends with no quote asset"),
    ],
)
def test_a_message_that_is_no_trade_is_refused_with_what_was_found(fields, message):
    feed = BinanceFeed()
    with pytest.raises(BadFrameError) as e:
        feed.receive(edited(**fields), 7)
    assert message in str(e.value)
    assert feed.receive(PAYLOAD, 7) == [TRADE]


def test_numbers_may_be_numbers():
    assert BinanceFeed().receive(edited(p=61837.63, q=0.02), 7) == [TRADE]


def test_one_message_subscribes_to_all_streams():
    assert make_feed("binance", ["BTC-USDT", "ETH-BTC"]).to_send() == [
        '{"method":"SUBSCRIBE","params":["btcusdt@trade","ethbtc@trade"],"id":1}'
    ]


def requests(feed):
    """What a feed asks for now: by id, the streams."""
    sent = map(json.loads, feed.to_send())
    return {message["id"]: message["params"] for message in sent}


@pytest.mark.parametrize(
    "reply",
    [
        '{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}',
        '{"code":2,"msg":"Invalid request: invalid stream","id":1}',
    ],
)
def test_a_request_for_one_symbol_that_is_refused_names_it(reply):
    feed = BinanceFeed(["BTC-USDT"])
    assert feed.receive(reply, 7) == []
    assert feed.notes.refused == {"BTC-USDT": "Invalid request: invalid stream"}


def test_of_several_symbols_only_the_refused_one_is_named():
    feed = BinanceFeed(["BTC-USDT", "FOO-BAR", "ETH-BTC"])
    pending = requests(feed)
    asked = 0
    while pending:
        number, streams = pending.popitem()
        asked += 1
        answer = {"result": None, "id": number}
        if "foobar@trade" in streams:
            answer = {"error": {"code": 2, "msg": "no such"}, "id": number}
        assert feed.receive(json.dumps(answer), 7) == []
        pending |= requests(feed)
    assert feed.notes.refused == {"FOO-BAR": "no such"}
    assert asked == 5
    assert feed.notes.errors == {}


@pytest.mark.parametrize("number", ["1", "null", '"x"', "17"])
def test_an_error_about_no_open_request_refuses_nothing(number):
    feed = BinanceFeed(["BTC-USDT"])
    feed.receive('{"result":null,"id":1}', 7)
    error = f'{{"error":{{"code":2,"msg":"too many"}},"id":{number}}}'
    assert feed.receive(error, 7) == []
    assert (feed.notes.refused, feed.notes.errors) == ({}, {"too many": 1})


def test_a_second_subscription_that_is_refused_leaves_the_first_alone():
    feed = BinanceFeed(["BTC-USDT"])
    feed.receive('{"result":null,"id":1}', 7)
    (again,) = feed.again(["BTC-USDT"])
    assert json.loads(again)["id"] == 2
    feed.receive('{"error":{"code":2,"msg":"too many"},"id":2}', 7)
    assert (feed.notes.refused, feed.notes.errors) == ({}, {"too many": 1})


def test_aggregates_are_subscribed_to_by_their_own_feed_and_are_of_its_venue():
    feed = make_feed("binance-agg", ["BTC-USDT"])
    assert requests(feed) == {1: ["btcusdt@aggTrade"]}
    (trade,) = feed.receive(AGGREGATE, 7)
    assert (trade.venue, trade.seq) == ("binance-agg", 665076760)


def test_an_error_in_a_capture_is_kept():
    feed = BinanceFeed()
    feed.receive('{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}', 7)
    assert feed.notes.errors == {"Too many subscriptions": 1}
