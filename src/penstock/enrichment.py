"""Events enriched: rows of lookup tables put into any JSON objects (`enrich_batch`).

An event is a JSON object, one a line of a record.  Only the fields that a lookup goes
by are read; all others travel on as they were written, to the last digit.  What is
no JSON object becomes a dead letter and holds up nothing.  No clock, no I/O of its own.
"""

import gzip
from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from penstock.codec import BadLine, encode_json
from penstock.errors import BadRecordError, UnavailableError
from penstock.layout import enriched_key
from penstock.letters import letter_of_line
from penstock.model import DeadLetter
from penstock.ports import MAX_KEY_BYTES, DeadLetters, LookupTable, ObjectStore, Record

__all__ = ["ADDED", "EnrichResult", "EnrichmentPorts", "Lookup", "enrich_batch"]

# The one field that every enriched event has beside its own and the lookups'.
ADDED = "penstock"

# Rows kept per lookup, as JSON: thousands of users, in a fraction of what the smallest
# Lambda function has.
_CACHE_BYTES = 16_000_000

# As for raw trades: 4 packs nearly as well as 9 in a fifth of the time.
_LEVEL = 4

_Fields = dict[str, Raw]
_event_decoder = msgspec.json.Decoder(_Fields)
_key_decoder = msgspec.json.Decoder(str | int)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL = Raw(b"null")


class Lookup:
    """One table that events are looked up in, and the rows read from it lately.

    Args:
        table: Where the rows are.
        key: The event's field whose text, or whole number, picks the row.  With dots,
            a field within a field: `user.company_id`.
        into: The event's field that the row is put into.
        ttl_us: How long a row that was read is used again.
        max_bytes: How much of rows, as JSON, is kept for that.
    """

    def __init__(
        self,
        table: LookupTable,
        *,
        key: str,
        into: str,
        ttl_us: int,
        max_bytes: int = _CACHE_BYTES,
    ) -> None:
        self.key, self.into = key, into
        self._table, self._ttl_us, self._max_bytes = table, ttl_us, max_bytes
        self._kept: dict[str, tuple[int, bytes]] = {}
        self._kept_bytes = 0

    def rows(self, keys: Collection[str], now_us: int) -> Mapping[str, Raw]:
        """Return the rows of those of `keys` that have one.

        A key without a row is asked for again each time: whoever adds the row sees it.

        Raises:
            UnavailableError: The table did not answer.
        """
        found: dict[str, Raw] = {}
        asked: list[str] = []
        for key in keys:
            since_us, kept = self._kept.get(key, (0, b""))
            if kept and now_us < since_us + self._ttl_us:
                found[key] = Raw(kept)
            else:
                asked.append(key)
        if asked:
            for key, row in self._table.get(asked).items():
                data = encode_json(row)
                found[key] = Raw(data)
                self._keep(key, data, now_us)
        return found

    def _keep(self, key: str, row: bytes, now_us: int) -> None:
        self._kept_bytes += len(row) - len(self._kept.pop(key, (0, b""))[1])
        self._kept[key] = now_us, row
        while self._kept_bytes > self._max_bytes:
            oldest = next(iter(self._kept))
            self._kept_bytes -= len(self._kept.pop(oldest)[1])


class EnrichmentPorts(Struct, frozen=True, kw_only=True):
    """What `enrich_batch` works on.

    Attributes:
        lookups: What to look up, in this order.
        objects: Where enriched events go.
        dead_letters: Where lines go that are no events.
    """

    lookups: Sequence[Lookup]
    objects: ObjectStore
    dead_letters: DeadLetters


class EnrichResult(Struct, kw_only=True):
    """What a batch did; all zero where it failed.

    Attributes:
        events: Events stored.
        missing: Lookups of them that found no row.
        dead_letters: Lines put aside.
        key: The object that holds the events; "" where there are none.
        failed: Why the batch has to come again; None where it is done.
    """

    events: int = 0
    missing: int = 0
    dead_letters: int = 0
    key: str = ""
    failed: UnavailableError | None = None


class _Event(Struct):
    # An event on its way; `missing` names the fields that no row was found for.
    id: str
    fields: _Fields
    missing: list[str]


def enrich_batch(
    records: Sequence[Record], ports: EnrichmentPorts, now_us: int
) -> EnrichResult:
    """Look up what belongs to one shard's next events, and store them as one object.

    Lookups are made in turn, so that a later one can go by what an earlier one found.
    Where no row is found, null is put in its place.  A batch is stored whole or fails
    whole, and the same batch is stored under the same name again.  Raises nothing of
    its own.

    Args:
        records: In stream order, all of one shard.
        ports: What is looked up, and where events and dead letters go.
        now_us: The time, by which kept rows are too old.
    """
    events: list[_Event] = []
    letters: list[DeadLetter] = []
    for record in records:
        _read(record, events, letters)
    try:
        for lookup in ports.lookups:
            _look_up(lookup, events, now_us)
        if letters:
            ports.dead_letters.put(letters)
        key = ""
        if events:
            first, last = records[0], records[-1]
            key = enriched_key(
                first.arrival_us,
                first.shard,
                first.sequence_number,
                last.sequence_number,
            )
            ports.objects.put(key, _object_of(events))
    except UnavailableError as e:
        return EnrichResult(failed=e)
    return EnrichResult(
        events=len(events),
        missing=sum(len(event.missing) for event in events),
        dead_letters=len(letters),
        key=key,
    )


def _read(record: Record, events: list[_Event], letters: list[DeadLetter]) -> None:
    lines, bad = _events_of(record.data)
    place = f"{record.shard}/{record.sequence_number}"
    events.extend(
        _Event(f"{place}/{record.first_line + number}", fields, [])
        for number, fields in lines
    )
    letters.extend(letter_of_line(record, line) for line in bad)


def _events_of(data: bytes) -> tuple[list[tuple[int, _Fields]], list[BadLine]]:
    events: list[tuple[int, _Fields]] = []
    bad: list[BadLine] = []
    for number, line in enumerate(data.split(b"\n")):
        if not line.strip():
            continue
        try:
            events.append((number, _decode(line)))
        except BadRecordError as e:
            bad.append(BadLine(number, line, str(e)))
    if bad and not events:
        try:
            # One object written over several lines, as people write them by hand.
            return [(0, _decode(msgspec.json.format(data, indent=-1)))], []
        except (*_UNREADABLE, BadRecordError):
            pass
    return events, bad


def _decode(line: bytes) -> _Fields:
    try:
        if not line.isascii():
            line.decode()  # what is not read is not checked by the decoder
        return _event_decoder.decode(line)
    except _UNREADABLE as e:
        raise BadRecordError(f"not an event, which is a JSON object: {e}") from e


def _look_up(lookup: Lookup, events: Sequence[_Event], now_us: int) -> None:
    keys = [_key_of(event.fields, lookup.key) for event in events]
    rows = lookup.rows({key for key in keys if key}, now_us)
    for event, key in zip(events, keys, strict=True):
        row = rows.get(key)
        if row is None:
            event.missing.append(lookup.into)
        event.fields[lookup.into] = _NULL if row is None else row


def _key_of(fields: _Fields, path: str) -> str:
    """Return the text that picks a row; "" where the event has none that could."""
    *outer, name = [path] if path in fields else path.split(".")
    try:
        for field in outer:
            fields = _event_decoder.decode(fields[field])
        key = str(_key_decoder.decode(fields[name]))
    except (KeyError, *_UNREADABLE):
        return ""
    return key if len(key.encode()) <= MAX_KEY_BYTES else ""


def _object_of(events: Sequence[_Event]) -> bytes:
    lines = []
    for event in events:
        added = {"id": event.id, "missing": event.missing}
        lines.append(encode_json({**event.fields, ADDED: added}))
    return gzip.compress(b"\n".join(lines) + b"\n", compresslevel=_LEVEL, mtime=0)
