"""Coinbase Advanced Trade: oldest first, joined without repeats, losses counted."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.feeds import BadFrameError
from penstock.feeds.coinbase_advanced import CoinbaseAdvancedFeed
from penstock.model import Trade

UPDATE = (
    '{"channel":"market_trades","timestamp":"2026-08-09T21:05:48.251397169Z",'
    '"sequence_num":9,"events":[{"type":"update","trades":[{"product_id":"BTC-USD",'
    '"trade_id":"1068572091","price":"65083.67","size":"0.01034361",'
    '"time":"2026-08-09T21:05:48.167634Z","side":"SELL"}]}]}'
)
TRADE = Trade(
    venue="coinbase",
    symbol="BTC-USD",
    price=65083.67,
    size=0.01034361,
    side="buy",
    event_us=1786309548167634,
    received_us=7,
    trade_id="1068572091",
    seq=1068572091,
)


def row(trade_id, product="BTC-USD", **fields):
    return {
        "product_id": product,
        "trade_id": str(trade_id),
        "price": "1.5",
        "size": "2",
        "time": "2026-08-09T21:05:48.167634Z",
        "side": "BUY",
    } | fields


def message(*rows, kind="update", number=0):
    return json.dumps(
        {
            "channel": "market_trades",
            "sequence_num": number,
            "events": [{"type": kind, "trades": list(rows)}],
        }
    )


def ids(feed, *frames):
    return [trade.seq for frame in frames for trade in feed.receive(frame, 7)]


def test_an_update_is_a_trade_with_the_other_side():
    assert CoinbaseAdvancedFeed().receive(UPDATE, 7) == [TRADE]


def test_a_buying_maker_is_a_selling_taker():
    (trade,) = CoinbaseAdvancedFeed().receive(message(row(1, side="BUY")), 7)
    assert trade.side == "sell"


def test_nine_digits_of_a_second_are_cut_to_six():
    frame = message(row(1, time="2026-08-09T21:05:48.167634999Z"))
    assert CoinbaseAdvancedFeed().receive(frame, 7)[0].event_us == 1786309548167634


def test_an_id_may_be_a_number():
    feed = CoinbaseAdvancedFeed()
    (trade,) = feed.receive(UPDATE.replace('"1068572091"', "1068572091"), 7)
    assert trade == TRADE


def test_newest_first_is_turned_round():
    feed = CoinbaseAdvancedFeed()
    assert ids(feed, message(row(3), row(2), row(1))) == [1, 2, 3]


def test_products_and_events_of_one_message_are_each_in_order():
    feed = CoinbaseAdvancedFeed()
    frame = json.dumps(
        {
            "channel": "market_trades",
            "sequence_num": 0,
            "events": [
                {"type": "update", "trades": [row(12), row(7, "ETH-USD"), row(11)]},
                {"type": "update", "trades": [row(10), row(6, "ETH-USD")]},
            ],
        }
    )
    trades = feed.receive(frame, 7)
    assert [t.seq for t in trades if t.symbol == "BTC-USD"] == [10, 11, 12]
    assert [t.seq for t in trades if t.symbol == "ETH-USD"] == [6, 7]


def test_snapshot_and_updates_join_without_repeats():
    feed = CoinbaseAdvancedFeed()
    snapshot = message(row(3), row(2), row(1), kind="snapshot")
    assert ids(feed, snapshot, message(row(5), row(4), row(3))) == [1, 2, 3, 4, 5]
    assert (feed.notes.repeated, feed.notes.late) == (1, 0)


def test_a_snapshot_on_reconnecting_gives_only_what_was_missed():
    feed = CoinbaseAdvancedFeed(["BTC-USD"])
    ids(feed, message(row(2), row(1), kind="snapshot"))
    feed.reset()
    snapshot = message(row(4), row(3), row(2), row(1), kind="snapshot")
    assert ids(feed, snapshot) == [3, 4]
    assert (feed.notes.repeated, feed.notes.late) == (2, 0)


def test_an_update_behind_a_newer_one_is_left_out_and_counted():
    feed = CoinbaseAdvancedFeed()
    assert ids(feed, message(row(3)), message(row(1))) == [3]
    assert feed.notes.late == 1


@settings(max_examples=30)
@given(
    total=st.integers(1, 20),
    cuts=st.lists(st.integers(0, 20), max_size=5),
    overlap=st.integers(0, 4),
)
def test_however_trades_are_divided_they_join(total, cuts, overlap):
    edges = [0, *sorted({c for c in cuts if 0 < c < total}), total]
    feed = CoinbaseAdvancedFeed()
    given_ids = []
    for start, end in pairwise(edges):
        first = max(1, start + 1 - overlap)
        rows = [row(i) for i in range(end, first - 1, -1)]
        given_ids += ids(feed, message(*rows, kind="snapshot"))
    assert given_ids == list(range(1, total + 1))


def numbered(number):
    return json.dumps({"channel": "heartbeats", "sequence_num": number, "events": []})


def test_missed_messages_are_counted_over_all_channels():
    feed = CoinbaseAdvancedFeed()
    ids(feed, numbered(0), message(row(1), number=1), numbered(2))
    assert feed.notes.missed == 0
    ids(feed, numbered(5), message(row(2), number=7))
    assert feed.notes.missed == 3


def test_messages_out_of_order_are_not_missed():
    feed = CoinbaseAdvancedFeed()
    ids(feed, numbered(5), numbered(8), numbered(6))
    assert feed.notes.missed == 1
    ids(feed, numbered(7), numbered(9), numbered(9), numbered(7))
    assert feed.notes.missed == 0


def test_a_connection_counts_from_the_beginning():
    feed = CoinbaseAdvancedFeed()
    ids(feed, numbered(40), numbered(41), numbered(0), numbered(1))
    assert feed.notes.missed == 0
    feed.reset()
    ids(feed, numbered(3))
    assert feed.notes.missed == 0


def test_other_messages_are_no_trades():
    feed = CoinbaseAdvancedFeed()
    for frame in (
        '{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48.228846629Z",'
        '"sequence_num":2,"events":[{"subscriptions":{"market_trades":["BTC-USD"]}}]}',
        '{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48.856364007Z",'
        '"sequence_num":3,"events":[{"current_time":"2026-08-09 21:05:48.854840045 '
        '+0000 UTC m=+41691.260485341","heartbeat_counter":41691}]}',
        '{"channel":"ticker","timestamp":"2026-08-09T21:05:48.298032046Z",'
        '"sequence_num":4,"events":[{"type":"update","tickers":[{"type":"ticker",'
        '"product_id":"ETH-USD","price":"1919.41"}]}]}',
        '{"channel":"l2_data","sequence_num":5,"events":[{"type":"snapshot"}]}',
    ):
        assert feed.receive(frame, 7) == []
    assert feed.notes.ignored == {"ticker": 1, "l2_data": 1}


@pytest.mark.parametrize(
    ("bad", "message_part"),
    [
        ({"price": "0"}, "a price must be above 0"),
        ({"price": None}, "Expected `decimal`, got `null`"),
        ({"side": "UNKNOWN"}, "Invalid enum value 'UNKNOWN'"),
        ({"trade_id": "x"}, "Expected `int`, got `str`"),
        ({"time": "2026-08-09"}, "ISO 8601 with its zone"),
        ({"product_id": "BTC-PERP-INTX"}, "BASE-QUOTE; found 'BTC-PERP-INTX'"),
    ],
)
def test_a_bad_trade_is_told_and_those_beside_it_are_kept(bad, message_part):
    feed = CoinbaseAdvancedFeed()
    with pytest.raises(BadFrameError, match=message_part) as e:
        feed.receive(message(row(3), row(2) | bad, row(1)), 7)
    assert [trade.seq for trade in e.value.trades] == [1, 3]
    assert ids(feed, message(row(4), row(3))) == [4]


@pytest.mark.parametrize(
    "frame",
    [
        "{}",
        '{"type":"something"}',
        '{"channel":"market_trades","events":{}}',
        '{"channel":"market_trades","events":[{"type":"update"}]}',
    ],
)
def test_a_frame_of_another_shape_is_refused(frame):
    with pytest.raises(BadFrameError, match="found"):
        CoinbaseAdvancedFeed().receive(frame, 7)


def test_each_channel_is_subscribed_by_its_own_message():
    assert CoinbaseAdvancedFeed(["BTC-USD", "ETH-USD"]).to_send() == [
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],'
        '"channel":"market_trades"}',
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],'
        '"channel":"heartbeats"}',
    ]


def test_a_refused_product_is_named_and_the_others_are_asked_for_again():
    feed = CoinbaseAdvancedFeed(["BTC-USD", "FOO-USD"])
    feed.to_send()
    error = '{"type":"error","message":"invalid product_id","reason":"FOO-USD"}'
    assert feed.receive(error, 7) == []
    assert feed.notes.refused == {"FOO-USD": "invalid product_id: FOO-USD"}
    assert [json.loads(f)["product_ids"] for f in feed.to_send()] == [["BTC-USD"]] * 2


def test_asking_again_does_not_forget_how_far_the_connection_counted():
    feed = CoinbaseAdvancedFeed(["BTC-USD", "FOO-USD"])
    ids(feed, numbered(0), '{"type":"error","message":"FOO-USD"}', numbered(3))
    assert feed.notes.missed == 2


def test_a_complaint_about_no_product_is_kept():
    feed = CoinbaseAdvancedFeed(["BTC-USD"])
    feed.receive('{"type":"error","message":"failure to subscribe"}', 7)
    assert feed.notes.errors == {"failure to subscribe": 1}
