"""Settings as people write them, to exact values in the program's units."""

from decimal import Decimal
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import units
from penstock.engine.rules import duration_text

READERS = [
    units.duration_us,
    units.flag,
    units.fraction,
    units.number,
    units.one_of(("full", "normal")),
    units.rate_per_s,
    units.size_bytes,
    units.text,
    units.whole,
]
finite = st.floats(allow_nan=False, allow_infinity=False)
toml_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)
)


def refusal(read, found):
    """Return what a reader says against a value; None where it takes it."""
    try:
        read(found)
    except ValueError as e:
        return str(e)
    return None


@pytest.mark.parametrize(
    ("written", "us"),
    [
        ("0s", 0),
        ("500ms", 500_000),
        ("1.5s", 1_500_000),
        ("0.001ms", 1),
        ("30s", 30_000_000),
        ("5m", 300_000_000),
        ("24h", 86_400_000_000),
        ("7d", 604_800_000_000),
    ],
)
def test_durations_are_exact_microseconds(written, us):
    assert units.duration_us(written) == us


@given(ms=st.integers(1, 10**11))
@settings(max_examples=50)
def test_a_duration_reads_back_from_the_text_that_rules_write(ms):
    assert units.duration_us(duration_text(ms * 1000)) == ms * 1000


@pytest.mark.parametrize(
    "found",
    [30, 1.5, "30", "s", "-5s", "5 s", "5M", "1h30m", "1e3s", ".5s", "٣s", True],
)
def test_a_duration_needs_one_number_and_one_unit(found):
    with pytest.raises(ValueError, match=r'a duration with its unit, such as .*"30s"'):
        units.duration_us(found)


@pytest.mark.parametrize("found", ["0.0001ms", "1.0000001s"])
def test_a_duration_of_parts_of_microseconds_is_refused(found):
    with pytest.raises(ValueError, match="a whole number of microseconds"):
        units.duration_us(found)


@pytest.mark.parametrize(
    ("found", "value"),
    [
        (0.05, "0.05"),
        ("0.05", "0.05"),
        ("5%", "0.05"),
        ("0.5%", "0.005"),
        ("0.00000001%", "0.0000000001"),
        ("-5%", "-0.05"),
        (1, "1"),
        ("150%", "1.5"),
    ],
)
def test_fractions_and_percentages_are_exact(found, value):
    assert units.fraction(found) == Decimal(value)


@given(whole_part=st.integers(0, 10**18 - 1), parts=st.integers(0, 10**18 - 1))
@settings(max_examples=50)
def test_a_percentage_only_moves_the_point(whole_part, parts):
    digits = f"{whole_part}{parts:018}"
    found = units.fraction(f"{whole_part}.{parts:018}%")
    assert found == Decimal(f"{digits}e-20")


@given(value=finite)
@settings(max_examples=50)
def test_a_float_becomes_the_decimal_that_prints_like_it(value):
    assert str(units.number(value)) == str(Decimal(repr(value)))
    assert float(units.number(value)) == value


def test_numbers_as_text_keep_digits_that_floats_lose():
    assert units.number("85000.123456789012345678") == Decimal(
        "85000.123456789012345678"
    )


@pytest.mark.parametrize(
    "found", [float("nan"), inf, -inf, "nan", "inf", "1e5", "1_000", "", "1.", True, []]
)
def test_what_is_no_finite_number_is_refused(found):
    for read in (units.number, units.fraction, units.rate_per_s):
        with pytest.raises(ValueError, match="such as"):
            read(found)


@pytest.mark.parametrize(
    ("found", "size"),
    [
        (5000, 5000),
        ("5B", 5),
        ("5kB", 5000),
        ("5MB", 5_000_000),
        ("1GB", 10**9),
        ("1KiB", 1024),
        ("1MiB", 1_048_576),
        ("1GiB", 2**30),
    ],
)
def test_sizes_are_bytes(found, size):
    assert units.size_bytes(found) == size


@pytest.mark.parametrize("found", ["5000", "5KB", "5mb", "5 MB", "1.5MB", 5000.0, True])
def test_a_size_needs_a_known_unit(found):
    with pytest.raises(ValueError, match='a size, such as 5000, "5kB"'):
        units.size_bytes(found)


def test_a_rate_is_a_number_or_as_fast_as_possible():
    assert units.rate_per_s(0.5) == 0.5
    assert units.rate_per_s("250") == 250.0
    assert units.rate_per_s("max") == inf


def test_true_is_no_number_and_one_is_no_flag():
    assert units.flag(True) is True
    assert units.whole(1) == 1
    with pytest.raises(ValueError, match="a whole number"):
        units.whole(True)
    with pytest.raises(ValueError, match="true or false"):
        units.flag(1)


def test_a_choice_that_is_refused_names_the_nearest():
    read = units.one_of(("full", "normal"))
    assert read("normal") == "normal"
    with pytest.raises(
        ValueError, match=r'"full" or "normal" \(did you mean "full"\?\)'
    ):
        read("FUL")
    with pytest.raises(ValueError, match=r'^"full" or "normal"$'):
        read(7)


def test_bounds_are_included_unless_said_otherwise():
    closed = units.within(units.duration_us, "1s", "1m")
    assert (closed("1s"), closed("1m")) == (1_000_000, 60_000_000)
    with pytest.raises(ValueError, match=r'^at least "1s" and at most "1m"$'):
        closed("999ms")
    opened = units.within(units.fraction, 0, 1, above=True, below=True)
    assert opened("99%") == Decimal("0.99")
    for found in (0, 1, -0.0, "100%"):
        with pytest.raises(ValueError, match=r"^above 0 and below 1$"):
            opened(found)


@given(found=toml_values)
@settings(max_examples=50)
def test_every_reader_reads_or_says_what_may_stand_there(found):
    for read in READERS:
        assert refusal(read, found) != ""
