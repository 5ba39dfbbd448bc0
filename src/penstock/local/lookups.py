"""Lookup tables in a file of their own, beside the pipeline's.

So that rows can be loaded and looked at while a pipeline works in the data directory:
what any number of processes may write to needs no lock but SQLite's own.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from penstock.codec import encode_json
from penstock.errors import ConfigError
from penstock.local.database import Database, Durability, open_database
from penstock.ports import Row

__all__ = ["LocalLookupTable", "open_lookups"]

_NAME = "lookups.db"
# IF NOT EXISTS: two processes may find the file new at the same time.
_SCHEMA = """
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS lookups (
    name TEXT NOT NULL,                 -- of the lookup table
    key  TEXT NOT NULL,
    row  TEXT NOT NULL,                 -- JSON; text, for SQLite's functions to read
    PRIMARY KEY (name, key)
) STRICT;

PRAGMA user_version = 1;
COMMIT;
"""
# The keys come as one JSON array: SQLite limits how many parameters a statement has.
_GET = """
SELECT key, row FROM lookups
WHERE name = ? AND key IN (SELECT value FROM json_each(?))
"""
_PUT = "INSERT OR REPLACE INTO lookups (name, key, row) VALUES (?, ?, ?)"
_LIST = "SELECT row FROM lookups WHERE name = ? ORDER BY key LIMIT ?"
_ALL = -1  # SQLite's way of saying: no limit


class LocalLookupTable:
    """A `LookupTable` in one database; one call's rows are written all or not."""

    def __init__(self, database: Database, name: str, key: str) -> None:
        """`key` names the rows' key field."""
        self._database, self._name, self._key = database, name, key

    def get(self, keys: Collection[str]) -> dict[str, Row]:
        """See `LookupTable.get`."""
        values = (self._name, encode_json(list(keys)).decode())
        with self._database.reading() as connection:
            found = connection.execute(_GET, values).fetchall()
        return {key: msgspec.json.decode(row) for key, row in found}

    def put(self, rows: Sequence[Row]) -> None:
        """See `LookupTable.put`."""
        values = [
            (self._name, row[self._key], encode_json(row).decode()) for row in rows
        ]
        with self._database.writing(durable=True) as connection:
            connection.executemany(_PUT, values)

    def list(self, *, limit: int = 0) -> list[Row]:
        """See `LookupTable.list`."""
        values = (self._name, limit or _ALL)
        with self._database.reading() as connection:
            found = connection.execute(_LIST, values).fetchall()
        return [msgspec.json.decode(row) for (row,) in found]


@contextmanager
def open_lookups(data_dir: Path, *, durability: Durability) -> Iterator[Database]:
    """Open the file of a data directory's lookup tables, and make both if need be.

    Raises:
        ConfigError: It cannot be written, is damaged, or was written by a newer
            version.
        UnavailableError: The disk is full or failed, or a program holds the file.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ConfigError(
            f"data directory {data_dir} cannot be made: {e.strerror or e}. Make its "
            "folder writable, or pass another --data-dir."
        ) from e
    path = data_dir / _NAME
    with closing(
        open_database(path, durability=durability, schema=_SCHEMA)
    ) as database:
        yield database
