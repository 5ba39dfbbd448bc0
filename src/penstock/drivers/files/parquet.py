"""Parquet files, read by DuckDB a few thousand rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from penstock.drivers.files.batch import BadItem, Run
from penstock.drivers.files.columns import row_reader
from penstock.drivers.files.options import Options
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError, SourceError
from penstock.feeds import Notes
from penstock.model import Trade

__all__ = ["PARQUET", "ParquetReader"]

PARQUET = b"PAR1"  # how a file begins, and ends

_ROWS = 4096  # at a time: two of DuckDB's vectors


class ParquetReader:
    """Reads Parquet as rows of text, with the columns that a CSV file may have.

    DuckDB writes each value as text that reads back as the same value, and times with
    all that they have of a microsecond.
    """

    contiguous = None  # whether the ids are is told by the first of them

    def __init__(self, options: Options) -> None:
        self.notes = Notes()
        self._options = options

    def read(self, part: Part) -> Iterator[Run]:
        """Yield the file's trades and bad rows.

        Raises:
            SourceError: It is no Parquet, or a column is missing, or DuckDB is.
        """
        duckdb = _duckdb(part.name)
        path = [str(part.path)]
        with _told(duckdb, part.name), duckdb.connect() as db:
            columns = db.execute("DESCRIBE SELECT * FROM read_parquet(?)", path)
            types = {row[0]: row[1] for row in columns.fetchall()}
            make = row_reader(
                part.name, list(types), self._options, self.notes, venue="file"
            )
            counted = db.execute("SELECT count(*) FROM read_parquet(?)", path)
            [(total,)] = counted.fetchall()
            cells = ", ".join(_text_of(name, kind) for name, kind in types.items())
            # S608: the only text put in is the file's own column names, quoted.
            rows = db.execute(f"SELECT {cells} FROM read_parquet(?)", path)  # noqa: S608
            first = 0
            while batch := rows.fetchmany(_ROWS):
                part.fraction = (first + len(batch)) / total
                yield _read_rows(part.name, first, batch, make)
                first += len(batch)


def _read_rows(
    name: str,
    first: int,
    rows: Sequence[Sequence[str]],
    make: Callable[[Sequence[str]], Trade],
) -> Run:
    trades: list[Trade] = []
    bad: list[BadItem] = []
    for number, row in enumerate(rows, first):
        try:
            trades.append(make(row))
        except BadRecordError as e:
            data = ",".join(row).encode()
            bad.append(BadItem(f"{name}[{number}]", data, str(e)))
    return Run(trades, bad)


def _text_of(column: str, kind: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    # As ISO 8601 the time would lack its zone.
    value = f"epoch_us({name})" if kind.startswith("TIMESTAMP") else name
    return f"coalesce(CAST({value} AS VARCHAR), '')"


def _duckdb(name: str) -> ModuleType:
    try:
        import duckdb  # noqa: PLC0415 (an extra, needed for few files)
    except ImportError as e:
        raise SourceError(
            f"{name}: Parquet is read by the package duckdb: "
            'pip install "penstock[query]"'
        ) from e
    return duckdb


@contextmanager
def _told(duckdb: ModuleType, name: str) -> Iterator[None]:
    """Turn what DuckDB says into a SourceError."""
    try:
        yield
    except duckdb.Error as e:
        raise SourceError(f"{name}: cannot be read as Parquet: {e}") from e
