"""Kraken, both websockets: the taker's side as it is, ids where there are any."""

import json

import pytest

from penstock.feeds import BadFrameError, make_feed
from penstock.feeds.kraken import KrakenFeed
from penstock.model import Trade

SNAPSHOT = (
    '{"channel":"trade","type":"snapshot","data":[{"symbol":"MATIC/USD","side":"buy",'
    '"price":0.5147,"qty":6423.46326,"ord_type":"limit","trade_id":4665846,'
    '"timestamp":"2023-09-25T07:48:36.925533Z"},{"symbol":"MATIC/USD","side":"buy",'
    '"price":0.5147,"qty":1136.19677815,"ord_type":"limit","trade_id":4665847,'
    '"timestamp":"2023-09-25T07:49:36.925603Z"}]}'
)
V1 = (
    '[321,[["58721.20000","0.02798644","1617666461.465618","s","m",""],'
    '["58721.20000","0.12749400","1617666461.466773","b","l",""]],"trade","XBT/USD"]'
)


def row(trade_id, **fields):
    return {
        "symbol": "BTC/USD",
        "side": "sell",
        "price": 105944.2,
        "qty": 0.00027625,
        "ord_type": "limit",
        "trade_id": trade_id,
        "timestamp": "2023-10-06T17:35:55.440295Z",
    } | fields


def message(*rows, kind="update"):
    return json.dumps({"channel": "trade", "type": kind, "data": list(rows)})


def ids(feed, *frames):
    return [trade.seq for frame in frames for trade in feed.receive(frame, 7)]


def test_a_v2_snapshot_is_trades_with_their_side_and_id():
    first, second = KrakenFeed().receive(SNAPSHOT, 7)
    assert first == Trade(
        venue="kraken",
        symbol="MATIC-USD",
        price=0.5147,
        size=6423.46326,
        side="buy",
        event_us=1695628116925533,
        received_us=7,
        trade_id="4665846",
        seq=4665846,
    )
    assert (second.seq, second.size) == (4665847, 1136.19677815)


def test_v2_trades_come_oldest_first_and_once():
    feed = KrakenFeed()
    assert ids(feed, message(row(2), row(1), kind="snapshot")) == [1, 2]
    assert ids(feed, message(row(3), row(4))) == [3, 4]
    feed.reset()
    rows = [row(i) for i in (2, 3, 4, 5)]
    assert ids(feed, message(*rows, kind="snapshot")) == [5]
    assert (feed.notes.repeated, feed.notes.late) == (3, 0)


def test_a_v2_number_is_read_from_its_digits_and_not_through_a_float():
    feed = KrakenFeed()
    frame = message(row(1)).replace("105944.2", "105944.20000000000001")
    assert feed.receive(frame, 7)[0].price == 105944.2
    assert feed.notes.rounded == 1


def test_v1_rows_are_trades_without_an_id():
    sold, bought = KrakenFeed().receive(V1, 7)
    assert sold == Trade(
        venue="kraken",
        symbol="BTC-USD",
        price=58721.2,
        size=0.02798644,
        side="sell",
        event_us=1617666461465618,
        received_us=7,
    )
    assert (bought.side, bought.event_us) == ("buy", 1617666461466773)
    assert (bought.trade_id, bought.seq) == (None, 0)


def test_identical_v1_rows_are_different_trades():
    feed = KrakenFeed()
    assert len(feed.receive(V1, 7)) + len(feed.receive(V1, 8)) == 4


@pytest.mark.parametrize("name", ["kraken", "kraken-v1"])
def test_either_feed_reads_either_version(name):
    feed = make_feed(name)
    assert [t.symbol for t in feed.receive(V1.encode(), 7)] == ["BTC-USD"] * 2
    assert [t.symbol for t in feed.receive(SNAPSHOT.encode(), 7)] == ["MATIC-USD"] * 2


@pytest.mark.parametrize(
    "frame",
    [
        '{"channel":"heartbeat"}',
        '{"channel":"status","type":"update","data":[{"system":"online"}]}',
        '{"method":"pong","req_id":42,"time_in":"2023-09-25T09:05:00.123456Z"}',
        '{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD",'
        '"snapshot":true},"success":true,"time_in":"2023-09-25T09:04:31.742599Z"}',
        '{"connectionID":12257565262583683815,"event":"systemStatus",'
        '"status":"online","version":"1.8.3"}',
        '{"channelID":321,"channelName":"trade","event":"subscriptionStatus",'
        '"pair":"XBT/USD","status":"subscribed","subscription":{"name":"trade"}}',
        '{"event":"heartbeat"}',
        '{"event":"pong","reqid":42}',
    ],
)
def test_heartbeats_and_replies_are_no_trades_and_nothing_to_note(frame):
    feed = KrakenFeed(["BTC-USD"])
    assert feed.receive(frame, 7) == []
    assert (feed.notes.ignored, feed.notes.errors, feed.notes.refused) == ({}, {}, {})


def test_other_channels_are_ignored_and_counted():
    feed = KrakenFeed()
    for frame in (
        '{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD"}]}',
        '[324,{"a":["58729.50000",0,"0.00480000"]},"ticker","XBT/USD"]',
        '[640,{"a":[]},{"b":[]},"book-10","XBT/USD"]',
    ):
        assert feed.receive(frame, 7) == []
    assert feed.notes.ignored == {"ticker": 2, "book-10": 1}


@pytest.mark.parametrize(
    "frame",
    [
        *("{}", "[]", "[1,2,3]", "[1,[],3,4]", '[1,{},"trade","XBT/USD"]'),
        *('{"channel":"trade"', '{"channel":"trade","data":{}}', '{"channel":7}'),
        '[1,[],"trade","XBTUSD"]',
    ],
)
def test_a_frame_of_another_shape_is_refused(frame):
    with pytest.raises(BadFrameError, match="found"):
        KrakenFeed().receive(frame, 7)


@pytest.mark.parametrize(
    ("bad", "message_part"),
    [
        ({"price": 0}, "a price must be above 0"),
        ({"price": True}, "Expected `decimal`, got `bool`"),
        ({"qty": -1}, "a size must be 0 or above"),
        ({"side": "b"}, "Invalid enum value 'b'"),
        ({"trade_id": None}, "Expected `int`, got `null`"),
        ({"timestamp": "now"}, "ISO 8601 with its zone; found 'now'"),
        ({"symbol": "BTCUSD"}, "BASE-QUOTE; found 'BTCUSD'"),
    ],
)
def test_a_bad_v2_trade_is_told_and_those_beside_it_are_kept(bad, message_part):
    feed = KrakenFeed()
    with pytest.raises(BadFrameError, match=message_part) as e:
        feed.receive(message(row(1), row(2) | bad, row(3)), 7)
    assert [trade.seq for trade in e.value.trades] == [1, 3]


@pytest.mark.parametrize(
    ("bad", "message_part"),
    [
        ('["-1","1","1617666461.5","s","m",""]', "a price must be above 0"),
        ('["1","1","1617666461.5","x","m",""]', "Invalid enum value 'x'"),
        ('["1","1","-5","s","m",""]', "seconds since 1970; found '-5'"),
        ('["1","1"]', "Expected `array` of at least length 4"),
        ("{}", "Expected `array`, got `object`"),
    ],
)
def test_a_bad_v1_trade_is_told_and_those_beside_it_are_kept(bad, message_part):
    good = '["1.5","2","1617666461.5","s","m",""]'
    frame = f'[321,[{good},{bad},{good}],"trade","XBT/USD"]'
    with pytest.raises(BadFrameError, match=message_part) as e:
        KrakenFeed().receive(frame, 7)
    assert [trade.price for trade in e.value.trades] == [1.5, 1.5]


def test_v2_is_subscribed_with_a_snapshot():
    assert make_feed("kraken", ["BTC-USD", "DOGE-EUR"]).to_send() == [
        '{"method":"subscribe","params":{"channel":"trade",'
        '"symbol":["BTC/USD","DOGE/EUR"],"snapshot":true}}'
    ]


def test_v1_is_subscribed_by_its_old_names():
    assert make_feed("kraken-v1", ["BTC-USD", "DOGE-EUR"]).to_send() == [
        '{"event":"subscribe","pair":["XBT/USD","XDG/EUR"],'
        '"subscription":{"name":"trade"}}'
    ]


@pytest.mark.parametrize(
    "reply",
    [
        '{"error":"Currency pair not supported FOO/USD","method":"subscribe",'
        '"success":false,"symbol":"FOO/USD","time_in":"2026-10-06T17:39:49.588049Z"}',
        '{"error":"Currency pair not supported FOO/USD","method":"subscribe",'
        '"success":false,"result":{"channel":"trade","symbol":"FOO/USD"}}',
        '{"error":"Currency pair not supported FOO/USD","method":"subscribe",'
        '"success":false,"result":{"channel":"trade"}}',
        '{"errorMessage":"Currency pair not supported FOO/USD",'
        '"event":"subscriptionStatus","pair":"FOO/USD","status":"error",'
        '"subscription":{"name":"trade"}}',
    ],
)
def test_a_refused_pair_is_named_and_the_others_go_on(reply):
    feed = KrakenFeed(["BTC-USD", "FOO-USD"])
    feed.to_send()
    assert feed.receive(reply, 7) == []
    assert feed.notes.refused == {"FOO-USD": "Currency pair not supported FOO/USD"}
    assert feed.to_send() == []
    feed.reset()
    (again,) = feed.to_send()
    assert json.loads(again)["params"]["symbol"] == ["BTC/USD"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ('{"Error":"Exceeded msg rate"}', "Exceeded msg rate"),
        ('{"event":"error","errorMessage":"Malformed request"}', "Malformed request"),
        ('{"method":"subscribe","success":false,"error":"Try later"}', "Try later"),
    ],
)
def test_a_complaint_about_no_pair_is_kept(reply, reason):
    feed = KrakenFeed(["BTC-USD"])
    assert feed.receive(reply, 7) == []
    assert feed.notes.errors == {reason: 1}
    assert feed.notes.refused == {}
