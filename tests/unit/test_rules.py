"""Rules: which apply to a ticker, and what they are called."""

from decimal import Decimal

import pytest

from penstock.engine.rules import (
    BelowRule,
    DropRule,
    Rules,
    StrategyRule,
    applies,
    duration_text,
)

HALF_AN_HOUR = 1_800_000_000


def below(price, ticker="*", rearm="0.005"):
    return BelowRule(ticker=ticker, below=Decimal(price), rearm=Decimal(rearm))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", True),
        ("BTC-USD", True),
        ("coinbase:BTC-USD", True),
        ("kraken:BTC-USD", False),
        ("ETH-USD", False),
        ("BTC", False),
        ("coinbase", False),
        ("coinbase:", False),
        ("", False),
    ],
)
def test_a_rule_is_for_all_tickers_a_symbol_or_one_ticker(pattern, expected):
    assert applies(pattern, "coinbase:BTC-USD") is expected


def test_of_keeps_what_applies_and_its_order():
    rules = Rules(
        bar_us=5_000_000,
        history="tick",
        alerts=(
            below(9, "ETH-USD"),
            below(8, "*"),
            DropRule(ticker="BTC-USD", drop=Decimal("0.1"), window_us=HALF_AN_HOUR),
            below(7, "coinbase:BTC-USD"),
        ),
        strategy=StrategyRule(ticker="ETH-USD"),
    )
    bitcoin = rules.of("coinbase:BTC-USD")
    assert bitcoin == Rules(bar_us=5_000_000, history="tick", alerts=rules.alerts[1:])
    ether = rules.of("kraken:ETH-USD")
    assert ether.alerts == rules.alerts[:2]
    assert ether.strategy == rules.strategy


def test_of_two_rules_of_one_name_the_last_counts():
    rules = Rules(alerts=(below(8, rearm="0.1"), below(9), below("8.00", rearm="0.2")))
    alerts = rules.of("coinbase:BTC-USD").alerts
    assert [(rule.id, rule.rearm) for rule in alerts] == [
        ("below:8", Decimal("0.2")),
        ("below:9", Decimal("0.005")),
    ]


def test_a_rule_for_another_ticker_does_not_take_the_name():
    rules = Rules(alerts=(below(8, rearm="0.1"), below(8, "ETH-USD", rearm="0.2")))
    (rule,) = rules.of("coinbase:BTC-USD").alerts
    assert rule.rearm == Decimal("0.1")


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (below("85000.00"), "below:85000"),
        (below("8.5E+4"), "below:85000"),
        (below("0.00001234"), "below:0.00001234"),
        (DropRule(drop=Decimal("0.050"), window_us=300_000_000), "drop:0.05:5m"),
        (DropRule(drop=Decimal("5E-7"), window_us=1_500_000), "drop:0.0000005:1500ms"),
    ],
)
def test_a_rule_is_called_the_same_however_its_number_is_written(rule, name):
    assert rule.id == name


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (1_000, "1ms"),
        (999_000, "999ms"),
        (1_000_000, "1s"),
        (1_500_000, "1500ms"),
        (59_000_000, "59s"),
        (60_000_000, "1m"),
        (61_000_000, "61s"),
        (3_540_000_000, "59m"),
        (3_600_000_000, "1h"),
        (5_400_000_000, "90m"),
        (86_400_000_000, "1d"),
        (90_000_000_000, "25h"),
        (604_800_000_000, "7d"),
    ],
)
def test_a_duration_is_written_in_its_largest_whole_unit(us, text):
    assert duration_text(us) == text


def test_what_is_not_said_is_as_documented():
    assert StrategyRule() == StrategyRule(
        ticker="*",
        window_us=300_000_000,
        dip=Decimal("0.01"),
        take_profit=Decimal("0.05"),
        stop_loss=None,
        cooldown_us=0,
        notional=Decimal(1000),
        fee_bps=Decimal(10),
        slippage_bps=Decimal(0),
    )
    assert Rules() == Rules(bar_us=60_000_000, history="1s", alerts=(), strategy=None)
    assert below(1).rearm == BelowRule(below=Decimal(1)).rearm == Decimal("0.005")
