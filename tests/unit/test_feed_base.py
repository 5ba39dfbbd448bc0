"""What all feeds share: the registry, repeats, bad frames, venues' complaints."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, Struct
from msgspec.json import Decoder

from penstock.errors import BadRecordError, SourceError
from penstock.feeds import FEEDS, BadFrameError, make_feed
from penstock.feeds.base import Newest, Notes, read, read_each, refuse, words
from penstock.model import Trade


def trade(seq, symbol="BTC-USD"):
    return Trade(
        venue="coinbase",
        symbol=symbol,
        price=1.0,
        size=1.0,
        event_us=seq,
        received_us=seq,
        seq=seq,
    )


class Point(Struct):
    x: int


@pytest.mark.parametrize(
    ("name", "venue", "contiguous"),
    [
        ("binance", "binance", True),
        ("binance-agg", "binance-agg", True),
        ("binance-usdm", "binance-usdm", False),
        ("bitstamp", "bitstamp", False),
        ("coinbase", "coinbase", True),
        ("coinbase-advanced", "coinbase", True),
        ("kraken", "kraken", True),
        ("kraken-v1", "kraken-v1", False),
    ],
)
def test_a_feed_is_made_by_its_name(name, venue, contiguous):
    feed = make_feed(name)
    assert (feed.venue, feed.contiguous) == (venue, contiguous)


def test_the_registry_holds_no_other_feed():
    assert set(FEEDS) == {
        "binance",
        "binance-agg",
        "binance-usdm",
        "bitstamp",
        "coinbase",
        "coinbase-advanced",
        "kraken",
        "kraken-v1",
    }


def test_an_unknown_feed_is_answered_with_the_known_ones():
    with pytest.raises(SourceError) as e:
        make_feed("coinbse")
    assert str(e.value) == (
        "unknown feed 'coinbse'. Did you mean 'coinbase'? Known feeds: binance, "
        "binance-agg, binance-usdm, bitstamp, coinbase, coinbase-advanced, kraken, "
        "kraken-v1."
    )


@pytest.mark.parametrize("name", FEEDS)
def test_symbols_must_be_base_quote(name):
    for symbol in ("btc-usd", "BTCUSD", "BTC/USD", "", "BTC-USD\n"):
        with pytest.raises(SourceError, match="a symbol is BASE-QUOTE in upper case"):
            make_feed(name, ["ETH-USD", symbol])


@pytest.mark.parametrize("name", FEEDS)
def test_without_symbols_nothing_is_subscribed(name):
    assert make_feed(name).to_send() == []


@pytest.mark.parametrize("name", FEEDS)
def test_frames_to_send_are_given_once_and_again_after_a_reset(name):
    feed = make_feed(name, ["BTC-USDT"])
    first = feed.to_send()
    assert first
    assert feed.to_send() == []
    feed.reset()
    assert feed.to_send() == first


@pytest.mark.parametrize("name", FEEDS)
def test_what_is_asked_for_again_is_no_longer_refused(name):
    feed = make_feed(name, ["BTC-USDT", "XRP-USDT"])
    feed.to_send()
    feed.notes.refused["BTC-USDT"] = "for a moment"
    frames = feed.again(["BTC-USDT"])
    assert feed.notes.refused == {}
    assert frames
    assert all("XRP" not in frame.upper() for frame in frames)
    feed.reset()
    assert "BTC" in "".join(feed.to_send()).upper().replace("XBT", "BTC")


GARBAGE = [
    *("", "null", "17", '"text"', '{"type":', b"\xff\xfe", "\ud800"),
    *("[" * 200_000, '{"a":' * 200_000),
]


@pytest.mark.parametrize("name", FEEDS)
def test_garbage_is_refused_with_what_was_found(name):
    for frame in GARBAGE:
        with pytest.raises(BadFrameError) as e:
            make_feed(name).receive(frame, 0)
        assert f"found {frame[:60]!r}" in str(e.value)
        assert e.value.trades == []


FRAGMENTS = st.sampled_from(
    [
        *(b'{"type":"match"', b'"trade_id":', b'"product_id":"A-B"', b'"price":"1"'),
        *(b'"channel":"trade"', b'"data":[', b'"e":"trade"', b'"events":', b"[1,"),
        *(b"]", b"}", b",", b"{", b'"x"', b"-1", b"1e999", b"NaN", b"null", b"\xff"),
    ]
)


@settings(max_examples=30, deadline=None)
@given(frame=st.one_of(st.binary(), st.lists(FRAGMENTS).map(b"".join)))
def test_no_bytes_raise_anything_but_a_bad_frame(frame):
    for name in FEEDS:
        try:
            trades = make_feed(name).receive(frame, 0)
        except BadFrameError:
            continue
        assert isinstance(trades, list)


def test_a_bad_frame_is_a_bad_record_and_holds_the_good_trades():
    error = BadFrameError("first", "second", "third", trades=[trade(1)])
    assert isinstance(error, BadRecordError)
    assert error.reasons == ("first", "second", "third")
    assert error.trades == [trade(1)]
    assert str(error) == "first (and 2 more like it)"


def test_reading_says_where_a_shape_differs_and_quotes_the_beginning():
    with pytest.raises(BadFrameError) as e:
        read(Decoder(Point), '{"x":"' + "y" * 100 + '"}')
    assert str(e.value) == (
        "Expected `int`, got `str` - at `$.x`; found "
        """'{"x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy'..."""
    )


def test_one_bad_trade_does_not_lose_those_beside_it():
    good, faults = read_each(
        [Raw(b'{"x":1}'), Raw(b'{"x":null}'), Raw(b'{"x":3}')],
        lambda raw: trade(read(Decoder(Point), raw).x),
    )
    assert good == [trade(1), trade(3)]
    assert faults == [
        """Expected `int`, got `null` - at `$.x`; found b'{"x":null}'""",
    ]


def test_only_what_is_newer_is_admitted_per_symbol():
    notes = Notes()
    newest = Newest(notes)
    assert newest.admit([trade(5), trade(2, "ETH-USD")]) == [
        trade(5),
        trade(2, "ETH-USD"),
    ]
    assert newest.admit([trade(5), trade(7)]) == [trade(7)]
    assert (notes.repeated, notes.late) == (1, 0)
    assert newest.admit([trade(6)]) == []
    assert (notes.repeated, notes.late) == (1, 1)
    assert newest.of("BTC-USD") == 7
    assert newest.of("SOL-USD") == 0


def test_an_old_trade_in_a_history_is_a_repeat_and_not_late():
    notes = Notes()
    newest = Newest(notes)
    newest.admit([trade(5)])
    assert newest.admit([trade(4), trade(5), trade(6)], history=True) == [trade(6)]
    assert (notes.repeated, notes.late) == (2, 0)


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(1, 30))))
def test_what_is_admitted_rises_and_the_rest_is_counted(groups):
    notes = Notes()
    newest = Newest(notes)
    admitted = [t for g in groups for t in newest.admit([trade(s) for s in g])]
    seqs = [t.seq for t in admitted]
    assert seqs == sorted(set(seqs))
    total = sum(len(g) for g in groups)
    assert len(seqs) + notes.repeated + notes.late == total


def test_a_refusal_is_noted_by_symbol_and_is_not_asked_for_again():
    notes = Notes()
    names = {"XBT/USD": "BTC-USD", "FOO/USD": "FOO-USD"}
    assert refuse(notes, names, "no FOO/USD here", words("no FOO/USD here"))
    assert notes.refused == {"FOO-USD": "no FOO/USD here"}
    assert names == {"XBT/USD": "BTC-USD"}


def test_a_complaint_that_names_no_symbol_is_an_error():
    notes = Notes()
    names = {"XBT/USD": "BTC-USD"}
    assert not refuse(notes, names, "too fast", words("too fast"))
    assert not refuse(notes, names, "too fast", words("too fast"))
    assert notes.errors == {"too fast": 2}
    assert notes.refused == {}
    assert names == {"XBT/USD": "BTC-USD"}
