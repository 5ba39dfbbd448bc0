"""penstock.toml -> Settings: what the operator wants, checked and with its defaults.

Reads one file and nothing else: no environment, no clock.  A setting that cannot be
used stops here, with an error that names the file, the table, the key, what was found
and what may stand there.  Tables of an array are counted from 1: `[alerts #2]`.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_args

from msgspec import Struct
from msgspec.structs import replace

from penstock.codec import MAX_LINE_BYTES
from penstock.engine.rules import (
    AlertRule,
    BelowRule,
    DropRule,
    Resolution,
    Rules,
    StrategyRule,
)
from penstock.errors import ConfigError, InvalidValueError, UnknownKeyError
from penstock.feeds import FEEDS
from penstock.feeds.names import HTTP, addresses, endpoints, kinds, symbols
from penstock.model import MAX_SEQ, SYMBOL, VENUE
from penstock.units import (
    duration_us,
    flag,
    fraction,
    number,
    one_of,
    rate_per_s,
    size_bytes,
    text,
    whole,
    within,
)

__all__ = [
    "DURABILITIES",
    "TABLES",
    "TOP_LEVEL",
    "ArchiveSettings",
    "Key",
    "Settings",
    "SourceSettings",
    "StreamSettings",
    "load",
    "parse",
]

DURABILITIES = ("full", "normal")


class SourceSettings(Struct, frozen=True, kw_only=True):
    """Where trades come from.

    Attributes:
        kinds: Of `feeds.names.SOURCES`, or `ccxt:EXCHANGE`; several go side by side.
        symbols: BASE-QUOTE, for every source; or with a source's name or venue and a
            colon before it, for that one.  Empty for all that the simulated market has.
        rate_per_s: Trades per second over all symbols of the simulated market;
            infinite: as fast as possible.
        seed: Of the simulated market; the same seed makes the same trades.
        interval_us: Between two prices of a symbol, over REST.
        endpoints: By source, its address instead of the venue's own.
        rest: By feed, where past trades are, likewise.
    """

    kinds: tuple[str, ...] = ("simulated",)
    symbols: tuple[str, ...] = ()
    rate_per_s: float = 200.0
    seed: int = 1
    interval_us: int = 10_000_000
    endpoints: Mapping[str, str] = {}
    rest: Mapping[str, str] = {}


class StreamSettings(Struct, frozen=True, kw_only=True):
    """The log between producers and consumers.

    Attributes:
        shards: How many, when the log is first made.
        linger_us: How long a trade may wait for others to share its record.
        max_record_bytes: How large a record of several trades may become.
        retention_us: How long a record is kept, once every consumer is past it.
        durability: One of DURABILITIES; "full" outlives a loss of power.
    """

    shards: int = 2
    linger_us: int = 50_000
    max_record_bytes: int = 5_000  # Firehose bills each record rounded up to 5 KB
    retention_us: int = 86_400_000_000
    durability: str = "full"


class ArchiveSettings(Struct, frozen=True, kw_only=True):
    """The archive, whose objects are closed by age or by size.

    Attributes:
        enabled: Whether raw trades are archived.
        interval_us: Age at which an object is closed.
        max_bytes: Size at which it is, before compression.
    """

    enabled: bool = True
    interval_us: int = 300_000_000
    max_bytes: int = 5_000_000


# Without [[alerts]] this one holds, so that a first run shows what an alert is; a drop
# rule that leaves out `ticker` or `window` takes them from here.
_DROP = DropRule(drop=Decimal("0.05"), window_us=300_000_000)


class Settings(Struct, frozen=True, kw_only=True):
    """All that penstock.toml decides, with the defaults for what it leaves out.

    Attributes:
        data_dir: Where the embedded pipeline keeps everything; relative to the
            working folder.
        rules: What the step decides by.
    """

    data_dir: Path = Path("penstock-data")
    source: SourceSettings = SourceSettings()
    stream: StreamSettings = StreamSettings()
    archive: ArchiveSettings = ArchiveSettings()
    rules: Rules = Rules(alerts=(_DROP,), strategy=StrategyRule())


class Key(NamedTuple):
    """A key that may be set.

    Attributes:
        field: The field that it fills.
        read: Turns TOML's value into the field's; raises ValueError, whose text is
            what may stand there.
    """

    field: str
    read: Callable[[object], Any]


# As the wire has them, see `codec`.
_PATTERN = re.compile(rf"\*|(?:{VENUE.pattern}:)?{SYMBOL.pattern}")


def _folder(value: object) -> Path:
    name = text(value)
    if not name or name.startswith("~") or not name.isprintable():
        # Only shells expand "~"; a folder of that name is nobody's wish.
        raise ValueError('a folder, such as "penstock-data"; "~" is not expanded')
    return Path(name)


def _ticker(value: object) -> str:
    if isinstance(value, str) and _PATTERN.fullmatch(value):
        return value
    raise ValueError(
        '"*", a symbol such as "BTC-USD", or a ticker such as "coinbase:BTC-USD"'
    )


def _window_us(value: object) -> int:
    us = within(duration_us, "1s", "7d")(value)
    if us % 1000:
        # A rule's id writes its window in milliseconds at the finest.
        raise ValueError('a whole number of milliseconds, such as "1500ms" or "5m"')
    return us


def _bar_us(value: object) -> int:
    us = within(duration_us, "1s", "1d")(value)
    if us % 1_000_000 or 86_400_000_000 % us:
        raise ValueError(
            'a whole number of seconds that divides a day, such as "15s", "1m" or "4h"'
        )
    return us


# Every key there is: of the top level, and of each table.
TOP_LEVEL: Mapping[str, Key] = {"data_dir": Key("data_dir", _folder)}
TABLES: Mapping[str, Mapping[str, Key]] = {
    "source": {
        "kind": Key("kinds", kinds),
        "symbols": Key("symbols", symbols),
        "rate": Key("rate_per_s", within(rate_per_s, 0, "max", above=True)),
        "seed": Key("seed", within(whole, 0, MAX_SEQ)),
        "interval": Key("interval_us", within(duration_us, "1s", "1d")),
        "endpoints": Key("endpoints", endpoints),
        "rest": Key("rest", addresses(tuple(FEEDS), HTTP)),
    },
    "stream": {
        "shards": Key("shards", within(whole, 1, 1024)),
        "linger": Key("linger_us", within(duration_us, "0s", "10s")),
        "max_record": Key("max_record_bytes", within(size_bytes, 1, MAX_LINE_BYTES)),
        "retention": Key("retention_us", within(duration_us, "1m", "365d")),
        "durability": Key("durability", one_of(DURABILITIES)),
    },
    "bars": {"interval": Key("bar_us", _bar_us)},
    "alerts": {
        "ticker": Key("ticker", _ticker),
        "below": Key("below", within(number, 0, 1e18, above=True)),
        "rearm": Key("rearm", within(fraction, 0, 1, below=True)),
        "drop": Key("drop", within(fraction, 0, 1, above=True, below=True)),
        "window": Key("window_us", _window_us),
    },
    "strategy": {
        "enabled": Key("enabled", flag),
        "ticker": Key("ticker", _ticker),
        "window": Key("window_us", _window_us),
        "dip": Key("dip", within(fraction, 0, 1, above=True, below=True)),
        "take_profit": Key("take_profit", within(fraction, 0, 1000, above=True)),
        "stop_loss": Key("stop_loss", within(fraction, 0, 1, above=True, below=True)),
        "cooldown": Key("cooldown_us", within(duration_us, "0s", "365d")),
        "notional": Key("notional", within(number, 0, 1e18, above=True)),
        "fee_bps": Key("fee_bps", within(number, 0, 10_000, below=True)),
        "slippage_bps": Key("slippage_bps", within(number, 0, 10_000)),
    },
    "history": {"resolution": Key("history", one_of(get_args(Resolution)))},
    "archive": {
        "enabled": Key("enabled", flag),
        "interval": Key("interval_us", within(duration_us, "1s", "1d")),
        "max_bytes": Key("max_bytes", within(size_bytes, "1kB", "1GB")),
    },
}


def load(path: Path | None) -> Settings:
    """Read settings from the file at `path`; None means the defaults.

    Raises:
        ConfigError: The file cannot be read, or holds what `parse` refuses.
    """
    if path is None:
        return Settings()
    try:
        return parse(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as e:
        raise ConfigError(
            f"{path}: cannot be read: {e.strerror}. Name a file that exists and that "
            "this user may read, or name none and take the defaults."
        ) from e
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ConfigError(
            f"{path}: line {line} is not UTF-8: found {e.object[e.start : e.end]!r}. "
            "Save the file as UTF-8."
        ) from e


def parse(toml: str, path: str) -> Settings:
    r"""Read settings from `toml`, the text of the file that messages call `path`.

    Raises:
        ConfigError: Not TOML, or settings that contradict each other.
        UnknownKeyError: A table or key that does not exist.
        InvalidValueError: A value of the wrong type, or outside what is possible.

    >>> parse('[stream]\nlinger = "1s"', "penstock.toml").stream.linger_us
    1000000
    """
    try:
        # The newline gives a mistake in the last line a line and column as well.
        document = tomllib.loads(toml + "\n")
    except ValueError as e:
        raise ConfigError(f"{path}: not TOML: {e}. Correct that place.") from e
    known = [*TOP_LEVEL, *TABLES]
    for key in document:
        if key not in known:
            raise UnknownKeyError(key, "", path, known)
    top = {key: document[key] for key in TOP_LEVEL if key in document}
    fields = {
        name: _read(document.get(name, {}), keys, name, path)
        for name, keys in TABLES.items()
        if name != "alerts"
    }
    default = Settings()
    return replace(
        default,
        source=replace(default.source, **fields["source"]),
        stream=replace(default.stream, **fields["stream"]),
        archive=replace(default.archive, **fields["archive"]),
        rules=_rules(document, fields, path),
        **_read(top, TOP_LEVEL, "", path),
    )


def _read(
    table: object, keys: Mapping[str, Key], name: str, path: str
) -> dict[str, Any]:
    """Turn a table into the fields that its keys fill."""
    if not isinstance(table, dict):
        expected = f"a table, begun by [{name}]"
        raise InvalidValueError(name, "", path, found=table, expected=expected)
    fields = {}
    for key, found in table.items():
        if key not in keys:
            raise UnknownKeyError(key, name, path, keys)
        try:
            fields[keys[key].field] = keys[key].read(found)
        except ValueError as e:
            expected = str(e)
            raise InvalidValueError(
                key, name, path, found=found, expected=expected
            ) from e
    return fields


def _rules(
    document: Mapping[str, Any], fields: Mapping[str, dict[str, Any]], path: str
) -> Rules:
    changes = {**fields["bars"], **fields["history"]}
    strategy = dict(fields["strategy"])
    if "alerts" in document:
        changes["alerts"] = _alerts(document["alerts"], path)
    enabled = strategy.pop("enabled", True)
    changes["strategy"] = StrategyRule(**strategy) if enabled else None
    rules = replace(Settings().rules, **changes)
    if rules.history == "1m" and rules.bar_us % 60_000_000:
        found = document["bars"]["interval"]
        expected = 'a whole number of minutes where [history] resolution is "1m"'
        raise InvalidValueError(
            "interval", "bars", path, found=found, expected=expected
        )
    return rules


def _alerts(tables: object, path: str) -> tuple[AlertRule, ...]:
    if not isinstance(tables, list):
        expected = "an array of tables, each begun by [[alerts]]"
        raise InvalidValueError("alerts", "", path, found=tables, expected=expected)
    rules: dict[tuple[str, str], AlertRule] = {}
    for count, table in enumerate(tables, start=1):
        name = f"alerts #{count}"
        rule = _alert(_read(table, TABLES["alerts"], name, path))
        if rule is None:
            raise ConfigError(
                f"{path}: [{name}] must have either below, which may go with rearm, or "
                f"drop, which may go with window; found {', '.join(table) or 'none'}."
            )
        if (rule.ticker, rule.id) in rules:
            raise ConfigError(
                f"{path}: [{name}] must differ from the alerts before it; found "
                f"{rule.id} for {rule.ticker!r} again. Remove one of the two."
            )
        rules[rule.ticker, rule.id] = rule
    return tuple(rules.values())


def _alert(fields: dict[str, Any]) -> AlertRule | None:
    """Make a rule of either kind; None where the keys of both are mixed."""
    if "below" in fields and fields.keys() <= {"ticker", "below", "rearm"}:
        return BelowRule(**fields)
    if "drop" in fields and fields.keys() <= {"ticker", "drop", "window_us"}:
        return replace(_DROP, **fields)
    return None
