"""The SQLite file of a data directory: its tables, and how such a file is opened.

This is the one place that opens SQLite, begins and ends transactions, and turns
SQLite's errors into penstock's.  What the tables mean is the business of the modules
beside it.

Nothing else in this process may open the file: closing it would drop the locks that
SQLite holds on it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from sqlite3 import Connection
from threading import Lock
from typing import Literal

from penstock.errors import ConfigError, PenstockError, UnavailableError

__all__ = ["Database", "Durability", "open_database", "read_database"]

Durability = Literal["full", "normal"]

_SCHEMA_VERSION = 1

# Records have no key but their number, so that they lie in order of arrival; an
# index's entries end in the row's number, so `records_by_shard` sorts by it within a
# shard.  Large values live in tables with rows' numbers, where SQLite keeps them out
# of the tree's upper levels; small ones in tables WITHOUT ROWID, which need no index.
_SCHEMA = f"""
BEGIN IMMEDIATE;

CREATE TABLE log (                      -- one row
    id                   INTEGER PRIMARY KEY CHECK (id = 1),
    shards               INTEGER NOT NULL,
    last_sequence_number INTEGER NOT NULL,
    last_arrival_us      INTEGER NOT NULL
) STRICT;

CREATE TABLE records (
    sequence_number INTEGER PRIMARY KEY,
    shard           INTEGER NOT NULL,   -- by number, from 0
    key             TEXT NOT NULL,
    arrival_us      INTEGER NOT NULL,   -- never falls with rising numbers
    data            BLOB NOT NULL
) STRICT;
CREATE INDEX records_by_shard ON records (shard);

CREATE TABLE marks (
    key      TEXT PRIMARY KEY,
    last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    consumer        TEXT NOT NULL,
    shard           TEXT NOT NULL,      -- by name
    sequence_number INTEGER NOT NULL,
    PRIMARY KEY (consumer, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE states (
    ticker      TEXT PRIMARY KEY,
    version     INTEGER NOT NULL,
    undelivered INTEGER NOT NULL,       -- length of the outbox
    data        TEXT NOT NULL           -- JSON; text, for SQLite's functions to read
) STRICT;
CREATE INDEX states_undelivered ON states (ticker) WHERE undelivered > 0;

CREATE TABLE positions (                -- decimals as text: SQLite has no exact ones
    ticker      TEXT PRIMARY KEY,
    id          TEXT NOT NULL,
    quantity    TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    entry_fee   TEXT NOT NULL,
    entry_us    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    series         TEXT NOT NULL,
    last_refreshed TEXT NOT NULL,
    price          REAL NOT NULL,
    open           REAL NOT NULL,
    high           REAL NOT NULL,
    low            REAL NOT NULL,
    volume         REAL NOT NULL,
    notional       REAL NOT NULL,
    trades         INTEGER NOT NULL,
    gaps           INTEGER NOT NULL,
    PRIMARY KEY (series, last_refreshed)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    arrival  INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    ticker   TEXT NOT NULL,
    rule     TEXT NOT NULL,
    price    REAL NOT NULL,
    level    REAL NOT NULL,
    high     REAL,
    event_us INTEGER NOT NULL
) STRICT;

CREATE TABLE dead_letters (
    arrival    INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    key        TEXT NOT NULL,
    reason     TEXT NOT NULL,
    data       BLOB NOT NULL,
    arrival_us INTEGER NOT NULL,
    version    TEXT NOT NULL
) STRICT;

PRAGMA user_version = {_SCHEMA_VERSION};
COMMIT;
"""

# Three packed records of 5,000 bytes fit in a page of 16 KiB.  One takes two pages of
# 4 KiB or a whole one of 8 KiB, and the file is half as large again.
_PAGE_BYTES = 16_384

# Copying the write-ahead log into the file stops all writers while the disk catches
# up, so it should be rare; and large enough for several whole batches of a fast
# source (2,000 records are 10 MB), which otherwise pay it with every commit.
_WAL_BYTES = 32_000_000

# A write-ahead log that a slow reader made grow beyond this is cut back.  Not lower:
# writing over a file's old blocks is several times faster than growing it.
_WAL_LIMIT_BYTES = 2 * _WAL_BYTES

# A batch's pages stay in memory until they are committed; above this they are
# written early, and again when they change.
_WRITER_CACHE_KIB = 16_384

# Reads are of what was just written, which the system's cache holds.  No memory map:
# it reads no faster, and a disk's error would kill the process instead of being told.
_READER_CACHE_KIB = 2_048

# Only a foreign program can hold the file for long (a SQLite shell, a backup).
_PATIENCE_S = 5.0

_FREE_SPACE = "Free some space, or move the data directory to a larger disk."
_CLOSE_OTHER = "Close whatever else has it open, such as a SQLite shell or a backup."
_LOOK_AT_DISK = "Look for free space, quotas and the disk's errors in the system's log."
_RESTORE = (
    "Restore a copy, or move it away and replay the archive into a new data directory."
)
_PERMISSIONS = "Make the file and its folder readable and writable for this user."

_MAY_PASS = {
    sqlite3.SQLITE_BUSY: _CLOSE_OTHER,
    sqlite3.SQLITE_LOCKED: _CLOSE_OTHER,
    sqlite3.SQLITE_PROTOCOL: _CLOSE_OTHER,
    sqlite3.SQLITE_FULL: _FREE_SPACE,
    sqlite3.SQLITE_IOERR: _LOOK_AT_DISK,
    sqlite3.SQLITE_NOMEM: "Give the process more memory.",
}
_WILL_NOT_PASS = {
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_CANTOPEN: _PERMISSIONS,
    sqlite3.SQLITE_READONLY: _PERMISSIONS,
    sqlite3.SQLITE_PERM: _PERMISSIONS,
    sqlite3.SQLITE_AUTH: _PERMISSIONS,
}
_PRIMARY_CODE = 0xFF  # the low byte of SQLite's extended result codes


class Database:
    """An open file: one writer at a time, any number of readers beside it.

    Any thread may use it.  Make one with `open_database` or `read_database`.
    """

    def __init__(
        self, path: Path, *, log: Connection | None, work: Connection | None
    ) -> None:
        """`log` commits to the disk, `work` in order after it; None: read only."""
        self.path = path
        self._log = log
        self._work = work
        # Not left to SQLite, whose waiting is by sleeping ever longer.
        self._writing = Lock()
        self._idle_readers: list[Connection] = []

    @contextmanager
    def writing(self, *, durable: bool = False) -> Iterator[Connection]:
        """Run one transaction: committed at the end of the block, or not at all.

        With `durable`, it survives a power failure from then on (unless the database
        was opened for less); without, it does once a later durable one does.  Either
        survives the end of the process, however sudden.

        Raises:
            UnavailableError: The disk is full or failed, or a foreign program holds
                the file.
            ConfigError: The file is damaged, may not be written, or was opened for
                reading only.
        """
        connection = self._log if durable else self._work
        if connection is None:
            raise ConfigError(
                f"{self.path} was opened for reading only. Open it with `open_local`, "
                "which makes sure that nothing else writes."
            )
        with self._writing, _translated_errors(self.path):
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection that sees everything committed, and cannot write.

        Raises:
            UnavailableError: The disk failed, or a foreign program holds the file.
            ConfigError: The file is damaged or may not be read.
        """
        with _translated_errors(self.path):
            try:
                connection = self._idle_readers.pop()
            except IndexError:
                connection = _connect_reader(self.path)
            try:
                yield connection
            finally:
                self._idle_readers.append(connection)

    def close(self) -> None:
        """Close the file; no other thread may be using it any more."""
        for connection in (*self._idle_readers, self._work, self._log):
            if connection is not None:
                connection.close()


def open_database(
    path: Path, *, durability: Durability, schema: str = _SCHEMA
) -> Database:
    """Open the file for reading and writing, and make it, by `schema`, if it is new.

    The caller holds the data directory's lock.  With `durability` "full", durable
    transactions reach the disk before they return; with "normal" they are as fast as
    the others, and a power failure (not the end of the process) may cost the last
    seconds.

    Raises:
        ConfigError: It is no database, is damaged, was written by a newer version,
            or lies where it cannot be written.
        UnavailableError: The disk is full or failed.
    """
    with ExitStack() as stack, _translated_errors(path):
        log = stack.enter_context(closing(_connect_writer(path, durability)))
        if _schema_version(log, path) == 0:
            log.executescript(schema)
        work = stack.enter_context(closing(_connect_writer(path, "normal")))
        stack.pop_all()
        return Database(path, log=log, work=work)


def read_database(path: Path) -> Database:
    """Open the file for reading only, whether or not another process writes to it.

    Raises:
        ConfigError: There is none, it is no database, is damaged, was written by a
            newer version, or may not be read.
        UnavailableError: The disk failed.
    """
    try:
        path.stat()
    except OSError as e:
        raise _nothing_there(path, e.strerror) from e
    database = Database(path, log=None, work=None)
    with database.reading() as connection:
        if _schema_version(connection, path):
            return database
    database.close()
    raise _nothing_there(path, "nothing is in it yet")


def _nothing_there(path: Path, reason: str | None) -> ConfigError:
    return ConfigError(
        f"data directory {path.parent} holds no {path.name} to read: {reason}. Start "
        "`penstock run` or `penstock replay` with this --data-dir first, or pass "
        "another --data-dir."
    )


def _connect_writer(path: Path, durability: Durability) -> Connection:
    connection = sqlite3.connect(
        path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )
    with ExitStack() as stack:
        stack.enter_context(closing(connection))
        _schema_version(connection, path)  # before anything is written
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise ConfigError(
                f"{path}: this file system cannot hold a write-ahead log (journal mode "
                f"stayed {mode!r}). Put the data directory on a local disk."
            )
        connection.execute(f"PRAGMA synchronous = {durability}")
        # macOS: fsync alone leaves data in the drive's cache.  No effect elsewhere.
        connection.execute(f"PRAGMA fullfsync = {durability == 'full'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // _PAGE_BYTES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        connection.execute(f"PRAGMA cache_size = {-_WRITER_CACHE_KIB}")
        stack.pop_all()
    return connection


def _connect_reader(path: Path) -> Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=_PATIENCE_S,
        isolation_level=None,
        check_same_thread=False,
    )
    with ExitStack() as stack:
        stack.enter_context(closing(connection))
        _schema_version(connection, path)
        connection.execute(f"PRAGMA cache_size = {-_READER_CACHE_KIB}")
        # Columns by name make a value: Alert(**row).
        connection.row_factory = sqlite3.Row
        stack.pop_all()
    return connection


def _schema_version(connection: Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA_VERSION:
        raise ConfigError(
            f"{path} was written by a newer penstock: found schema version {version}, "
            f"this one knows {_SCHEMA_VERSION}. Upgrade penstock, or pass another "
            "--data-dir."
        )
    return version


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file into ours; let the rest through: bugs."""
    try:
        yield
    except sqlite3.Error as e:
        translated = _translation(path, e)
        if translated is None:
            raise
        raise translated from e


def _translation(path: Path, error: sqlite3.Error) -> PenstockError | None:
    # Errors of Python's own module, such as the use of a closed connection, have none.
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _MAY_PASS:
        return UnavailableError(f"{path}: {error}. {_MAY_PASS[code]}")
    if code in _WILL_NOT_PASS:
        return ConfigError(f"{path}: {error}. {_WILL_NOT_PASS[code]}")
    return None
