"""Alerts kept in the database, for whoever comes to look."""

from collections.abc import Sequence

import msgspec

from penstock.local.database import Database
from penstock.model import Alert

__all__ = ["LocalAlerts"]

_NOTIFY = """
INSERT INTO alerts (id, ticker, rule, price, level, high, event_us)
VALUES (:id, :ticker, :rule, :price, :level, :high, :event_us)
ON CONFLICT (id) DO NOTHING
"""
_LIST = """
SELECT id, ticker, rule, price, level, high, event_us FROM alerts
WHERE :ticker IS NULL OR ticker = :ticker
ORDER BY event_us DESC, arrival DESC LIMIT :limit
"""
_ALL = -1  # SQLite's way of saying: no limit


class LocalAlerts:
    """A `Notifier` that keeps each alert once, by its id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def notify(self, alerts: Sequence[Alert]) -> None:
        """See `Notifier.notify`.  Keeps all of `alerts` or none."""
        if not alerts:
            return
        with self._database.writing() as connection:
            connection.executemany(_NOTIFY, map(msgspec.structs.asdict, alerts))

    def list(self, ticker: str | None = None, *, limit: int = 0) -> list[Alert]:
        """Return the alerts, of `ticker` or of all, newest first; all if `limit` is 0.

        Raises:
            UnavailableError: The disk failed, or a foreign program holds the file.
        """
        with self._database.reading() as connection:
            rows = connection.execute(_LIST, {"ticker": ticker, "limit": limit or _ALL})
            return [Alert(**row) for row in rows]
