"""The simulated market: repeatable, plausible, and alive within ten seconds."""

from collections import deque
from decimal import Decimal
from hashlib import sha256
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.codec import decode_trade, encode_trade
from penstock.engine.rules import DropRule, Rules, StrategyRule
from penstock.engine.step import fold
from penstock.errors import ConfigError
from penstock.feeds.simulated import SYMBOLS, SimulatedMarket
from penstock.model import TickerState

START_US = 1_763_640_000_000_000  # 2025-11-20, noon UTC


def market(**options):
    return SimulatedMarket(**{"seed": 1, "start_us": START_US} | options)


def first_seconds(seconds, **options):
    end_us = START_US + seconds * 1_000_000
    return list(takewhile(lambda t: t.event_us < end_us, market(**options)))


def prices_of(symbol, trades):
    return [trade.price for trade in trades if trade.symbol == symbol]


def test_the_same_seed_makes_the_same_trades_on_every_machine():
    wire = b"".join(map(encode_trade, islice(market(), 5_000)))
    assert sha256(wire).hexdigest() == (
        "99a56dc8f7907b9091a0128bb74e119166571e257d0a83defa40eb4969ef506b"
    )


def test_iterating_again_begins_again():
    twice = market()
    assert list(islice(twice, 500)) == list(islice(twice, 500))


def test_another_seed_makes_other_trades():
    assert list(islice(market(), 10)) != list(islice(market(seed=2), 10))


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_newcomer_sees_a_drop_a_dip_and_a_profit_within_ten_seconds(seed):
    ticker = "simulated:BTC-USD"
    drop = DropRule(drop=Decimal("0.05"), window_us=300_000_000)
    rules = Rules(alerts=(drop,), strategy=StrategyRule()).of(ticker)
    trades = [
        replace(trade, seq=number)
        for number, trade in enumerate(first_seconds(9, seed=seed), 1)
        if trade.ticker == ticker
    ]
    seen = fold(TickerState(ticker=ticker), [(1, trades)], rules)
    assert [alert.rule for alert in seen.alerts] == ["drop:0.05:5m"]
    assert len(seen.opened) >= 1
    assert [trade.reason for trade in seen.completed] == ["take_profit"]
    assert seen.completed[0].profit > 0


def test_the_first_crash_can_be_moved_or_left_out():
    def fell(**options):
        prices = prices_of("BTC-USD", first_seconds(6, **options))
        return min(prices) <= prices[0] * 0.95

    assert fell()
    assert not fell(first_crash_us=5_900_000)
    assert not fell(first_crash_us=None)


def test_crashes_at_random_take_a_minute_or_two_and_mostly_overshoot():
    trades = first_seconds(7_200, rate_per_s=1, first_crash_us=None)
    crashes = overshoots = 0
    for symbol in SYMBOLS:
        lately = deque()
        fallen_from = None
        for trade in (t for t in trades if t.symbol == symbol):
            lately.append(trade)
            while lately[0].event_us < trade.event_us - 120_000_000:
                lately.popleft()
            high = max(t.price for t in lately)
            if fallen_from is None and trade.price <= high * 0.96:
                fallen_from = high
                crashes += 1
            elif fallen_from is not None and trade.price >= fallen_from * 1.03:
                fallen_from = None
                overshoots += 1
    assert 10 <= crashes <= 40  # 30 begin, and some while another goes on
    assert overshoots >= crashes / 2


def test_volatility_clusters_and_has_fat_tails():
    trades = first_seconds(3_000, rate_per_s=8, symbols=["BTC-USD"])
    prices = prices_of("BTC-USD", trades)[100::8]
    moves = [b / a - 1 for a, b in pairwise(prices)]
    mean_square = sum(m * m for m in moves) / len(moves)
    kurtosis = sum(m**4 for m in moves) / len(moves) / mean_square**2
    near = sum(abs(a * b) for a, b in pairwise(moves)) / len(moves)
    far = sum(abs(a * b) for a, b in zip(moves, moves[1500:], strict=False))
    assert kurtosis > 5  # 3 is normal
    assert near > 1.2 * far / (len(moves) - 1500)


def test_the_rate_holds_over_a_day_and_follows_the_hour():
    midnight_us = START_US - 12 * 3_600_000_000
    day = market(start_us=midnight_us, rate_per_s=0.2)
    end_us = midnight_us + 86_400_000_000
    hours = [0] * 24
    for trade in takewhile(lambda t: t.event_us < end_us, day):
        hours[(trade.event_us - midnight_us) // 3_600_000_000] += 1
    assert sum(hours) / 86_400 == pytest.approx(0.2, rel=0.05)
    assert sum(hours[14:17]) > 1.7 * sum(hours[2:5])


def test_time_can_be_sped_up():
    def spread(time_scale):
        trades = first_seconds(
            60, symbols=["BTC-USD"], first_crash_us=None, time_scale=time_scale
        )
        prices = prices_of("BTC-USD", trades)
        return max(prices) / min(prices) - 1

    assert spread(60) > 4 * spread(1)


def test_prices_stand_on_their_symbols_ticks():
    trades = list(islice(market(), 1_000))
    ticks = {"BTC-USD": 2, "ETH-USD": 2, "SOL-USD": 2, "DOGE-USD": 5, "XRP-USD": 4}
    assert {t.symbol for t in trades} == set(ticks)
    for trade in trades:
        assert trade.price == float(f"{trade.price:.{ticks[trade.symbol]}f}")


def test_a_symbol_of_no_known_price_gets_one_of_its_own():
    trades = list(islice(market(symbols=["AAA-USD", "AAB-USD"]), 50))
    first, second = prices_of("AAA-USD", trades)[0], prices_of("AAB-USD", trades)[0]
    assert first == pytest.approx(71.39, rel=0.001)
    assert second == pytest.approx(448.21, rel=0.001)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**63 - 1),
    rate_per_s=st.floats(0.001, 1e6),
    time_scale=st.floats(0.01, 1_000),
    symbols=st.integers(1, 20).map(lambda n: [f"S{i}-USD" for i in range(n)]),
)
def test_every_trade_is_one_the_wire_takes_in_order_of_time(
    seed, rate_per_s, time_scale, symbols
):
    trades = list(
        islice(
            market(
                seed=seed,
                rate_per_s=rate_per_s,
                time_scale=time_scale,
                symbols=symbols,
            ),
            100,
        )
    )
    counts = dict.fromkeys(symbols, 0)
    last_us = START_US
    for trade in trades:
        assert decode_trade(encode_trade(trade)) == trade
        counts[trade.symbol] += 1
        assert trade.trade_id == str(counts[trade.symbol])
        assert trade.event_us >= last_us
        assert 0 < trade.received_us - trade.event_us < 5_000
        assert trade.venue == "simulated"
        assert trade.size > 0
        assert trade.seq == 0
        last_us = trade.event_us


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate_per_s": 0}, "rate_per_s must be a finite number above 0"),
        ({"rate_per_s": float("inf")}, "found inf"),
        ({"time_scale": float("nan")}, "time_scale must be .* found nan"),
        ({"symbols": []}, "at least one, such as BTC-USD, ETH-USD; found"),
        ({"symbols": ["A-B", "A-B"]}, "name each symbol once"),
        ({"symbols": ["BTC-USD", "btcusd"]}, "such as BTC-USD, .*'btcusd'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        market(**options)
