"""penstock.toml -> Settings: what the operator wants, checked and with its defaults.

Reads one file and nothing else: no environment, no clock.  A setting that cannot be
used stops here, with an error that names the file, the table, the key, what was found
and what may stand there.  Tables of an array are counted from 1: `[alerts #2]`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from penstock.config.keys import TABLES, TOP_LEVEL, Key
from penstock.config.settings import (
    DROP,
    DURABILITIES,
    ArchiveSettings,
    AwsSettings,
    LookupRule,
    Settings,
    SourceSettings,
    StreamSettings,
)
from penstock.engine.rules import AlertRule, BelowRule, Rules, StrategyRule
from penstock.errors import ConfigError, InvalidValueError, UnknownKeyError

__all__ = [
    "DURABILITIES",
    "TABLES",
    "TOP_LEVEL",
    "ArchiveSettings",
    "AwsSettings",
    "Key",
    "LookupRule",
    "Settings",
    "SourceSettings",
    "StreamSettings",
    "load",
    "parse",
    "parse_document",
]

# Arrays of tables: each is read table by table.
_ARRAYS = ("alerts", "lookups")


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
    import tomllib  # noqa: PLC0415 (functions on AWS, which have no file, do without)

    try:
        # The newline gives a mistake in the last line a line and column as well.
        document = tomllib.loads(toml + "\n")
    except ValueError as e:
        raise ConfigError(f"{path}: not TOML: {e}. Correct that place.") from e
    return parse_document(document, path)


def parse_document(document: Mapping[str, Any], path: str) -> Settings:
    """Read settings from what TOML or JSON holds, as plain containers.

    Raises:
        ConfigError: Settings that contradict each other.
        UnknownKeyError: A table or key that does not exist.
        InvalidValueError: A value of the wrong type, or outside what is possible.
    """
    known = [*TOP_LEVEL, *TABLES]
    for key in document:
        if key not in known:
            raise UnknownKeyError(key, "", path, known)
    top = {key: document[key] for key in TOP_LEVEL if key in document}
    fields = {
        name: _read(document.get(name, {}), keys, name, path)
        for name, keys in TABLES.items()
        if name not in _ARRAYS
    }
    default = Settings()
    return replace(
        default,
        source=replace(default.source, **fields["source"]),
        stream=replace(default.stream, **fields["stream"]),
        archive=replace(default.archive, **fields["archive"]),
        aws=replace(default.aws, **fields["aws"]),
        lookups=_lookups(document.get("lookups", []), path),
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


def _each(tables: object, name: str, path: str) -> Iterator[tuple[str, Any]]:
    """Give each table of an array, and what messages call it."""
    if not isinstance(tables, list):
        expected = f"an array of tables, each begun by [[{name}]]"
        raise InvalidValueError(name, "", path, found=tables, expected=expected)
    for count, table in enumerate(tables, start=1):
        yield f"{name} #{count}", table


def _lookups(tables: object, path: str) -> tuple[LookupRule, ...]:
    rules = []
    for name, table in _each(tables, "lookups", path):
        fields = _read(table, TABLES["lookups"], name, path)
        missing = [key for key in ("table", "key", "into") if key not in fields]
        if missing:
            raise ConfigError(
                f"{path}: [{name}] must have table, key and into; "
                f"{' and '.join(missing)} missing."
            )
        rules.append(LookupRule(**fields))
    return tuple(rules)


def _alerts(tables: object, path: str) -> tuple[AlertRule, ...]:
    rules: dict[tuple[str, str], AlertRule] = {}
    for name, table in _each(tables, "alerts", path):
        rule = _alert(_read(table, TABLES["alerts"], name, path))
        if rule is None:
            found = ", ".join(table) or "none"
            raise ConfigError(
                f"{path}: [{name}] must have either below, which may go with rearm, or "
                f"drop, which may go with window; found {found}."
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
        return replace(DROP, **fields)
    return None
