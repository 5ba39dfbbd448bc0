"""A file of trades, opened and read batch by batch."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from msgspec.structs import replace

from penstock.codec import encode_trade
from penstock.drivers.files.batch import BadItem, Batch, Reader, Run
from penstock.drivers.files.detect import likely_formats
from penstock.drivers.files.formats import FORMATS, Format, find_format
from penstock.drivers.files.options import Options
from penstock.drivers.files.raw import CHUNK_BYTES, Part, RawFile
from penstock.errors import SourceError
from penstock.feeds import Notes
from penstock.feeds.base import excerpt
from penstock.model import Trade

__all__ = ["FileSource", "open_file"]

# Trades in a batch, at least, unless it is the last or there are that many bytes of bad
# items: a chunk of a capture may hold few trades, and each batch costs whoever stores
# it a write to disk.
_BATCH_TRADES = 1000
_BATCH_BAD_BYTES = 1024 * 1024

# With so many faults and not one trade at its beginning, a file is in another format
# than was said, and not merely damaged.
_HOPELESS = 10


def open_file(
    path: Path | str,
    *,
    format_name: str | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> "FileSource":
    """Open a file of trades; close it, or use it in a `with` statement.

    Args:
        path: The file, plain or packed with gzip, zstd or zip.
        format_name: One of FORMATS; None to tell it by how the file begins.
        symbol: BASE-QUOTE, for formats that do not say it.
        venue: For formats that do not say it.
        columns: For `csv` and `parquet`: field to the name of its column, where it is
            not called what it usually is.

    Raises:
        SourceError: It cannot be opened; or its format is unknown, cannot be told, or
            is another one; or an option is missing or of no use.
    """
    options = Options(symbol, venue, columns or {})
    known = find_format(format_name) if format_name else None
    with ExitStack() as opened:
        raw = opened.enter_context(RawFile(Path(path)))
        parts = raw.parts()
        first = next(parts, None)
        if first is None:
            raise SourceError(f"{raw.path}: a zip archive without files")
        if first.damage and not first.head:
            raise SourceError(f"{raw.path}: nothing of it can be read: {first.damage}")
        is_empty = len(first.head) < CHUNK_BYTES and not first.head.strip()
        if known is None:
            known = FORMATS["penstock"] if is_empty else _detected(first)
        source = FileSource(raw, chain([first], parts), known, known.open(options))
        if is_empty:
            source.warnings += (f"{raw.path} is empty",)
        else:
            source.begin(first)
        opened.pop_all()
    return source


class FileSource:
    """An open file of trades; iterate it once.

    The same file gives the same trades in the same batches every time.  A bad item
    never stops it.

    Attributes:
        path: The file.
        size_bytes: As it is stored; 0 where that is not known, as of a pipe.
        format_name: The format it is read in.
        contiguous: Whether a `seq` rises by exactly one per ticker, so that a jump is
            a loss.  Where neither the format nor the venue says so, the file's first
            ids do.
        warnings: What the operator should know.
    """

    def __init__(
        self, raw: RawFile, parts: Iterator[Part], known: Format, reader: Reader
    ) -> None:
        self.path, self.size_bytes = raw.path, raw.size_bytes
        self.format_name = known.name
        self.contiguous = bool(reader.contiguous)
        self.warnings: tuple[str, ...] = ()
        self._raw = raw
        self._parts = parts
        self._part: Part | None = None
        self._reader = reader
        self._judges_ids = reader.contiguous is None
        self._ids_rise = True
        self._first = Run([], [])
        self._runs = self._read()

    def __enter__(self) -> "FileSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing again does nothing."""
        self._raw.close()

    @property
    def notes(self) -> Notes:
        """What was noticed beside the trades so far."""
        return self._reader.notes

    def begin(self, part: Part) -> None:
        """Read the first run, and see from it whether the format is right.

        Raises:
            SourceError: It is not.
        """
        try:
            self._first = next(self._runs, self._first)
        except SourceError as e:
            hint = self._hint(part)
            raise (SourceError(f"{e}{hint}") if hint else e) from e
        trades, bad = self._first
        hint = "" if trades else self._hint(part)
        if hint or (not trades and len(bad) >= _HOPELESS):
            found = f": {bad[0].place}: {bad[0].reason}" if bad else ""
            raise SourceError(
                f"{self.path}: no trade in format {self.format_name!r} at its "
                f"beginning{found}{hint}"
            )
        if self._judges_ids:
            self._ids_rise, self.contiguous = _judge_ids(trades)
        if trades and trades[-1].event_us < trades[0].event_us:
            self.warnings += (
                f"{self.path}: later trades come first; sort them by time, or only the "
                "first of each bar will count",
            )

    def __iter__(self) -> Iterator[Batch]:
        trades: list[Trade] = []
        bad: list[BadItem] = []
        bad_bytes = 0
        for run in chain([self._first], self._runs):
            judged = self._with_ids_judged(*run) if self._judges_ids else run
            trades += judged.trades
            bad += judged.bad
            bad_bytes += sum(len(item.data) for item in judged.bad)
            if len(trades) >= _BATCH_TRADES or bad_bytes >= _BATCH_BAD_BYTES:
                yield Batch(trades, bad, self._consumed_bytes())
                trades, bad, bad_bytes = [], [], 0
        # What remains of the file then, such as a zip archive's directory, is no data.
        yield Batch(trades, bad, self.size_bytes)

    def _read(self) -> Iterator[Run]:
        for part in self._parts:
            self._part = part
            yield from self._reader.read(part)
            if part.damage:
                yield Run([], [BadItem(part.name, b"", part.damage)])

    def _consumed_bytes(self) -> int:
        if self._part is None or self._part.fraction is None:
            return self._raw.consumed_bytes
        return int(self._part.fraction * self.size_bytes)

    def _with_ids_judged(self, trades: list[Trade], bad: list[BadItem]) -> Run:
        """Drop ids that do not rise; where they do, leave out trades without one.

        A trade without one would be numbered by its time, and so high that all that
        follow would look like duplicates.
        """
        if not self._ids_rise:
            return Run([replace(t, seq=0) if t.seq else t for t in trades], bad)
        if all(trade.seq for trade in trades):
            return Run(trades, bad)
        unnumbered = [
            BadItem(
                f"{self.path.name}: id {trade.trade_id}",
                encode_trade(trade),
                "its id is no number, whereas those before it are",
            )
            for trade in trades
            if not trade.seq
        ]
        return Run([trade for trade in trades if trade.seq], bad + unnumbered)

    def _hint(self, part: Part) -> str:
        likely = likely_formats(part)
        # Few of the futures' messages tell them from spot.
        known = (self.format_name, self.format_name.removesuffix("-usdm"))
        if not likely or set(likely) & set(known):
            return ""
        names = " or ".join(likely)
        return f". It looks like {names}: pass --format {likely[0]}"


def _detected(part: Part) -> Format:
    likely = likely_formats(part)
    if not likely:
        part.look_further()
        likely = likely_formats(part)
    if len(likely) == 1:
        return FORMATS[likely[0]]
    names = likely or FORMATS
    problem = "may be in one of several formats" if likely else "in no format known"
    raise SourceError(
        f"{part.path}: {problem}; it begins {excerpt(part.head)}. "
        f"Pass --format NAME, one of: {', '.join(names)}."
    )


def _judge_ids(trades: Sequence[Trade]) -> tuple[bool, bool]:
    """Tell whether ids rise per ticker, and whether they do so by one.

    They do where two of three steps are by one: a file may have gaps, and an exchange
    that numbers the trades of all its markets together now and then trades twice in
    the same one.
    """
    last: dict[str, int] = {}
    steps = by_one = 0
    for trade in trades:
        ticker = trade.ticker
        if ticker in last:
            steps += 1
            by_one += trade.seq == last[ticker] + 1
        if trade.seq <= last.get(ticker, 0):
            return False, False
        last[ticker] = trade.seq
    return bool(trades), steps > 0 and 3 * by_one >= 2 * steps
