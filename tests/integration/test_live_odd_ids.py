"""Ids that jump where no id should be: a venue that begins anew, and one garbled id."""

import pytest
from msgspec.structs import replace

from tests.live import live, receive, symbols_of
from tests.servers import VenueServer, made_trades

COUNT = 300
AT = 200
KINDS = [
    "binance",
    "binance-usdm",
    "bitstamp",
    "coinbase",
    "coinbase-advanced",
    "kraken",
]


def play(kind, trades):
    with VenueServer(kind, trades, heartbeat_s=0.05) as venue:
        marks = {trades[0].ticker: trades[0].seq - 1}
        source = live(kind, venue, symbols=symbols_of(kind)[:1], marks=marks)
        last_us = trades[-1].event_us
        received = receive(
            source, lambda r: r.trades and r.trades[-1].event_us == last_us
        )
    (ticker,) = source.status().tickers
    return received, ticker


def numbered(trade, number):
    return replace(trade, seq=number, trade_id=str(number))


@pytest.mark.parametrize("kind", KINDS)
def test_a_venue_that_begins_its_ids_anew_is_followed(kind):
    trades = made_trades(kind, COUNT, symbols=symbols_of(kind)[:1], first_id=10**6)
    anew = [numbered(trade, n) for n, trade in enumerate(trades[AT:], 1)]
    received, ticker = play(kind, trades[:AT] + anew)
    assert [t.event_us for t in received.trades] == [t.event_us for t in trades]
    assert [t.trade_id for t in received.trades[AT:]] == [t.trade_id for t in anew]
    assert [t.seq for t in received.trades[AT:]] == [t.seq + 2**44 for t in anew]
    assert (ticker.resets, ticker.missing) == (1, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_garbled_id_costs_one_trade_and_is_told(kind):
    trades = made_trades(kind, COUNT, symbols=symbols_of(kind)[:1], first_id=10**6)
    market = [*trades[:AT], numbered(trades[AT], 10**12), *trades[AT + 1 :]]
    received, ticker = play(kind, market)
    assert [t.seq for t in received.trades] == [
        t.seq for t in trades if t is not trades[AT]
    ]
    assert (ticker.resets, ticker.odd) == (0, 1)
    # Where ids count, it is missing as well.
    assert ticker.missing == (kind != "bitstamp")
