"""Values to and from NDJSON, and trades packed into records.

A record is UTF-8 NDJSON of one ticker: newline-terminated JSON objects.  Nothing here
does I/O or reads a clock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from penstock.errors import BadRecordError
from penstock.model import MAX_NAME_LENGTH, SYMBOL, VENUE, Trade

__all__ = [
    "MAX_LINE_BYTES",
    "BadLine",
    "Entry",
    "Packer",
    "decimal_text",
    "decode_record",
    "decode_trade",
    "encode_json",
    "encode_trade",
    "is_ticker",
    "iso_time",
]

# Kinesis refuses a record above 1 MiB unless the stream was raised; a trade that
# does not fit can travel on no stream.
MAX_LINE_BYTES = 1_048_576

_encoder = msgspec.json.Encoder()
# Nesting beyond what Python's stack holds is no trade either.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_lenient = msgspec.json.Decoder(Trade, strict=False)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (UTC; without the offset in its text)


class BadLine(NamedTuple):
    """A line of a record that is not a valid trade of the record's ticker.

    Attributes:
        line: Which line of the record, from 0.
        data: Its bytes, without the newline.
        reason: What is wrong with it.
    """

    line: int
    data: bytes
    reason: str


class Entry(Struct, frozen=True, gc=False):
    """A record on its way to the stream.

    Attributes:
        key: Partition key: the ticker.
        data: NDJSON, newline-terminated.
        last_seq: Highest `seq` among its trades, 0 where they have none.
        trades: How many lines.
    """

    key: str
    data: bytes
    last_seq: int
    trades: int


class _Open:
    """The record of one ticker that is being filled."""

    __slots__ = ("last_seq", "lines", "since_us", "size")

    def __init__(self, since_us: int) -> None:
        self.lines: list[bytes] = []
        self.size = self.last_seq = 0
        self.since_us = since_us


class Packer:
    """Packs trades into records of one ticker each, in order.

    Args:
        max_bytes: A record grows to at most this; a larger trade goes alone.
        linger_us: How long a record that is not full may wait for more.

    Attributes:
        waiting: Trades that have been added and not yet taken.
    """

    def __init__(self, max_bytes: int, linger_us: int) -> None:
        self._max_bytes, self._linger_us = max_bytes, linger_us
        self._open: dict[tuple[str, str], _Open] = {}
        self._full: list[Entry] = []
        self.waiting = 0

    def add(self, trades: Sequence[Trade], now_us: int) -> None:
        """Take in trades; within a ticker in the order in which they are to stay."""
        encode, records, max_bytes = _encoder.encode, self._open, self._max_bytes
        for trade in trades:
            names = (trade.venue, trade.symbol)
            line = encode(trade)
            record = records.get(names)
            if record is None:
                record = records[names] = _Open(now_us)
            elif record.size + len(line) + 1 > max_bytes:
                self._full.append(_close(names, record))
                record = records[names] = _Open(now_us)
            record.lines.append(line)
            record.size += len(line) + 1
            record.last_seq = max(record.last_seq, trade.seq)
        self.waiting += len(trades)

    def take(self, now_us: int) -> list[Entry]:
        """Return the records that are full or have lingered; they are the caller's."""
        due = [
            n for n, r in self._open.items() if r.since_us + self._linger_us <= now_us
        ]
        return self._take(due)

    def flush(self) -> list[Entry]:
        """Return all records, however small."""
        return self._take(list(self._open))

    def put_back(self, entries: Sequence[Entry]) -> None:
        """Return records that could not be sent, to be taken first next time."""
        self._full[:0] = entries
        self.waiting += sum(e.trades for e in entries)

    def due_us(self) -> int | None:
        """Return when the next record will have lingered; None where none is open."""
        if self._full:
            return 0
        times = [record.since_us for record in self._open.values()]
        return min(times) + self._linger_us if times else None

    def _take(self, names: Iterable[tuple[str, str]]) -> list[Entry]:
        taken, self._full = self._full, []
        taken.extend(_close(n, self._open.pop(n)) for n in names)
        self.waiting -= sum(e.trades for e in taken)
        return taken


def _close(names: tuple[str, str], record: _Open) -> Entry:
    lines = record.lines
    data = b"\n".join(lines) + b"\n"
    return Entry(f"{names[0]}:{names[1]}", data, record.last_seq, len(lines))


def encode_trade(trade: Trade) -> bytes:
    """Write a trade as one line of the wire format, newline included."""
    return _encoder.encode(trade) + b"\n"


def encode_json(value: Any) -> bytes:  # noqa: ANN401 (any value that msgspec knows)
    """Write any of penstock's values, or plain containers, as compact JSON."""
    return _encoder.encode(value)


def decode_trade(line: bytes) -> Trade:
    """Read one line; numbers may be given as strings, unknown fields are ignored.

    Raises:
        BadRecordError: The line is not a valid trade; says what is wrong and where.
    """
    if len(line) > MAX_LINE_BYTES:
        raise BadRecordError(
            f"line of {len(line):,} bytes; a record holds at most {MAX_LINE_BYTES:,}"
        )
    try:
        trade = _lenient.decode(line)
    except _UNREADABLE as e:
        raise BadRecordError(f"not a trade: {e}") from e
    if not _names_are_valid(trade.venue, trade.symbol):
        raise BadRecordError(
            "a venue is lower case and a symbol BASE-QUOTE in upper case; found "
            f"{trade.venue!r} and {trade.symbol!r}"
        )
    return trade


def decode_record(data: bytes, ticker: str) -> tuple[list[Trade], list[BadLine]]:
    """Read a record's lines: the trades of `ticker`, and what is something else.

    All lines at once where all are good, which is nearly always; line by line
    otherwise, so that a bad one costs only itself.
    """
    decoder = _decoder_of(ticker)
    if decoder is None or len(data) > MAX_LINE_BYTES:
        return _decode_each(data, ticker)
    try:
        return decoder.decode_lines(data), []
    except _UNREADABLE:
        return _decode_each(data, ticker)


def is_ticker(key: str) -> bool:
    """Tell whether a partition key is a ticker; no record of another has trades.

    >>> [is_ticker(key) for key in ("coinbase:BTC-USD", "user-1", "")]
    [True, False, False]
    """
    venue, _, symbol = key.partition(":")
    return _names_are_valid(venue, symbol)


@lru_cache(maxsize=16_384)  # of 3 kB each
def _decoder_of(ticker: str) -> msgspec.json.Decoder[Trade] | None:
    # Venue and symbol as literals: so a trade of another ticker is refused while it
    # is read, and all trades share the two strings.
    venue, _, symbol = ticker.partition(":")
    if not _names_are_valid(venue, symbol):
        return None
    kind = msgspec.defstruct(
        Trade.__name__,
        [("venue", Literal[venue]), ("symbol", Literal[symbol])],
        bases=(Trade,),
        module=Trade.__module__,
        kw_only=True,
    )
    return msgspec.json.Decoder(kind)


def _names_are_valid(venue: str, symbol: str) -> bool:
    if max(len(venue), len(symbol)) > MAX_NAME_LENGTH:
        return False
    return bool(VENUE.fullmatch(venue) and SYMBOL.fullmatch(symbol))


def _decode_each(data: bytes, ticker: str) -> tuple[list[Trade], list[BadLine]]:
    trades: list[Trade] = []
    bad: list[BadLine] = []
    for number, line in enumerate(data.split(b"\n")):
        if not line.strip():
            continue
        try:
            trades.append(_decode_of(line, ticker))
        except BadRecordError as e:
            bad.append(BadLine(number, line, str(e)))
    return trades, bad


def _decode_of(line: bytes, ticker: str) -> Trade:
    trade = decode_trade(line)
    if trade.ticker != ticker:
        raise BadRecordError(
            f"a trade of {trade.ticker} under the partition key {ticker!r}; "
            f"put it under {trade.ticker!r}"
        )
    return trade


def iso_time(us: int) -> str:
    """Write a time as ISO 8601 UTC with microseconds.

    >>> iso_time(1_732_146_000_000_001)
    '2024-11-20T23:40:00.000001Z'
    """
    minute = us // 60_000_000
    rest = str(100_000_000 + us - minute * 60_000_000)  # the 1 keeps the zeros
    return f"{_minute_text(minute)}:{rest[1:3]}.{rest[3:]}Z"


@lru_cache(maxsize=64)  # the rows of a batch are of few minutes
def _minute_text(minute: int) -> str:
    return (_EPOCH + timedelta(minutes=minute)).isoformat(timespec="minutes")


def decimal_text(value: Decimal) -> str:
    """Write a decimal without exponent, trailing zeros or a negative zero.

    >>> [decimal_text(Decimal(d)) for d in ("1.500", "1E+3", "-0.00")]
    ['1.5', '1000', '0']
    """
    return f"{value.normalize():f}" if value else "0"
