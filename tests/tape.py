"""Trades of one ticker, written as prices and seconds, for examples worked by hand."""

from decimal import Decimal

from penstock.engine.rules import DropRule, Rules, StrategyRule
from penstock.engine.step import fold
from penstock.model import TickerState, Trade

TICKER = "test:BTC-USD"
FRESH = TickerState(ticker=TICKER)
START_US = 1_700_000_040_000_000  # on a minute's edge
SECOND = 1_000_000
MINUTE = 60 * SECOND


def trade(price, at_s=0.0, *, seq, size=1.0, **fields):
    """A trade `at_s` seconds after START_US."""
    event_us = START_US + round(at_s * SECOND)
    return Trade(
        venue="test",
        symbol="BTC-USD",
        price=float(price),
        size=size,
        event_us=event_us,
        received_us=event_us,
        seq=seq,
        **fields,
    )


def tape(*moves, since=1):
    """Trades numbered from `since`, of pairs (price, seconds) in stream order."""
    return [trade(price, at_s, seq=n) for n, (price, at_s) in enumerate(moves, since)]


def apply(rules, trades, state=FRESH):
    """Fold trades as the next record."""
    return fold(state, [(state.stream_position + 1, trades)], rules)


def buying(dip="0.01", take_profit="0.05", window_us=5 * MINUTE, **changes):
    """Rules of a strategy without fees that buys for 1000, and of nothing else."""
    rule = StrategyRule(
        window_us=window_us,
        dip=Decimal(dip),
        take_profit=Decimal(take_profit),
        fee_bps=changes.pop("fee_bps", Decimal(0)),
        **changes,
    )
    return Rules(strategy=rule)


def dropping(drop="0.05", window_us=5 * MINUTE, **changes):
    """Rules of one drop alert, and of nothing else."""
    return Rules(alerts=(DropRule(drop=Decimal(drop), window_us=window_us),), **changes)
