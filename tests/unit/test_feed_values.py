"""Venues' numbers and times become the model's, exactly or counted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.feeds.base import BadFrameError, Notes
from penstock.feeds.values import epoch_us, iso_us, price_of, size_of, unix_us

MAX_US = 9_007_199_254_740_991
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
times = st.integers(0, MAX_US)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("61837.63000000", 61837.63),
        ("0.00000001", 1e-8),
        ("1e5", 100000.0),
        ("123456789012345", 123456789012345.0),
        ("0.1234567890123450000", 0.123456789012345),
    ],
)
def test_fifteen_digits_are_kept_exactly(text, price):
    notes = Notes()
    assert price_of(Decimal(text), notes) == price
    assert size_of(Decimal(text), notes) == price
    assert notes.rounded == 0


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("1.2345678901234567", 1.23456789012346),
        ("9999999999999999", 1e16),
        ("0.10000000000000000001", 0.1),
    ],
)
def test_of_more_digits_fifteen_are_kept_and_it_is_counted(text, price):
    notes = Notes()
    assert price_of(Decimal(text), notes) == price
    assert size_of(Decimal(text), notes) == price
    assert notes.rounded == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0", "0"),
        ("-1.5", "-1.5"),
        ("NaN", "NaN"),
        ("sNaN", "NaN"),
        ("Infinity", "Infinity"),
        ("1e400", "1E[+]400"),
        ("1e-400", "1E-400"),
    ],
)
def test_an_impossible_price_is_refused(text, found):
    with pytest.raises(BadFrameError, match=f"above 0 and finite; found {found}$"):
        price_of(Decimal(text), Notes())


@pytest.mark.parametrize("text", ["-0.1", "NaN", "-Infinity", "1e400"])
def test_an_impossible_size_is_refused(text):
    with pytest.raises(BadFrameError, match="a size must be 0 or above and finite"):
        size_of(Decimal(text), Notes())


def test_a_size_of_zero_is_unknown_and_allowed():
    assert size_of(Decimal("0.000"), Notes()) == 0.0


@settings(max_examples=50)
@given(digits=st.integers(1, 10**15 - 1), places=st.integers(0, 18))
def test_a_price_of_up_to_15_digits_comes_back_as_it_was(digits, places):
    notes = Notes()
    value = Decimal(digits).scaleb(-places)
    assert Decimal(repr(price_of(value, notes))) == value
    assert notes.rounded == 0


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2021-04-17T16:44:06.669388Z", 1618677846669388),
        ("2026-08-09T21:05:48.228846629Z", 1786309548228846),
        ("2026-08-09T21:05:48.999999999Z", 1786309548999999),
        ("2021-04-17T16:44:06Z", 1618677846000000),
        ("2021-04-17T18:44:06.5+02:00", 1618677846500000),
        ("1970-01-01T00:00:00Z", 0),
        ("2255-06-05T23:47:34.740991Z", MAX_US),
    ],
)
def test_iso_times_are_read_to_the_microsecond(text, us):
    assert iso_us(text) == us


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2021-04-17", "2021-04-17T16:44:06", "1618677846.5"),
        *("2021-02-30T00:00:00Z", "1969-12-31T23:59:59.999999Z"),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_other_iso_times_are_refused(text):
    with pytest.raises(BadFrameError, match=r"a trade's time must be .*; found"):
        iso_us(text)


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1617666461.465618", 1617666461465618),
        ("1617666461", 1617666461000000),
        ("1617666461.5", 1617666461500000),
        ("1617666461.4656189", 1617666461465618),
        ("0.000001", 1),
    ],
)
def test_unix_times_are_read_without_a_float(text, us):
    assert unix_us(text) == us


@pytest.mark.parametrize("text", ["", ".5", "-1", "1e9", "nan", "1.", "9" * 12, "1 "])
def test_other_unix_times_are_refused(text):
    with pytest.raises(BadFrameError, match=r"a trade's time must be .*; found"):
        unix_us(text)


@pytest.mark.parametrize(
    ("value", "us"),
    [
        (1723161255342, 1723161255342000),
        (1723161255342018, 1723161255342018),
        (9_007_199_254_740, 9_007_199_254_740_000),
        (100_000_000_000_000, 100_000_000_000_000),
        (0, 0),
    ],
)
def test_milliseconds_and_microseconds_are_told_apart(value, us):
    assert epoch_us(value) == us


@pytest.mark.parametrize("value", [-1, MAX_US + 1])
def test_other_epoch_times_are_refused(value):
    with pytest.raises(BadFrameError, match=f"1970 and 2255; found '{value}'"):
        epoch_us(value)


@settings(max_examples=50)
@given(us=times)
def test_every_microsecond_survives_both_notations(us):
    moment = EPOCH + timedelta(microseconds=us)
    assert iso_us(f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z") == us
    assert unix_us(f"{us // 1_000_000}.{us % 1_000_000:06}") == us
