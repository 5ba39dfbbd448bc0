"""Every format that a file may be in, by name."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from penstock.drivers.files.batch import Reader
from penstock.drivers.files.captures import CaptureReader
from penstock.drivers.files.columns import csv_layout
from penstock.drivers.files.documents import ccxt_reader, freqtrade_reader
from penstock.drivers.files.layouts import (
    bitcoincharts_layout,
    lean_bars_layout,
    lean_layout,
    tardis_layout,
)
from penstock.drivers.files.ndjson import PenstockReader
from penstock.drivers.files.options import Options
from penstock.drivers.files.parquet import ParquetReader
from penstock.drivers.files.raw import Part
from penstock.drivers.files.recordings import RecordingReader
from penstock.drivers.files.tables import Layout, TableReader
from penstock.errors import SourceError
from penstock.feeds import FEEDS, Notes, make_feed

__all__ = ["FORMATS", "Format", "find_format"]

_NAMES = frozenset({"symbol", "venue"})
_TABLE = _NAMES | {"columns"}


class Format(NamedTuple):
    """One format.

    Attributes:
        name: As `--format` takes it.
        summary: What it is, in half a line.
        reader: Makes a reader; raises SourceError where an option will not do.
        takes: The options that it takes.
        needs: Those that it cannot do without.
    """

    name: str
    summary: str
    reader: Callable[[Options], Reader]
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()

    def open(self, options: Options) -> Reader:
        """Check the options and make a reader.

        Raises:
            SourceError: An option is missing, or of no use, or written wrongly.
        """
        options.check(self.name, self.takes)
        for name in sorted(self.needs):
            if not getattr(options, name):
                raise SourceError(
                    f"format {self.name!r} does not say the {name}: pass --{name}, "
                    "such as --symbol BTC-USD"
                )
        return self.reader(options)


def find_format(name: str) -> Format:
    """Return the format called `name`.

    Raises:
        SourceError: There is none; names the nearest, and all.
    """
    if name in FORMATS:
        return FORMATS[name]
    close = get_close_matches(name.lower(), FORMATS, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    raise SourceError(
        f"unknown format {name!r}. {hint}Known formats: {', '.join(FORMATS)}."
    )


def _table(layout: Callable[[Part, Options, Notes], Layout]) -> Callable[..., Reader]:
    return lambda options: TableReader(lambda part, notes: layout(part, options, notes))


def _capture(name: str) -> Format:
    def reader(options: Options) -> Reader:
        return CaptureReader(
            make_feed(name, [options.symbol] if options.symbol else [])
        )

    summary = f"frames received from {name}, captured with their times"
    return Format(name, summary, reader, frozenset({"symbol"}))


_FILES = (
    Format(
        "penstock",
        "penstock's own NDJSON, as the archive has it",
        lambda _: PenstockReader(),
    ),
    Format(
        "recording",
        "what `penstock record` wrote, of any feeds",
        lambda _: RecordingReader(),
    ),
    Format("csv", "a table whose header names the columns", _table(csv_layout), _TABLE),
    Format("parquet", "the same as Parquet", ParquetReader, _TABLE),
    Format("tardis", "tardis.dev's trades (csv)", _table(tardis_layout), _NAMES),
    Format(
        "bitcoincharts",
        "unix second,price,amount",
        _table(bitcoincharts_layout),
        _NAMES,
        frozenset({"symbol"}),
    ),
    Format("ccxt", "ccxt's unified trades (JSON)", ccxt_reader, _NAMES),
    Format(
        "freqtrade",
        "freqtrade's trades (JSON)",
        freqtrade_reader,
        _NAMES,
        frozenset({"symbol"}),
    ),
    Format("lean", "LEAN's equity ticks (zip)", _table(lean_layout), _NAMES),
    Format(
        "lean-bars",
        "LEAN's one-second bars of crypto (zip), each as one trade at its close",
        _table(lean_bars_layout),
        _NAMES,
    ),
)

FORMATS: Mapping[str, Format] = {
    known.name: known
    for known in (
        *_FILES,
        # kraken reads both versions' frames, and binance both kinds of trades.
        *(_capture(name) for name in FEEDS if name not in ("kraken-v1", "binance-agg")),
    )
}
