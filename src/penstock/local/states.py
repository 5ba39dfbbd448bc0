"""State items and open positions in the database.

Nothing here knows what a state means; it is replaced whole by who has seen the latest.
"""

from collections.abc import Collection, Sequence
from itertools import islice
from sqlite3 import Connection
from threading import Lock

import msgspec

from penstock.codec import encode_json
from penstock.errors import ConfigError, StaleStateError, UnavailableError
from penstock.local.database import Database
from penstock.model import Position, TickerState
from penstock.ports import Refused

__all__ = ["LocalStates"]

# States of a few kilobytes each: at most some 50 MB, and every ticker of any venue.
_CACHED_TICKERS = 10_000

_LOAD = "SELECT data FROM states WHERE ticker = ?"
_FIRST = """
INSERT INTO states (ticker, version, undelivered, data)
VALUES (:ticker, :version, :undelivered, :data) ON CONFLICT (ticker) DO NOTHING
"""
_NEXT = """
UPDATE states SET version = :version, undelivered = :undelivered, data = :data
WHERE ticker = :ticker AND version = :version - 1
"""
_HOLD = """
INSERT OR REPLACE INTO positions
    (ticker, id, quantity, entry_price, entry_fee, entry_us)
VALUES (:ticker, :id, :quantity, :entry_price, :entry_fee, :entry_us)
"""
_FLAT = "DELETE FROM positions WHERE ticker = ?"
_POSITIONS = """
SELECT ticker, id, quantity, entry_price, entry_fee, entry_us FROM positions
ORDER BY ticker
"""
_UNDELIVERED = "SELECT ticker FROM states WHERE undelivered > 0 ORDER BY ticker"

_decoder = msgspec.json.Decoder(TickerState)


class LocalStates:
    """A `StateStore` in one database; one call commits all its tickers at once.

    With `cached`, the latest states stay in memory.  That is right only for the one
    object through which they are written, under the data directory's lock.
    """

    def __init__(self, database: Database, *, cached: bool) -> None:
        self._database = database
        self._most = _CACHED_TICKERS if cached else 0
        self._cache: dict[str, TickerState] = {}
        # So that no load puts back into the cache what a commit has just replaced.
        self._in_use = Lock()

    def load(self, tickers: Collection[str]) -> dict[str, TickerState]:
        """See `StateStore.load`.

        Raises:
            ConfigError: A stored state cannot be read.
            UnavailableError: The disk failed, or a foreign program holds the file.
        """
        with self._in_use:
            missing = [ticker for ticker in tickers if ticker not in self._cache]
            found = self._read(missing) if missing else {}
            found.update((t, self._cache[t]) for t in tickers if t in self._cache)
            self._remember(found)
        return found

    def _read(self, tickers: Sequence[str]) -> dict[str, TickerState]:
        states = {}
        with self._database.reading() as connection:
            for ticker in tickers:
                row = connection.execute(_LOAD, (ticker,)).fetchone()
                if row is not None:
                    states[ticker] = self._decode(ticker, row[0])
        return states

    def _decode(self, ticker: str, data: str) -> TickerState:
        try:
            return _decoder.decode(data)
        except msgspec.DecodeError as e:
            raise ConfigError(
                f"{self._database.path}: the state of {ticker} cannot be read: {e}. "
                "Move the data directory away and replay its archive into a new one."
            ) from e

    def commit(self, states: Sequence[TickerState]) -> dict[str, Refused]:
        """See `StateStore.commit`."""
        with self._in_use:
            # Forgotten first and remembered last: whatever happens in between, even
            # an interrupt after the commit, the cache is never behind or ahead.
            for state in states:
                self._cache.pop(state.ticker, None)
            refused: dict[str, Refused] = {}
            try:
                with self._database.writing() as connection:
                    for state in states:
                        if not _replace(connection, state):
                            stale = StaleStateError(state.ticker, state.version - 1)
                            refused[state.ticker] = stale
            except UnavailableError as e:
                return {state.ticker: e for state in states}
            self._remember({s.ticker: s for s in states if s.ticker not in refused})
        return refused

    def _remember(self, states: dict[str, TickerState]) -> None:
        self._cache.update(states)
        surplus = max(0, len(self._cache) - self._most)
        for ticker in list(islice(self._cache, surplus)):
            del self._cache[ticker]

    def tickers(self) -> list[str]:
        """See `StateStore.tickers`."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT ticker FROM states ORDER BY ticker")
            return [ticker for (ticker,) in rows]

    def positions(self) -> list[Position]:
        """See `StateStore.positions`."""
        with self._database.reading() as connection:
            rows = connection.execute(_POSITIONS)
            return [msgspec.convert(dict(row), Position) for row in rows]

    def undelivered(self) -> list[str]:
        """See `StateStore.undelivered`."""
        with self._database.reading() as connection:
            return [ticker for (ticker,) in connection.execute(_UNDELIVERED)]


def _replace(connection: Connection, state: TickerState) -> bool:
    """Write a state and its position; tell whether the stored version allowed it."""
    values = {
        "ticker": state.ticker,
        "version": state.version,
        "undelivered": len(state.outbox),
        "data": encode_json(state).decode(),
    }
    statement = _FIRST if state.version == 1 else _NEXT
    if connection.execute(statement, values).rowcount == 0:
        return False
    if state.position is None:
        connection.execute(_FLAT, (state.ticker,))
    else:
        connection.execute(_HOLD, msgspec.to_builtins(state.position))
    return True
