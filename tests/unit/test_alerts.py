"""Alert rules at work: on their thresholds, beside them, and once per episode."""

from decimal import Decimal
from math import nextafter

import pytest

from penstock.engine.alerts import watch
from penstock.engine.rules import BelowRule, DropRule
from penstock.engine.window import SlidingHigh

MINUTE = 60_000_000


def below(price, rearm="0.005", *, armed=True):
    rule = BelowRule(below=Decimal(price), rearm=Decimal(rearm))
    return watch(rule, None, armed=armed)


def drop(fraction, high, *, armed=True):
    """A drop rule under a high that its window has seen."""
    window = SlidingHigh(MINUTE, MINUTE, None)
    window.add(0, high)
    rule = DropRule(drop=Decimal(fraction), window_us=MINUTE)
    return watch(rule, window, armed=armed)


def test_below_fires_under_its_price_and_not_at_it():
    assert not below("100").see(100.0)
    assert below("100").see(nextafter(100.0, 0))
    assert not below("99.9").see(99.9)
    assert below("99.9").see(99.89)


def test_below_fires_once_and_rearms_at_its_threshold():
    rule = below("100")  # re-arms at 100.5
    assert rule.see(99.0)
    assert not rule.see(98.0)
    assert not rule.see(nextafter(100.5, 0))
    assert not rule.see(99.0)
    assert not rule.see(100.5)  # re-arms, and does not fire by itself
    assert rule.armed
    assert rule.see(99.0)


def test_below_rearms_at_its_own_price_where_rearm_is_zero():
    rule = below("95", "0", armed=False)
    rule.see(nextafter(95.0, 0))
    assert not rule.armed
    rule.see(95.0)
    assert rule.armed


def test_below_tells_its_price_as_level_and_no_high():
    rule = below("85000.5")
    rule.see(85000.0)
    assert rule.rule_id == "below:85000.5"
    assert (rule.level(), rule.reference()) == (85000.5, None)


def test_below_compares_digits_that_no_float_holds():
    assert below("0.1000000000000000001").see(0.1)
    assert not below("0.0999999999999999999").see(0.1)


def test_drop_fires_at_its_fraction_exactly_and_not_above():
    assert drop("0.05", 100.0).see(95.0)
    assert not drop("0.05", 100.0).see(nextafter(95.0, 100))


def test_drop_rearms_above_half_its_fraction_and_not_at_it():
    rule = drop("0.05", 100.0)
    assert rule.see(95.0)
    assert not rule.see(90.0)
    rule.see(97.5)
    assert not rule.armed
    rule.see(nextafter(97.5, 100))
    assert rule.armed
    assert rule.see(95.0)


def test_drop_tells_its_level_and_the_high_it_was_taken_from():
    rule = drop("0.05", 1234.56)
    assert rule.see(1000.0)
    assert rule.rule_id == "drop:0.05:1m"
    assert (rule.level(), rule.reference()) == (1172.832, 1234.56)


def test_drop_decides_in_decimal_where_floats_round_the_wrong_way():
    # In floats, high x 0.999 is below the level about every sixth time, and just above
    # powers of two high x 0.9995 is sometimes two floats too high.
    missed = delayed = 0
    for cents in (*range(10_000, 10_250), *range(819_200, 819_450)):
        high = cents / 100
        fires = float(Decimal(cents) / 100 * Decimal("0.999"))
        assert drop("0.001", high).see(fires)
        assert not drop("0.001", high).see(nextafter(fires, high))
        missed += high * 0.999 < fires
        half = float(Decimal(cents) / 100 * Decimal("0.9995"))
        rule = drop("0.001", high, armed=False)
        rule.see(half)
        assert not rule.armed
        rule.see(nextafter(half, high))
        assert rule.armed
        delayed += high * 0.9995 > nextafter(half, high)
    assert (missed > 50, delayed > 0) == (True, True)


@pytest.mark.parametrize("high", [100.0, 0.07, 3e9])
@pytest.mark.parametrize("armed", [True, False])
def test_nothing_happens_at_quiet_prices(armed, high):
    for rule in (drop("0.03", high, armed=armed), below(repr(high), armed=armed)):
        low, top = rule.quiet()
        for price in (nextafter(low, 2 * high), low + high / 1000, top - high / 1000):
            if low < price <= top and price > 0:
                assert not rule.see(price)
                assert rule.armed == armed


def test_quiet_prices_come_near_the_threshold():
    low, top = drop("0.05", 100.0).quiet()
    assert low == pytest.approx(95, rel=1e-8)
    assert top > 1e300
    low, top = drop("0.05", 100.0, armed=False).quiet()
    assert low < 0
    assert top == pytest.approx(97.5, rel=1e-8)
    low, top = below("100").quiet()
    assert (low, top > 1e300) == (pytest.approx(100, rel=1e-8), True)
    low, top = below("100", armed=False).quiet()
    assert (low < 0, top) == (True, pytest.approx(100.5, rel=1e-8))


def test_a_drop_rule_without_a_window_is_a_mistake_of_the_caller():
    rule = DropRule(drop=Decimal("0.05"), window_us=MINUTE)
    with pytest.raises(ValueError, match="needs its window of 60000000 us"):
        watch(rule, None, armed=True)
