"""A recording played at its own pace, or faster."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.drivers.pace import Pace, parse_speed
from penstock.errors import ConfigError


def test_waits_as_long_as_was_recorded_divided_by_the_speed():
    pace = Pace(10)
    assert pace.wait_s(5_000_000, now_s=100.0) == 0
    assert pace.wait_s(7_000_000, now_s=100.0) == pytest.approx(0.2)
    assert pace.wait_s(7_000_000, now_s=100.15) == pytest.approx(0.05)
    assert pace.wait_s(7_000_000, now_s=100.2) == 0


def test_what_is_late_is_made_up_for():
    pace = Pace(1)
    pace.wait_s(0, now_s=0.0)
    assert pace.wait_s(1_000_000, now_s=3.0) == 0
    assert pace.wait_s(4_000_000, now_s=3.0) == 1


def test_idle_time_passes_too():
    pace = Pace(1)
    pace.wait_s(0, now_s=0.0)
    assert pace.wait_s(8 * 3_600_000_000, now_s=0.0) == 8 * 3_600


def test_a_trade_older_than_the_first_is_due_at_once():
    pace = Pace(1)
    pace.wait_s(9_000_000, now_s=0.0)
    assert pace.wait_s(1_000_000, now_s=0.0) == 0


@settings(max_examples=15)
@given(events=st.lists(st.integers(0, 2**53), min_size=1))
def test_at_full_speed_nothing_waits(events):
    pace = Pace(parse_speed("max"))
    assert {pace.wait_s(event_us, now_s=0.0) for event_us in events} == {0.0}


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf", ""])
def test_what_is_no_speed(text):
    with pytest.raises(ConfigError, match=r"must be max, or a number above 0.* found"):
        parse_speed(text)
