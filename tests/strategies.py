"""Hypothesis strategies: markets and rules that reach the step's corners."""

from decimal import Decimal

from hypothesis import strategies as st

from penstock.engine.rules import BelowRule, DropRule, Rules, StrategyRule
from penstock.model import Trade
from tests.tape import START_US

windows = st.sampled_from([1_000_000, 7_000_000, 60_000_000, 300_000_000])
fractions = st.sampled_from([Decimal(t) for t in ("0.001", "0.01", "0.05", "0.3")])


@st.composite
def rules(draw):
    alerts = draw(
        st.lists(
            st.one_of(
                st.builds(
                    BelowRule,
                    below=st.sampled_from([Decimal(95), Decimal(100), Decimal("99.9")]),
                    rearm=st.sampled_from([Decimal(0), Decimal("0.005")]),
                ),
                st.builds(DropRule, drop=fractions, window_us=windows),
            ),
            max_size=3,
            unique_by=lambda rule: rule.id,
        )
    )
    strategy = st.builds(
        StrategyRule,
        window_us=windows,
        dip=fractions,
        take_profit=fractions,
        stop_loss=st.none() | fractions,
        cooldown_us=st.sampled_from([0, 500_000, 90_000_000]),
        notional=st.sampled_from([Decimal(1000), Decimal("0.0000001")]),
        fee_bps=st.sampled_from([Decimal(0), Decimal(10)]),
        slippage_bps=st.sampled_from([Decimal(0), Decimal("2.5")]),
    )
    history, bar_us = draw(
        st.sampled_from(
            [
                *(("1s", 60_000_000), ("1s", 1_000_000), ("1m", 60_000_000)),
                *(("tick", 5_000_000), ("1m", 300_000_000), ("1s", 5_000_000)),
            ]
        )
    )
    return Rules(
        bar_us=bar_us,
        history=history,
        alerts=tuple(alerts),
        strategy=draw(st.none() | strategy),
    )


# Prices on and just beside what the rules above compare with (highs of 100 and 105,
# their 0.1, 1, 5 and 30 % falls and half-falls, profits and stops on an entry at 99),
# and calm ones, so that trades also pass between events.
prices = st.one_of(
    st.sampled_from([100.0, 100.01, 99.95, 100.0, 99.96, 99.97, 100.0, 99.98]),
    st.sampled_from([99.9, 99.0, 95.0, 70.0, 97.5, 97.51, 99.5, 85.0, 99.91, 95.01]),
    st.sampled_from([105.0, 104.895, 103.95, 99.75, 99.099, 98.01, 94.05, 95.475]),
)
# Steps in time: none, within a bucket, onto the edges of buckets, rows and bars, and
# back: a little, and by more than a bar.
steps_us = st.one_of(
    st.sampled_from([0, 0, 1000, 16_000, 1]),
    st.sampled_from([1_000_000, 5_000_000, 999_999, 116_667, 60_000_000, 16_667]),
    st.sampled_from([-1, -16_667, -300_000, -4_000_000, -59_000_000, -61_000_000]),
)
seq_steps = st.sampled_from([1, 1, 1, 1, 1, 1, 1, 1, 0, -1, 3])
gaps = st.sampled_from([0, 0, 0, 0, 0, 0, 0, 2])


@st.composite
def markets(draw, max_size=120):
    """Trades of one ticker: calm stretches, jumps, old trades, duplicates, gaps."""
    moves = st.tuples(prices, steps_us, seq_steps, gaps)
    drawn = draw(st.lists(moves, min_size=1, max_size=max_size))
    event_us, seq, trades = START_US, 1, []
    for price, later_us, step, gap in drawn:
        event_us += later_us
        seq = max(1, seq + step)
        trades.append(
            Trade(
                venue="test",
                symbol="BTC-USD",
                price=price,
                size=round(price % 1, 3),
                event_us=event_us,
                received_us=event_us,
                seq=seq,
                gap=gap,
            )
        )
    return trades


@st.composite
def walks(draw, size=250):
    """A random walk on a grid around 100: mostly in order, with thresholds on it."""
    return walk(draw(st.randoms(use_true_random=True)), size)


def walk(chance, size, symbol="BTC-USD"):
    """Walk by the numbers that `chance`, a `random.Random`, gives."""
    cents, event_us, trades = 10_000, START_US, []
    tempo = chance.choice([5_000, 60_000, 900_000, 6_000_000])
    swing = chance.choice([2, 10, 40])
    for seq in range(1, size + 1):
        cents += chance.randint(-swing, swing)
        event_us += chance.randint(0, tempo)
        old = chance.random() < 0.03
        shown_us = event_us - chance.randint(0, 20 * tempo) if old else event_us
        trades.append(
            Trade(
                venue="test",
                symbol=symbol,
                price=cents / 100,
                size=chance.randint(0, 9) / 8,
                event_us=shown_us,
                received_us=shown_us,
                seq=seq,
            )
        )
    return trades
