"""History rows: what a folded batch leaves for whoever asks later.

Rows are upserts under (series, last_refreshed): the same trades give the same rows.
"""

from penstock.codec import iso_time
from penstock.engine.rules import Rules, duration_text
from penstock.engine.step import Folded
from penstock.model import Bar, HistoryRow, Trade

__all__ = ["bar_series", "history_rows"]


def bar_series(ticker: str, bar_us: int) -> str:
    """Name the history series that holds a ticker's bars.

    >>> bar_series("coinbase:BTC-USD", 60_000_000)
    'coinbase:BTC-USD@1m'
    """
    return f"{ticker}@{duration_text(bar_us)}"


def history_rows(ticker: str, folded: Folded, rules: Rules) -> list[HistoryRow]:
    """Return the rows that a folded batch changed: of its bars, and of its history."""
    bars = bar_series(ticker, rules.bar_us)
    rows = [_bar_row(bars, bar) for bar in folded.bars]
    rows += [_bar_row(ticker, bar) for bar in folded.rows]
    rows += [_tick_row(ticker, trade) for trade in folded.ticks]
    return rows


def _bar_row(series: str, bar: Bar) -> HistoryRow:
    return HistoryRow(
        series=series,
        last_refreshed=iso_time(bar.start_us),
        price=bar.close,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        volume=bar.volume,
        notional=bar.notional,
        trades=bar.trades,
        gaps=bar.gaps,
    )


def _tick_row(ticker: str, trade: Trade) -> HistoryRow:
    # Two trades in one microsecond must not overwrite each other.
    name = trade.trade_id or trade.seq
    time = iso_time(trade.event_us)
    return HistoryRow(
        series=ticker,
        last_refreshed=f"{time}#{name}" if name else time,
        price=trade.price,
        open=trade.price,
        high=trade.price,
        low=trade.price,
        volume=trade.size,
        notional=trade.price * trade.size,
        trades=1,
        gaps=trade.gap,
    )
