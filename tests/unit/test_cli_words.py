"""Numbers and events as the commands print them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.entrypoints.cli.words import (
    alert_text,
    amount,
    money,
    position_text,
    price,
    profits,
    rule_text,
    sale_text,
)
from penstock.model import Alert, CompletedTrade, Position

prices = st.floats(min_value=1e-8, max_value=1e12)


@given(prices)
def test_a_price_is_written_in_full_and_without_an_exponent(value):
    written = price(value)
    assert float(written.replace(",", "")) == value
    assert "e" not in written


@given(st.floats(min_value=0, max_value=1e15))
def test_an_amount_is_right_to_seven_digits_or_eight_decimals(value):
    written = amount(value)
    assert float(written.replace(",", "")) == pytest.approx(value, rel=1e-7, abs=1e-8)
    assert "e" not in written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("48.487", "+48.49"),
        ("-1234567.005", "-1,234,567.00"),
        ("0.99994", "+0.9999"),
        ("-0.000000012345", "-0.00000001234"),
    ],
)
def test_money_is_written_to_the_cent_or_to_four_digits(value, written):
    assert money(Decimal(value)) == written


def test_profits_of_several_currencies_are_not_added_up():
    assert profits({}) == "0"
    by_quote = {"USD": Decimal("1.5"), "BTC": Decimal("-0.00012")}
    assert profits(by_quote) == "+1.50 USD, -0.0001200 BTC"


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ("drop:0.05:5m", "drop 5% in 5m"),
        ("drop:0.0007:1500ms", "drop 0.07% in 1500ms"),
        ("below:85000", "below 85,000"),
        ("below:0.00000012", "below 0.00000012"),
    ],
)
def test_a_rule_is_named_in_words(rule, written):
    assert rule_text(rule) == written


def test_an_alert_says_what_fell_from_where():
    alert = Alert(
        id="a",
        ticker="v:BTC-USD",
        rule="drop:0.05:5m",
        price=4.8,
        level=5.9375,
        high=6.25,
        event_us=0,
    )
    assert alert_text(alert) == "drop 5% in 5m: 4.8, high 6.25"


def test_a_purchase_and_a_sale_say_how_much_at_which_price():
    position = Position(
        id="p",
        ticker="v:ETH-EUR",
        quantity=Decimal("0.32000000"),
        entry_price=Decimal("3101.25"),
        entry_fee=Decimal(1),
        entry_us=0,
    )
    assert position_text(position) == "0.32 at 3,101.25"
    sold = CompletedTrade(
        id="t",
        position_id="p",
        ticker="v:ETH-EUR",
        reason="stop_loss",
        quantity=Decimal("0.32000000"),
        entry_price=Decimal("3101.25"),
        exit_price=Decimal(3000),
        entry_us=0,
        exit_us=1,
        fees=Decimal(2),
        profit=Decimal("-34.4"),
        return_=Decimal("-0.03"),
    )
    assert sale_text(sold) == "0.32 at 3,000, -34.40 EUR (stop loss)"
