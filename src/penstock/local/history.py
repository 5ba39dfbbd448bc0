"""History rows in the database, by series and time."""

from collections.abc import Sequence

import msgspec

from penstock.errors import UnavailableError
from penstock.local.database import Database
from penstock.model import HistoryRow

__all__ = ["LocalHistory"]

# Columns in the order of HistoryRow's fields.
_PUT = """
INSERT INTO history
    (series, last_refreshed, price, open, high, low, volume, notional, trades, gaps)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (series, last_refreshed) DO UPDATE SET
    price = excluded.price,
    open = excluded.open,
    high = excluded.high,
    low = excluded.low,
    volume = excluded.volume,
    notional = excluded.notional,
    trades = excluded.trades,
    gaps = excluded.gaps
WHERE excluded.trades >= history.trades
"""
_QUERY = """
SELECT series, last_refreshed, price, open, high, low, volume, notional, trades, gaps
FROM history WHERE series = ? AND last_refreshed >= ? AND last_refreshed < ?
"""
_OLDEST_FIRST = _QUERY + "ORDER BY last_refreshed LIMIT ?"
_NEWEST_FIRST = _QUERY + "ORDER BY last_refreshed DESC LIMIT ?"
_ALL = -1  # SQLite's way of saying: no limit


class LocalHistory:
    """A `HistoryStore` in one database; one call's rows are written all or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Sequence[HistoryRow]) -> set[str]:
        """See `HistoryStore.put`."""
        if not rows:
            return set()
        try:
            with self._database.writing() as connection:
                connection.executemany(_PUT, map(msgspec.structs.astuple, rows))
        except UnavailableError:
            return {row.series for row in rows}
        return set()

    def query(
        self,
        series: str,
        *,
        start: str = "",
        end: str = "~",
        limit: int = 0,
        newest_first: bool = False,
    ) -> list[HistoryRow]:
        """See `HistoryStore.query`."""
        statement = _NEWEST_FIRST if newest_first else _OLDEST_FIRST
        values = (series, start, end, limit or _ALL)
        with self._database.reading() as connection:
            return [HistoryRow(**row) for row in connection.execute(statement, values)]
