"""The wire format: trades to lines and back, whatever a line may hold instead."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.codec import (
    MAX_LINE_BYTES,
    BadLine,
    decimal_text,
    decode_record,
    decode_trade,
    encode_json,
    encode_trade,
    iso_time,
)
from penstock.errors import BadRecordError
from penstock.model import MAX_AMOUNT, MAX_SEQ, MAX_TIME_US, Trade

BTC = "coinbase:BTC-USD"
SAMPLE = (
    b'{"venue":"coinbase","symbol":"BTC-USD","price":85012.34,"size":0.0123,'
    b'"side":"buy","event_us":1732146000000000,"received_us":1732146000012345,'
    b'"trade_id":"1081862675","seq":1081862675}\n'
)
FULL = Trade(
    venue="coinbase",
    symbol="BTC-USD",
    price=85012.34,
    size=0.0123,
    side="buy",
    event_us=1_732_146_000_000_000,
    received_us=1_732_146_000_012_345,
    trade_id="1081862675",
    seq=1_081_862_675,
)
SHORT = Trade(
    venue="coinbase", symbol="BTC-USD", price=1.5, size=2.0, event_us=3, received_us=4
)

times = st.integers(0, MAX_TIME_US)
amounts = st.floats(0, MAX_AMOUNT, exclude_min=True)
trades = st.builds(
    Trade,
    venue=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True),
    symbol=st.from_regex(r"[A-Z0-9][A-Z0-9._]{0,9}-[A-Z0-9._]{1,9}", fullmatch=True),
    price=amounts,
    size=st.just(0.0) | amounts,
    side=st.sampled_from(["buy", "sell", None]),
    event_us=times,
    received_us=times,
    trade_id=st.none() | st.text(max_size=12),
    seq=st.integers(0, MAX_SEQ),
    gap=st.integers(0, 2**31 - 1),
    backfilled=st.booleans(),
)


def line(**changes):
    """A valid line with changes, as the bytes that they are written with."""
    values = {
        "venue": '"coinbase"',
        "symbol": '"BTC-USD"',
        "price": "1.5",
        "size": "2",
        "event_us": "3",
        "received_us": "4",
    }
    fields = (f'"{name}":{text}' for name, text in (values | changes).items())
    return ("{" + ",".join(fields) + "}").encode()


# There and back.


@settings(max_examples=12)
@given(trades)
@example(FULL)
def test_a_trade_comes_back_from_its_line(trade):
    assert decode_trade(encode_trade(trade)) == trade
    assert decode_record(encode_trade(trade) * 2, trade.ticker) == ([trade] * 2, [])


def test_a_line_has_the_fields_in_order_and_no_absent_ones():
    assert encode_trade(FULL) == SAMPLE
    assert encode_trade(SHORT) == (
        b'{"venue":"coinbase","symbol":"BTC-USD","price":1.5,"size":2.0,'
        b'"event_us":3,"received_us":4}\n'
    )
    whole = msgspec.structs.replace(SHORT, gap=2, backfilled=True)
    assert encode_trade(whole).endswith(b'"received_us":4,"gap":2,"backfilled":true}\n')


def test_a_trade_read_from_a_record_is_as_any_other():
    ((read,), _) = decode_record(SAMPLE, BTC)
    assert (read, hash(read)) == (FULL, hash(FULL))
    assert len({read, FULL}) == 1
    assert encode_trade(read) == SAMPLE
    assert repr(read) == repr(FULL)
    assert isinstance(read, Trade)
    changed = msgspec.structs.replace(read, seq=1)
    assert changed != FULL
    assert changed == msgspec.structs.replace(FULL, seq=1)
    with pytest.raises(AttributeError):
        read.price = 1.0


def test_the_trades_of_a_ticker_share_its_names():
    ((first,), _), ((second,), _) = (
        decode_record(SAMPLE, BTC),
        decode_record(SAMPLE, BTC),
    )
    assert first.venue is second.venue
    assert first.symbol is second.symbol


def test_a_trade_equals_nothing_else():
    assert FULL != SAMPLE
    assert msgspec.structs.astuple(FULL) != FULL
    assert FULL != SHORT


@pytest.mark.parametrize("text", ["0.1", "0.3", "1e-8", "123456789012.345", "1e18"])
def test_a_price_keeps_every_digit(text):
    trade = decode_trade(line(price=text))
    assert Decimal(repr(trade.price)) == Decimal(text)
    assert f'"price":{text},'.encode() in encode_trade(trade)


def test_fields_come_in_any_order_and_unknown_ones_are_ignored():
    mixed = b'{"seq":1081862675,"mood":{"a":[1,null]},' + SAMPLE[1:-19] + b"}"
    assert decode_trade(mixed) == FULL
    assert decode_record(mixed + b"\n", BTC) == ([FULL], [])


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"price": '"1.5"'}, "price", 1.5),
        ({"size": '"0.25"'}, "size", 0.25),
        ({"size": "0"}, "size", 0.0),
        ({"event_us": '"1732146000000000"'}, "event_us", 1_732_146_000_000_000),
        ({"event_us": "1e3"}, "event_us", 1000),
        ({"seq": '"7"'}, "seq", 7),
        ({"seq": str(MAX_SEQ)}, "seq", MAX_SEQ),
        ({"side": "null"}, "side", None),
        ({"price": "1e18"}, "price", 1e18),
    ],
)
def test_what_can_only_mean_one_thing_is_accepted(changes, field, value):
    assert getattr(decode_trade(line(**changes)), field) == value
    ((trade,), bad) = decode_record(line(**changes) + b"\n", BTC)
    assert (getattr(trade, field), bad) == (value, [])


# What is not a trade.


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line()[:-9], "truncated"),
        (line(price="NaN"), "invalid character"),
        (line(price="Infinity"), "invalid character"),
        (line(price="-Infinity"), "invalid character"),
        (line(price='"NaN"'), "> 0.0 - at `$.price`"),
        (line(price='"inf"'), "- at `$.price`"),
        (line(price='"-Infinity"'), "> 0.0 - at `$.price`"),
        (line(price="1e999"), "Number out of range - at `$.price`"),
        (line(price='"1e999"'), "Number out of range - at `$.price`"),
        (line(price="1.1e18"), "<= 1e+18 - at `$.price`"),
        (line(price="0"), "> 0.0 - at `$.price`"),
        (line(price='"0"'), "> 0.0 - at `$.price`"),
        (line(price="-1.5"), "> 0.0 - at `$.price`"),
        (line(price="-0.0"), "> 0.0 - at `$.price`"),
        (line(price="true"), "Expected `float`"),
        (line(price="null"), "Expected `float`"),
        (line(price='"0x10"'), "Expected `float`"),
        (line(size="-0.001"), ">= 0.0 - at `$.size`"),
        (line(size='"Infinity"'), "- at `$.size`"),
        (line(event_us="1.5"), "Expected `int`"),
        (line(event_us="-1"), ">= 0 - at `$.event_us`"),
        (line(event_us=str(MAX_TIME_US + 1)), "- at `$.event_us`"),
        (line(received_us="-1"), ">= 0 - at `$.received_us`"),
        (line(seq="-1"), ">= 0 - at `$.seq`"),
        (line(seq=str(MAX_SEQ + 1)), "- at `$.seq`"),
        (line(gap="-1"), ">= 0 - at `$.gap`"),
        (line(gap=str(2**31)), "- at `$.gap`"),
        (line(side='"BUY"'), "'BUY' - at `$.side`"),
        (line(trade_id="5"), "- at `$.trade_id`"),
        (line(trade_id='"' + "x" * 129 + '"'), "length <= 128"),
        (b'{"venue":"\xff"}', "can't decode byte 0xff"),
        (b"\xff\xfe", "invalid character"),
        (b"\xef\xbb\xbf" + line(), "invalid character"),
        (b"{}", "missing required field `venue`"),
        (b"[]", "Expected `object`"),
        (b"null", "Expected `object`"),
        (b"hello", "malformed"),
        (line() + b"x", "trailing characters"),
        (line() + b" " + line()[:5], "trailing characters"),
    ],
)
def test_what_is_not_a_trade_says_what_is_wrong_with_it(bad, reason):
    with pytest.raises(BadRecordError) as caught:
        decode_trade(bad)
    assert str(caught.value).startswith("not a trade: ")
    assert reason in str(caught.value)
    good = line()
    record = good + b"\n" + bad + b"\n" + good + b"\n"
    read, (left,) = decode_record(record, BTC)
    assert read == [SHORT, SHORT]
    assert left == BadLine(1, bad, str(caught.value))


@pytest.mark.parametrize("deep", [b'{"a":' + b"[" * 200_000, b'{"a":' * 200_000])
def test_nesting_without_end_is_no_trade(deep):
    with pytest.raises(BadRecordError, match="recursion"):
        decode_trade(deep)
    read, bad = decode_record(line() + b"\n" + deep + b"\n", BTC)
    assert read == [SHORT]
    assert [(b.line, b.data) for b in bad] == [(1, deep)]


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [
        ("Coinbase", "BTC-USD"),
        ("", "BTC-USD"),
        ("coin base", "BTC-USD"),
        ("-coinbase", "BTC-USD"),
        ("coinbase:spot", "BTC-USD"),
        ("coinbase@1m", "BTC-USD"),
        ("coinbase", "btc-usd"),
        ("coinbase", "BTCUSD"),
        ("coinbase", "BTC-"),
        ("coinbase", "-USD"),
        ("coinbase", "BTC-USD-PERP"),
        ("coinbase", "BTC/USD"),
        ("coinbase", "BTC-USD\\n"),
        ("coinbase", "BTC-USD@1m"),
        ("c\u00f6inbase", "BTC-USD"),
        ("coinbase", "\u0411-USD"),
    ],
)
def test_names_are_of_one_form(venue, symbol):
    named = line(venue=f'"{venue}"', symbol=f'"{symbol}"')
    with pytest.raises(BadRecordError, match="a venue is lower case and a symbol"):
        decode_trade(named)
    # Not even under a key of the same name.
    ticker = f"{venue}:{symbol}".replace("\\n", "\n")
    read, (bad,) = decode_record(named + b"\n", ticker)
    assert (read, bad.line, bad.data) == ([], 0, named)


def test_names_are_short():
    longest = "A" * 60 + "-USD"
    named = line(symbol=f'"{longest}"') + b"\n"
    assert decode_record(named, f"coinbase:{longest}")[0][0].symbol == longest
    named = line(symbol=f'"A{longest}"') + b"\n"
    assert decode_record(named, f"coinbase:A{longest}")[0] == []
    named = line(venue='"' + "v" * 65 + '"') + b"\n"
    assert decode_record(named, "v" * 65 + ":BTC-USD")[0] == []


@pytest.mark.parametrize("key", ["coinbase:ETH-USD", "kraken:BTC-USD", "x", "", ":"])
def test_a_trade_of_another_ticker_does_not_belong_in_a_record(key):
    other = encode_trade(
        msgspec.structs.replace(SHORT, venue="coinbase", symbol="ETH-USD")
    )
    read, bad = decode_record(SAMPLE, key)
    assert read == []
    (left,) = bad
    assert left.reason == (
        f"a trade of {BTC} under the partition key {key!r}; put it under {BTC!r}"
    )
    read, bad = decode_record(SAMPLE + other, BTC)
    assert (read, [b.line for b in bad]) == ([FULL], [1])


def test_a_line_that_fits_no_record_is_refused_unread():
    note = '"' + "x" * MAX_LINE_BYTES + '"'
    long = line(note=note)
    with pytest.raises(BadRecordError, match=r"line of 1,\d+,\d+ bytes.*at most 1,048"):
        decode_trade(long)
    read, (bad,) = decode_record(line() + b"\n" + long + b"\n", BTC)
    assert read == [SHORT]
    assert (bad.line, bad.data) == (1, long)
    read, (bad,) = decode_record(long, BTC)
    assert (read, bad.line) == ([], 0)


def test_a_long_line_that_fits_is_read():
    fits = line(note='"' + "x" * (MAX_LINE_BYTES - len(line(note='""'))) + '"')
    assert len(fits) == MAX_LINE_BYTES == 1024 * 1024
    assert decode_trade(fits) == SHORT


# Records.


@pytest.mark.parametrize(
    "record",
    [
        line() + b"\n" + line() + b"\n",
        line() + b"\n" + line(),
        line() + b"\r\n" + line() + b"\r\n",
        b"\n" + line() + b"\n\n \n" + line() + b"\n\n",
    ],
)
def test_lines_may_end_in_any_way(record):
    assert decode_record(record, BTC) == ([SHORT, SHORT], [])
    read, (bad,) = decode_record(record + b"\nnonsense", BTC)
    assert (read, bad.data) == ([SHORT, SHORT], b"nonsense")


@pytest.mark.parametrize("empty", [b"", b"\n", b"\r\n\n  \n"])
def test_an_empty_record_holds_nothing(empty):
    assert decode_record(empty, BTC) == ([], [])
    assert decode_record(empty, "no ticker") == ([], [])


def test_bad_lines_are_numbered_as_they_stand():
    record = b"\n".join([b"one", line(), b"", b"four", line(price="0"), line(), b""])
    read, bad = decode_record(record, BTC)
    assert read == [SHORT, SHORT]
    assert [(b.line, b.data) for b in bad] == [
        (0, b"one"),
        (3, b"four"),
        (4, line(price="0")),
    ]


# Texts.


@given(st.integers(0, MAX_TIME_US))
@settings(max_examples=20)
@example(0)
@example(59_999_999)
@example(60_000_000)
@example(1_709_164_799_999_999)
@example(MAX_TIME_US)
def test_a_time_is_iso_8601_in_utc_with_microseconds(us):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    expected = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert iso_time(us) == expected


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_709_164_800_000_000, "2024-02-29T00:00:00.000000Z"),
        (1_732_146_009_000_010, "2024-11-20T23:40:09.000010Z"),
        (MAX_TIME_US, "2255-06-05T23:47:34.740991Z"),
    ],
)
def test_times_by_hand(us, text):
    assert iso_time(us) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.500", "1.5"),
        ("1E+3", "1000"),
        ("100", "100"),
        ("1E-8", "0.00000001"),
        ("-0.00", "0"),
        ("0", "0"),
        ("-1.10", "-1.1"),
        ("12345678901234567890.12345678", "12345678901234567890.12345678"),
    ],
)
def test_a_decimal_is_written_plainly(value, text):
    assert decimal_text(Decimal(value)) == text


def test_decimals_are_written_as_text_in_json():
    assert encode_json({"profit": Decimal("1.50")}) == b'{"profit":"1.50"}'
