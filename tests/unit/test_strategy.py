"""The paper strategy: when it trades, and its money to the last decimal."""

from decimal import ROUND_UP, Decimal, localcontext
from math import inf, nextafter

import pytest

from penstock.engine.rules import StrategyRule
from penstock.engine.strategy import Trader
from penstock.engine.window import SlidingHigh
from penstock.model import CompletedTrade, Position

TICKER = "kraken:BTC-EUR"
SECOND = 1_000_000


def trader(high=100.0, *, position=None, sold_us=0, **changes):
    """A trader whose window has seen `high`; numbers are written as text."""
    window = SlidingHigh(300 * SECOND, 60 * SECOND, None)
    window.add(0, high)
    values = {"dip": "0.01", "take_profit": "0.05"} | changes
    numbers = {k: Decimal(v) for k, v in values.items() if isinstance(v, str)}
    return Trader(StrategyRule(**(values | numbers)), window, position, sold_us)


def see(market, price, event_us=0, ref="7"):
    return market.see(TICKER, price, event_us, ref)


def holding(price):
    return Position(
        id="held",
        ticker=TICKER,
        quantity=Decimal(1),
        entry_price=Decimal(price),
        entry_fee=Decimal(0),
        entry_us=3,
    )


# Money.


def test_money_is_right_to_the_last_decimal():
    # The dip is 99.98 x 0.99 = 98.9802 or lower.
    market = trader(99.98, notional="1000", fee_bps="26", slippage_bps="2.5")
    bought = see(market, 98.97, 11, "41")
    assert bought == market.position
    assert bought == Position(
        id="kraken:BTC-EUR/position/41",
        ticker=TICKER,
        # 1000 / 98.9947425 = 10.10154655435..., rounded down
        quantity=Decimal("10.10154655"),
        # 98.97 x 1.00025
        entry_price=Decimal("98.9947425"),
        # 0.0026 x 10.10154655 x 98.9947425
        entry_fee=Decimal("2.599999998879434775"),
        entry_us=11,
    )
    # The profit is taken at 98.9947425 x 1.05 = 103.944479625 or higher.
    assert see(market, 103.94, 12) is None
    assert see(market, 104.5, 13, "42") == CompletedTrade(
        id="kraken:BTC-EUR/trade/42",
        position_id="kraken:BTC-EUR/position/41",
        ticker=TICKER,
        reason="take_profit",
        quantity=Decimal("10.10154655"),
        entry_price=Decimal("98.9947425"),
        # 104.5 x 0.99975
        exit_price=Decimal("104.473875"),
        entry_us=11,
        exit_us=13,
        # and 0.0026 x 10.10154655 x 104.473875 = 2.74390405008559125
        fees=Decimal("5.343904048965026025"),
        # 10.10154655 x (104.473875 - 98.9947425) = 55.347712002367875, less the fees
        profit=Decimal("50.003807953402848975"),
        # of 10.10154655 x 98.9947425 = 999.999999569013375, in 34 digits
        return_=Decimal("0.05000380797495382141127343202089747"),
    )
    assert (market.position, market.sold_us) == (None, 13)


def test_money_does_not_depend_on_the_threads_decimal_context():
    with localcontext(prec=3, rounding=ROUND_UP):
        test_money_is_right_to_the_last_decimal()


def test_the_thirty_fourth_digit_is_rounded_half_even():
    def fee(bps):
        return see(trader(notional="1", fee_bps=bps), 0.123456789012345).entry_fee

    # bps / 10000 x 8.10000007 x 0.123456789012345 ends in ...5583 95 and ...7312 25.
    assert fee("1.23456789013") == Decimal("0.0001234567889687987326030277607155840")
    assert fee("1.23456789015") == Decimal("0.0001234567889707987326023117001773122")


@pytest.mark.parametrize(
    ("notional", "price", "quantity"),
    [
        ("1000", 3.0, "333.33333333"),
        ("2", 3.0, "0.66666666"),
        ("0.00000003", 3.0, "0.00000001"),
        ("1000", 1e-18, "1E+21"),
    ],
)
def test_a_quantity_is_rounded_down_to_eight_decimals(notional, price, quantity):
    assert see(trader(notional=notional), price).quantity == Decimal(quantity)


def test_nothing_is_bought_where_the_notional_buys_less_than_a_lot():
    market = trader(notional="0.00000002")
    assert see(market, 3.0) is None
    assert market.position is None
    assert see(market, 2.0).quantity == Decimal("0.00000001")


# When to buy.


def test_a_dip_is_bought_at_its_threshold_and_not_above():
    assert see(trader(100.0), nextafter(99.0, inf)) is None
    assert see(trader(100.0), 99.0).entry_price == 99


def test_dips_are_decided_in_decimal_where_floats_round_the_wrong_way():
    missed = 0
    for cents in range(10_000, 10_250):
        high, level = cents / 100, float(Decimal(cents) / 100 * Decimal("0.999"))
        assert see(trader(high, dip="0.001"), level) is not None
        assert see(trader(high, dip="0.001"), nextafter(level, inf)) is None
        missed += high * 0.999 < level
    assert missed > 20


def test_nothing_is_bought_until_the_cooldown_has_passed():
    market = trader(sold_us=5 * SECOND, cooldown_us=90 * SECOND)
    assert see(market, 99.0, 95 * SECOND - 1) is None
    assert see(market, 99.0, 95 * SECOND).entry_us == 95 * SECOND


def test_there_is_no_cooldown_before_the_first_sale():
    assert see(trader(cooldown_us=90 * SECOND), 99.0, 1) is not None


def test_a_cooldown_of_zero_keeps_from_buying_only_what_is_older_than_the_sale():
    assert see(trader(sold_us=5, cooldown_us=0), 99.0, 4) is None
    assert see(trader(sold_us=5, cooldown_us=0), 99.0, 5) is not None


def test_a_position_is_not_added_to():
    market = trader()
    assert see(market, 99.0) is not None
    assert see(market, 98.0) is None
    assert market.position.entry_price == 99


# When to sell.


def test_a_profit_is_taken_at_its_threshold_and_not_below():
    # 99.1 x 1.05 = 104.055
    assert see(trader(position=holding("99.1")), nextafter(104.055, 0)) is None
    sold = see(trader(position=holding("99.1")), 104.055)
    assert (sold.reason, sold.exit_price) == ("take_profit", Decimal("104.055"))


def test_a_loss_is_stopped_at_its_threshold_and_not_above():
    # 99.1 x 0.97 = 96.127
    def stopping():
        return trader(position=holding("99.1"), stop_loss="0.03")

    assert see(stopping(), nextafter(96.127, inf)) is None
    sold = see(stopping(), 96.127)
    assert (sold.reason, sold.profit) == ("stop_loss", Decimal("-3.069127"))
    assert sold.return_ < 0


def test_without_a_stop_loss_nothing_is_too_low():
    assert see(trader(position=holding("100")), 1e-9) is None


def test_thresholds_are_taken_from_the_fill_and_not_from_the_price():
    # Bought at 99, filled at 100: the profit is taken at 105 and not at 103.95.
    market = trader(slippage_bps=Decimal(10_000) / 99)
    see(market, 99.0)
    assert float(market.position.entry_price) == pytest.approx(100)
    assert see(market, 104.99) is None
    assert see(market, 105.01).reason == "take_profit"


def test_a_resumed_position_is_sold_like_one_just_bought():
    sold = see(trader(position=holding("100")), 105.0, 9, "12")
    assert (sold.position_id, sold.entry_us, sold.exit_us) == ("held", 3, 9)
    assert sold.id == "kraken:BTC-EUR/trade/12"


# Where certainly nothing happens.


@pytest.mark.parametrize("stop_loss", [None, "0.03"])
@pytest.mark.parametrize("position", [None, holding("100"), holding("0.07")])
def test_nothing_happens_at_quiet_prices(position, stop_loss):
    market = trader(position=position, stop_loss=stop_loss)
    low, top = market.quiet()
    middle = 100.0 if position is None else float(position.entry_price)
    for price in (nextafter(low, inf), middle, min(top, 200.0)):
        if price > 0:
            assert see(market, price) is None


def test_quiet_prices_come_near_the_thresholds():
    low, top = trader().quiet()
    assert (low, top) == (pytest.approx(99, rel=1e-8), inf)
    low, top = trader(position=holding("100"), stop_loss="0.03").quiet()
    assert (low, top) == (pytest.approx(97, rel=1e-8), pytest.approx(105, rel=1e-8))
    low, top = trader(position=holding("100")).quiet()
    assert (low, top) == (0, pytest.approx(105, rel=1e-8))


def test_what_may_act_is_what_is_not_quiet():
    flat = trader()
    assert [flat.may_act(p) for p in (98.0, 99.0, 99.1)] == [True, True, False]
    held = trader(position=holding("100"), stop_loss="0.03")
    prices = (96.0, 97.0, 97.1, 104.9, 105.0, 106.0)
    assert [held.may_act(p) for p in prices] == [True, True, False, False, True, True]
