"""Options that commands share, and what people type turned into values.

Opens nothing but the settings.
"""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from msgspec.structs import replace

from penstock.codec import iso_time
from penstock.config import Settings, load
from penstock.entrypoints.lambda_settings import read_settings as read_environment
from penstock.entrypoints.lambda_settings import with_names
from penstock.errors import ConfigError

__all__ = [
    "SETTINGS_FILE",
    "AsJson",
    "ConfigFile",
    "DataDir",
    "Limit",
    "Ticker",
    "TickerOption",
    "examples",
    "find_ticker",
    "read_aws_settings",
    "read_settings",
    "read_time",
    "typed",
]

_T = TypeVar("_T")


def _whole(value: object) -> int:
    if str(value).isdecimal():
        return int(str(value))
    raise ValueError("a whole number, such as 20")


def typed(read: Callable[[object], _T]) -> Callable[[str], _T]:
    """Make a parser of an option from a reader of a setting, such as `units` has."""

    def parse(text: str) -> _T:
        try:
            return read(text)
        except ValueError as e:
            raise typer.BadParameter(f"expected {e}; found {text!r}") from e

    return parse


SETTINGS_FILE = Path("penstock.toml")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOSE = 3  # tickers that a message suggests, and lists

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings.  [default: penstock.toml in this folder, if there is one]",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help=f"Where everything is kept.  [default: {Settings().data_dir}]",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON value, for programs.")
]
Limit = Annotated[
    int,
    typer.Option(
        "--limit", metavar="N", parser=typed(_whole), help="How many; 0 for all."
    ),
]
Ticker = Annotated[
    str,
    # Hidden, or help would say that it is a <str>; the text says what it is.
    typer.Argument(metavar="TICKER", hidden=True),
]
TickerOption = Annotated[
    str | None,
    typer.Option("--ticker", metavar="TICKER", help="Only those of this ticker."),
]


def examples(*lines: str) -> str:
    """Make the end of a command's help."""
    title = "Examples" if len(lines) > 1 else "Example"
    return "\n".join(["\b", f"{title}:", *(f"  penstock {line}" for line in lines)])


def read_settings(config: Path | None, data_dir: Path | None) -> Settings:
    """Read the settings, with the command line's data directory in its place.

    Raises:
        ConfigError: They cannot be used.
    """
    present = SETTINGS_FILE if SETTINGS_FILE.is_file() else None
    settings = load(config or present)
    return replace(settings, data_dir=data_dir) if data_dir else settings


def read_aws_settings(config: Path | None, data_dir: Path | None) -> Settings:
    """Read the settings of a command that works on AWS, where containers have no file.

    Without a file they are those of the environment, as for the functions on AWS
    Lambda; over a file's go the names that the environment gives.

    Raises:
        ConfigError: They cannot be used.
    """
    if config or SETTINGS_FILE.is_file():
        return with_names(read_settings(config, data_dir), os.environ)
    settings = read_environment(os.environ)
    return replace(settings, data_dir=data_dir) if data_dir else settings


def read_time(value: object) -> str:
    """Read a date, or a date and time in ISO 8601; UTC unless it says otherwise.

    Raises:
        ValueError: It is neither.

    >>> [read_time(text) for text in ("2024-11-20", "2024-11-20T23:40:00.5+01:00")]
    ['2024-11-20T00:00:00.000000Z', '2024-11-20T22:40:00.500000Z']
    """
    try:
        time = datetime.fromisoformat(str(value))
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return iso_time((aware - _EPOCH) // timedelta(microseconds=1))
    except (ValueError, OverflowError) as e:
        raise ValueError("a time, such as 2024-11-20 or 2024-11-20T23:40:00Z") from e


def find_ticker(text: str, known: Iterable[str]) -> str:
    """Return the one ticker of `known` that `text` names, in full or by its symbol.

    Raises:
        ConfigError: It names none, or several.

    >>> find_ticker("btc-usd", ["kraken:BTC-USD", "kraken:ETH-USD"])
    'kraken:BTC-USD'
    """
    wanted = text.casefold()
    by_name = {ticker.casefold(): ticker for ticker in known}
    if wanted in by_name:
        return by_name[wanted]
    found = [t for name, t in by_name.items() if name.partition(":")[2] == wanted]
    if len(found) > 1:
        raise ConfigError(
            f"{text} is traded at several venues: say which, {_listed(found, ' or ')}."
        )
    if not found:
        raise ConfigError(f"no trades of {text!r} here. {_hint(wanted, by_name)}")
    return found[0]


def _hint(wanted: str, by_name: dict[str, str]) -> str:
    if not by_name:
        return "Nothing is here yet: start `penstock run` or `penstock replay` first."
    symbols = {name.partition(":")[2]: ticker for name, ticker in by_name.items()}
    names = {**symbols, **by_name}
    close = dict.fromkeys(
        names[name] for name in get_close_matches(wanted, names, n=_CLOSE)
    )
    if close:
        return f"Did you mean {_listed(list(close), ' or ')}?"
    return f"There are {_listed(sorted(by_name.values()), ' and ')}."


def _listed(names: list[str], last: str) -> str:
    shown = names if len(names) <= _CLOSE else [*names[:_CLOSE], "others"]
    return last.join([", ".join(shown[:-1]), shown[-1]]) if shown[1:] else shown[0]
