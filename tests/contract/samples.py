"""Values for the contract suites, each distinct in every field that is not given."""

from decimal import Decimal

from penstock.model import (
    Alert,
    Bar,
    CompletedTrade,
    DeadLetter,
    HistoryRow,
    Position,
    TickerState,
    Window,
)
from penstock.ports import Entry

BTC = "coinbase:BTC-USD"
ETH = "coinbase:ETH-USD"
SOL = "kraken:SOL-EUR"


def entry(key=BTC, text="1", *, last_seq=0):
    return Entry(key=key, data=f"{text}\n".encode(), last_seq=last_seq, trades=1)


def position(ticker=BTC, *, entry_price="85012.340"):
    return Position(
        id=f"{ticker}/buy/7",
        ticker=ticker,
        quantity=Decimal("0.00000001"),
        entry_price=Decimal(entry_price),
        entry_fee=Decimal("0.100"),
        entry_us=1_700_000_000_000_001,
    )


def alert(number=1, *, ticker=BTC, event_us=0, high=None):
    return Alert(
        id=f"{ticker}/below:85000/{number}",
        ticker=ticker,
        rule="below:85000",
        price=84999.99,
        level=85000.0,
        high=high,
        event_us=event_us or 1_700_000_000_000_000 + number,
    )


def completed(ticker=BTC):
    return CompletedTrade(
        id=f"{ticker}/sell/9",
        position_id=f"{ticker}/buy/7",
        ticker=ticker,
        reason="take_profit",
        quantity=Decimal("0.01"),
        entry_price=Decimal(100),
        exit_price=Decimal("105.5"),
        entry_us=1,
        exit_us=2,
        fees=Decimal("0.02055"),
        profit=Decimal("0.03445"),
        return_=Decimal("0.03445"),
    )


def bar(ticker=BTC):
    return Bar(
        ticker=ticker,
        start_us=1_700_000_040_000_000,
        interval_us=60_000_000,
        open=0.1,
        high=0.3,
        low=0.05,
        close=0.2,
        volume=1.1,
        notional=0.22,
        trades=4,
        gaps=2,
    )


def state(ticker=BTC, version=1, **changes):
    values = {
        "stream_position": version * 10,
        "last_seq": version * 100,
        "trades": version * 3,
        "late": 1,
        "gaps": 2,
        "last_price": 0.1 + 0.2,
        "last_us": 1_700_000_000_000_000,
        "row": bar(ticker),
        "bar": bar(ticker),
        "windows": {300_000_000: Window(7, (0.0, 85012.34)), 60_000_000: Window(9, ())},
        "fired": ("below:85000", "drop:0.05:5m"),
        "sold_us": 5,
    }
    return TickerState(ticker=ticker, version=version, **(values | changes))


def row(series=BTC, time="2024-11-20T23:40:00.000001Z", *, trades=1, price=85012.34):
    return HistoryRow(
        series=series,
        last_refreshed=time,
        price=price,
        open=0.1,
        high=0.3,
        low=0.05,
        volume=1.1,
        notional=0.22,
        trades=trades,
        gaps=2,
    )


def letter(number=1, *, line=0, data=b"\xff\x00 not a trade", reason="invalid UTF-8"):
    return DeadLetter(
        id=f"shardId-000000000000/{number}/{line}",
        key=BTC,
        reason=reason,
        data=data,
        arrival_us=1_700_000_000_000_000 + number,
        version="0.1.0",
    )
