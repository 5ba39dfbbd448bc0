"""Coinbase Exchange: one trade comes out once, with the taker's side."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codec import decode_trade, encode_trade
from penstock.feeds import BadFrameError, make_feed
from penstock.feeds.coinbase import CoinbaseFeed
from penstock.model import Trade

LAST_MATCH = (
    '{"type":"last_match","trade_id":1568267,'
    '"maker_order_id":"8d275e33-4b41-4648-b135-b407f85c6897",'
    '"taker_order_id":"460227d8-3765-4185-8b7f-d9ee118403a2","side":"sell",'
    '"size":"1338.3","price":"0.7904","product_id":"SKL-USD","sequence":201390042,'
    '"time":"2021-04-17T16:43:37.056746Z"}'
)
MATCH = (
    '{"type":"match","trade_id":1568319,'
    '"maker_order_id":"37667a34-2257-46d1-8a1e-e43bc30fe763",'
    '"taker_order_id":"3d1273d8-9943-49c2-8ef9-d3b1ce455383","side":"buy",'
    '"size":"18","price":"0.7902","product_id":"SKL-USD","sequence":201393867,'
    '"time":"2021-04-17T16:44:06.669388Z"}'
)
TICKER = (
    '{"type":"ticker","sequence":201393867,"product_id":"SKL-USD","price":"0.7902",'
    '"open_24h":"0.7055","volume_24h":"34168548.50000000","low_24h":"0.6915",'
    '"high_24h":"0.8098","volume_30d":"948595901.20000000","best_bid":"0.7901",'
    '"best_ask":"0.7905","side":"sell","time":"2021-04-17T16:44:06.669388Z",'
    '"trade_id":1568319,"last_size":"18"}'
)
TRADE = Trade(
    venue="coinbase",
    symbol="SKL-USD",
    price=0.7902,
    size=18.0,
    side="sell",
    event_us=1618677846669388,
    received_us=7,
    trade_id="1568319",
    seq=1568319,
)


def edited(frame, **fields):
    return json.dumps(json.loads(frame) | fields)


def match(trade_id):
    return edited(MATCH, trade_id=trade_id)


def ticker(trade_id):
    return edited(TICKER, trade_id=trade_id)


def subscriptions(*channels):
    listed = [{"name": name, "product_ids": ["SKL-USD"]} for name in channels]
    return json.dumps({"type": "subscriptions", "channels": listed})


def ids(feed, *frames):
    return [trade.seq for frame in frames for trade in feed.receive(frame, 7)]


def test_a_match_is_a_trade_with_the_other_side():
    assert CoinbaseFeed().receive(MATCH, 7) == [TRADE]
    assert CoinbaseFeed().receive(MATCH.encode(), 7) == [TRADE]


def test_a_last_match_is_a_trade_of_the_past():
    (trade,) = CoinbaseFeed().receive(LAST_MATCH, 7)
    assert (trade.trade_id, trade.price, trade.size) == ("1568267", 0.7904, 1338.3)
    assert (trade.side, trade.event_us) == ("buy", 1618677817056746)


def test_a_ticker_alone_is_the_very_same_trade_as_its_match():
    assert CoinbaseFeed().receive(TICKER, 7) == [TRADE]


@pytest.mark.parametrize("frames", [(MATCH, TICKER), (TICKER, MATCH)])
def test_of_twins_the_first_comes_out(frames):
    feed = CoinbaseFeed()
    assert [t for frame in frames for t in feed.receive(frame, 7)] == [TRADE]
    assert (feed.notes.repeated, feed.notes.late) == (1, 0)


def test_a_ticker_never_overtakes_the_matches_of_its_cascade():
    feed = CoinbaseFeed()
    frames = [match(1), ticker(4), match(2), match(3), match(4), match(5)]
    assert ids(feed, *frames) == [1, 2, 3, 4, 5]


def test_a_subscription_to_matches_is_enough_to_hold_tickers_back():
    feed = CoinbaseFeed()
    frames = [subscriptions("ticker", "matches"), ticker(3), match(2), match(3)]
    assert ids(feed, *frames) == [2, 3]


def test_other_products_are_not_held_back():
    feed = CoinbaseFeed()
    other = edited(TICKER, product_id="ETH-USD", trade_id=9)
    assert ids(feed, subscriptions("matches"), other) == [9]


def test_tickers_serve_again_where_matches_are_no_longer_subscribed():
    feed = CoinbaseFeed()
    assert ids(feed, match(1), ticker(2), subscriptions("ticker"), ticker(3)) == [1, 3]


def test_tickers_alone_serve_a_ticker_only_subscription():
    feed = CoinbaseFeed()
    frames = [subscriptions("ticker"), ticker(5), ticker(5), ticker(8), ticker(7)]
    assert ids(feed, *frames) == [5, 8]
    assert (feed.notes.repeated, feed.notes.late) == (1, 1)


def test_a_first_ticker_without_a_trade_is_none():
    feed = CoinbaseFeed()
    bare = '{"type":"ticker","sequence":1,"product_id":"BTC-USD","price":"9.5"}'
    assert feed.receive(bare, 7) == []


def test_a_last_match_repeated_on_reconnecting_comes_out_only_if_it_is_new():
    feed = CoinbaseFeed(["SKL-USD"])
    assert ids(feed, edited(LAST_MATCH, trade_id=4), match(5)) == [4, 5]
    feed.reset()
    assert ids(feed, edited(LAST_MATCH, trade_id=5), match(6)) == [6]
    feed.reset()
    assert ids(feed, edited(LAST_MATCH, trade_id=9), match(10)) == [9, 10]
    assert (feed.notes.repeated, feed.notes.late) == (1, 0)


def test_a_match_behind_a_newer_one_is_left_out_and_counted():
    feed = CoinbaseFeed()
    assert ids(feed, match(1), match(3), match(2), match(4)) == [1, 3, 4]
    assert feed.notes.late == 1


def test_heartbeats_and_tickers_tell_how_far_the_matches_are_behind():
    feed = CoinbaseFeed()
    heartbeat = (
        '{"type":"heartbeat","sequence":90,"last_trade_id":20,'
        '"product_id":"SKL-USD","time":"2014-11-07T08:19:28.464459Z"}'
    )
    assert ids(feed, heartbeat) == []
    assert feed.behind() == {}
    ids(feed, match(18))
    assert feed.behind() == {"SKL-USD": 2}
    ids(feed, ticker(21), match(19))
    assert feed.behind() == {"SKL-USD": 2}
    ids(feed, edited(heartbeat, last_trade_id=0), edited(heartbeat, last_trade_id=-1))
    assert feed.behind() == {"SKL-USD": 2}
    ids(feed, match(20), match(21))
    assert feed.behind() == {}


@settings(max_examples=40)
@given(
    matches=st.integers(2, 12),
    tickers=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 12)), max_size=12),
)
def test_wherever_tickers_fall_each_match_comes_out_once_in_order(matches, tickers):
    frames = [match(1)]
    for trade_id in range(2, matches + 1):
        frames += [ticker(t) for place, t in tickers if place == trade_id]
        frames.append(match(trade_id))
    feed = CoinbaseFeed()
    assert ids(feed, *frames) == list(range(1, matches + 1))
    assert feed.notes.late == 0


@settings(max_examples=30)
@given(
    price=st.decimals("1e-8", "1e6", places=8),
    size=st.decimals(0, 10**6, places=8),
    trade_id=st.integers(1, 2**63 - 1),
    side=st.sampled_from(["buy", "sell"]),
)
def test_whatever_comes_out_is_a_valid_line_on_the_wire(price, size, trade_id, side):
    frame = edited(
        MATCH, price=str(price), size=str(size), trade_id=trade_id, side=side
    )
    (trade,) = CoinbaseFeed().receive(frame, 0)
    assert decode_trade(encode_trade(trade)) == trade


def test_numbers_may_be_numbers():
    frame = MATCH.replace('"18"', "18").replace('"0.7902"', "0.7902")
    assert CoinbaseFeed().receive(frame, 7) == [TRADE]


def test_a_price_of_too_many_digits_keeps_15_and_is_counted():
    feed = CoinbaseFeed()
    (trade,) = feed.receive(edited(MATCH, price="0.79021234567890123"), 7)
    assert trade.price == 0.790212345678901
    assert feed.notes.rounded == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"price": "0"}, "a price must be above 0 and finite; found 0"),
        ({"price": "-1"}, "a price must be above 0 and finite; found -1"),
        ({"price": "NaN"}, "a price must be above 0 and finite; found NaN"),
        ({"price": "1e999"}, "a price must be above 0 and finite; found"),
        ({"price": "abc"}, "Invalid decimal string - at `$.price`"),
        ({"price": None}, "Expected `decimal`, got `null` - at `$.price`"),
        ({"size": "-1"}, "a size must be 0 or above and finite; found -1"),
        ({"side": "hold"}, "Invalid enum value 'hold' - at `$.side`"),
        ({"trade_id": 0}, "Expected `int` >= 1 - at `$.trade_id`"),
        ({"trade_id": 2**63}, "at `$.trade_id`"),
        ({"trade_id": "7"}, "Expected `int`, got `str` - at `$.trade_id`"),
        ({"time": "yesterday"}, "ISO 8601 with its zone; found 'yesterday'"),
        ({"product_id": "BIT-28JUN24-CDE"}, "BASE-QUOTE; found 'BIT-28JUN24-CDE'"),
    ],
)
@pytest.mark.parametrize("frame", [MATCH, LAST_MATCH])
def test_a_match_that_is_no_trade_is_refused_with_what_was_found(
    frame, fields, message
):
    feed = CoinbaseFeed()
    with pytest.raises(BadFrameError) as e:
        feed.receive(edited(frame, **fields), 7)
    assert message in str(e.value)
    assert feed.receive(MATCH, 7) == [TRADE]


@pytest.mark.parametrize("frame", ["{}", "[]", '{"type":1}'])
def test_a_frame_without_a_type_is_refused(frame):
    with pytest.raises(BadFrameError, match="found"):
        CoinbaseFeed().receive(frame, 7)


def test_other_messages_are_ignored_and_counted_by_type():
    feed = CoinbaseFeed()
    for frame in (
        '{"type":"snapshot","product_id":"BAND-GBP","asks":[["14.8","12.77"]],'
        '"bids":[["14.7693","27.51"]]}',
        '{"type":"l2update","product_id":"SKL-GBP",'
        '"changes":[["sell","0.5767","0.0"]],"time":"2021-04-17T16:44:07.859760Z"}',
        '{"type":"l2update"}',
        '{"type":"new in 2030"}',
    ):
        assert feed.receive(frame, 7) == []
    assert feed.notes.ignored == {"snapshot": 1, "l2update": 2, "new in 2030": 1}


def test_one_message_subscribes_to_matches_heartbeats_and_tickers():
    assert make_feed("coinbase", ["BTC-USD", "ETH-EUR"]).to_send() == [
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-EUR"],'
        '"channels":["matches","heartbeat","ticker"]}'
    ]


def test_the_tickers_that_were_asked_for_only_tell_how_far_the_ids_have_come():
    feed = CoinbaseFeed(["SKL-USD"])
    # It comes first, and stands for a cascade.
    frames = [ticker(5), match(3), subscriptions("matches", "ticker")]
    assert ids(feed, *frames) == [3]
    assert feed.behind() == {"SKL-USD": 2}
    assert ids(feed, match(4), match(5), ticker(5)) == [4, 5]
    assert feed.behind() == {}
    assert (feed.notes.repeated, feed.notes.late) == (0, 0)


def test_a_refused_product_is_named_and_the_others_are_asked_for_again():
    feed = CoinbaseFeed(["BTC-USD", "FOO-USD", "ETH-USD"])
    feed.to_send()
    error = (
        '{"type":"error","message":"Failed to subscribe",'
        '"reason":"FOO-USD is not a valid product"}'
    )
    assert feed.receive(error, 7) == []
    assert feed.notes.refused == {
        "FOO-USD": "Failed to subscribe: FOO-USD is not a valid product"
    }
    (again,) = feed.to_send()
    assert json.loads(again)["product_ids"] == ["BTC-USD", "ETH-USD"]


def test_when_all_products_are_refused_nothing_is_asked_for():
    feed = CoinbaseFeed(["FOO-USD"])
    feed.to_send()
    feed.receive('{"type":"error","message":"FOO-USD is not a valid product"}', 7)
    feed.reset()
    assert feed.to_send() == []


def test_a_complaint_about_no_product_is_kept():
    feed = CoinbaseFeed(["BTC-USD"])
    feed.to_send()
    feed.receive('{"type":"error","message":"ErrSlowConsume"}', 7)
    assert feed.notes.errors == {"ErrSlowConsume": 1}
    assert feed.to_send() == []
