"""A file's lines as records of events, and tables of rows to look up.

Nothing is judged here but what keeps a file from being read.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from penstock.drivers.files.lines import whole_lines
from penstock.drivers.files.raw import Part, RawFile
from penstock.errors import SourceError
from penstock.ports import MAX_KEY_BYTES, Record, Row

__all__ = ["read_events", "read_rows"]

# As many events as Lambda passes at a time, and as much as an object of the archive
# holds.
_BATCH_RECORDS = 2_000
_BATCH_BYTES = 5_000_000


def read_events(path: Path, arrival_us: int) -> Iterator[list[Record]]:
    """Yield a file's lines in batches, a record each, numbered from 1.

    The file may be packed with gzip, zstd or zip.  Its shard is named by the file and
    a checksum, so that the same file is the same records again, and another file of
    that name is not.

    Raises:
        SourceError: It cannot be opened, read or unpacked to its end; what comes
            before has been yielded.
    """
    with RawFile(path) as file:
        for part in file.parts():
            yield from _batches(_records(part, arrival_us))
            if part.damage:
                raise SourceError(f"{path}: {part.damage}")


def _records(part: Part, arrival_us: int) -> Iterator[Record]:
    shard = ""
    for lines in whole_lines(part):
        name = part.name.replace("/", "-")
        shard = shard or f"file-{name}-{crc32(lines.data):08x}"
        for number, line in enumerate(lines.data.split(b"\n"), lines.first):
            if line.strip():
                yield Record(shard, number, "", line, arrival_us)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.data)
        if len(batch) == _BATCH_RECORDS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_rows(path: Path, key: str) -> list[Row]:
    """Read a table of rows, each with text in its field `key`.

    From CSV with a header, where the name ends in `.csv`; else from JSON: an array of
    objects, or an object a line.  A whole number as the key becomes its digits.

    Raises:
        SourceError: It cannot be read, or a row has no key; says which.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        reason = getattr(e, "strerror", None) or e
        raise SourceError(f"{path}: cannot be read: {reason}.") from e
    if path.suffix.lower() == ".csv":
        found = _csv_rows(text, path)
    else:
        found = _json_rows(text, path)
    return [_keyed(row, key, f"{path}: row {n}") for n, row in enumerate(found, 1)]


def _csv_rows(text: str, path: Path) -> list[Row]:
    rows: list[Row] = []
    try:
        for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
            if None in row:
                raise SourceError(
                    f"{path}: row {len(rows) + 1} has more fields than the header"
                )
            rows.append({name: v for name, v in row.items() if v is not None})
    except csv.Error as e:
        raise SourceError(f"{path}: row {len(rows) + 1}: not CSV: {e}.") from e
    return rows


def _json_rows(text: str, path: Path) -> list[Row]:
    try:
        if text.lstrip().startswith("["):
            return msgspec.json.decode(text, type=list[Row])
        return msgspec.json.Decoder(Row).decode_lines(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        raise SourceError(
            f"{path}: must be an array of JSON objects, an object a line, or end in "
            f".csv: {e}."
        ) from e


def _keyed(row: Mapping[str, Any], key: str, where: str) -> Row:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value.encode()) <= MAX_KEY_BYTES:
        names = ", ".join(row) or "none"
        raise SourceError(
            f"{where} must have text or a whole number in {key!r}, the table's key; "
            f"found {row.get(key)!r}. Its fields: {names}."
        )
    return {**row, key: value}
