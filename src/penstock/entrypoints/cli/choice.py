"""The options that choose where trades come from, of every command that takes some in.

Opens nothing.
"""

from collections.abc import Generator, Mapping
from itertools import islice
from math import isfinite
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from penstock.config import TABLES, Settings, SourceSettings
from penstock.entrypoints.cli.options import typed
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.wanted import symbols_by_source
from penstock.errors import SourceError
from penstock.feeds.sequence import NUMBERS_PER_US
from penstock.feeds.simulated import SYMBOLS, SimulatedMarket
from penstock.units import duration_us, within

__all__ = [
    "FEEDS_FILE",
    "Duration",
    "Interval",
    "Rate",
    "Seed",
    "SourceNames",
    "Symbols",
    "choose",
    "import_live",
    "is_simulated",
    "simulated_batches",
    "simulated_start_us",
]

# In the data directory: what the live feeds of the last command were doing.
FEEDS_FILE = "feeds.json"

_KEYS, _DEFAULT = TABLES["source"], SourceSettings()
_VENUE = "simulated:"
_BATCH_TRADES = 500


def _read_seed(value: object) -> int:
    text = str(value)
    seed: int = _KEYS["seed"].read(int(text) if text.isdecimal() else text)
    return seed


SourceNames = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Where trades come from: simulated, coinbase, coinbase-advanced, kraken, "
        "kraken-v1, binance, binance-agg, binance-usdm, bitstamp; coinbase-spot and "
        "coinbase-ticker over REST; ccxt:EXCHANGE.  Repeat it for several.  "
        f"[default: {_DEFAULT.kinds[0]}]",
    ),
]
Symbols = Annotated[
    list[str] | None,
    typer.Option(
        "--symbol",
        metavar="SYMBOL",
        help="BASE-QUOTE, of every source, or venue:BASE-QUOTE, of that one; repeat "
        "it for several.  [default: all, of the simulated market]",
    ),
]
Interval = Annotated[
    int | None,
    typer.Option(
        "--interval",
        metavar="TIME",
        parser=typed(_KEYS["interval"].read),
        help="Between two prices that are asked for over REST.  "
        f"[default: {_DEFAULT.interval_us // 1_000_000}s]",
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="RATE",
        parser=typed(_KEYS["rate"].read),
        help="Simulated trades per second over all symbols, or max.  "
        f"[default: {_DEFAULT.rate_per_s:g}]",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        parser=typed(_read_seed),
        help="The same seed makes the same simulated trades.  "
        f"[default: {_DEFAULT.seed}]",
    ),
]
Duration = Annotated[
    int | None,
    typer.Option(
        "--duration",
        metavar="TIME",
        parser=typed(within(duration_us, "0s", "365d", above=True)),
        help="Stop after so long, such as 30s or 5m.  [default: never]",
    ),
]


def choose(
    settings: Settings,
    *,
    source: list[str] | None,
    symbol: list[str] | None,
    interval: int | None = None,
    rate: float | None = None,
    seed: int | None = None,
) -> Settings:
    """Put what the options say in the place of what the settings do.

    Raises:
        BadParameter: A source or symbol cannot be used.
    """
    asked = {
        "kinds": _read("kind", source, "--source") if source else None,
        "symbols": _read("symbols", symbol, "--symbol") if symbol else None,
        "interval_us": interval,
        "rate_per_s": rate,
        "seed": seed,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return replace(settings, source=replace(settings.source, **given))


def _read(key: str, names: list[str], option: str) -> Any:  # noqa: ANN401 (the key's)
    try:
        return _KEYS[key].read(names)
    except ValueError as e:
        expected = str(e).replace("a list of ", "")
        raise typer.BadParameter(
            f"expected {expected}; found {' '.join(names)}", param_hint=option
        ) from e


def is_simulated(source: SourceSettings) -> bool:
    """Tell whether trades come from the simulated market.

    Raises:
        SourceError: They do, but a symbol is another venue's.
    """
    if source.kinds != ("simulated",):
        return False
    strange = [symbol for symbol in source.symbols if ":" in symbol]
    if strange:
        raise SourceError(
            f"the simulated market's symbols have no venue; found {strange[0]!r}. "
            "Name its source as well, such as --source coinbase."
        )
    return True


def import_live(source: SourceSettings) -> None:
    """See that live feeds can be used, and each has a symbol, before anything is made.

    Raises:
        SourceError: They cannot, or one has none.
    """
    try:
        import httpx  # noqa: F401, PLC0415 (an extra, which other sources do without)
        import websockets  # noqa: F401, PLC0415 (as above)
    except ImportError as e:
        raise SourceError(
            f"--source {source.kinds[0]} needs the extra `live`: "
            "pip install 'penstock[cli,live]'. `--source simulated` needs none."
        ) from e
    symbols_by_source(source)


def simulated_start_us(marks: Mapping[str, int], now_us: int) -> int:
    """Return where the simulated market goes on, after what the stream holds.

    One that ran faster than the clock goes on from where it was: what comes before
    would look like trades that are known.
    """
    newest = max((n for key, n in marks.items() if key.startswith(_VENUE)), default=0)
    return max(now_us, newest // NUMBERS_PER_US + 1)


def simulated_batches(
    source: SourceSettings, start_us: int
) -> Generator[SourceBatch, None, None]:
    """Yield the simulated market, without end."""
    usual = _DEFAULT.rate_per_s
    market = SimulatedMarket(
        seed=source.seed,
        start_us=start_us,
        rate_per_s=source.rate_per_s if isfinite(source.rate_per_s) else usual,
        symbols=source.symbols or SYMBOLS,
    )
    trades = iter(market)
    while True:
        yield SourceBatch(list(islice(trades, _BATCH_TRADES)))
