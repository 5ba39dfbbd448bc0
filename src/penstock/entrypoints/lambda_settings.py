"""A function's environment -> Settings.

`PENSTOCK_CONFIG` holds what penstock.toml does, as JSON.  Variables that name one thing
only come on top: what deploys the function knows the names of its resources, and an
operator can change a threshold without touching the rest.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from penstock.config import TABLES, Settings, parse_document
from penstock.errors import ConfigError, InvalidValueError
from penstock.feeds.names import symbols

__all__ = [
    "AWS_VARIABLES",
    "CONFIG",
    "SYMBOLS",
    "THRESHOLD",
    "read_settings",
    "with_names",
]

CONFIG = "PENSTOCK_CONFIG"
THRESHOLD = "PRICE_THRESHOLD"
SYMBOLS = "SYMBOLS"
# Each with the key of [aws] that it sets.
AWS_VARIABLES: Mapping[str, str] = {
    "STREAM_NAME": "stream",
    "DYNAMO_TABLE_NAME": "history_table",
    "STATE_TABLE_NAME": "state_table",
    "POSITIONS_TABLE_NAME": "positions_table",
    "BUCKET_NAME": "bucket",
    "SNS_TOPIC_ARN": "topic_arn",
}

_WHERE = "environment"

_T = TypeVar("_T")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from a function's environment; an empty variable is none.

    Raises:
        ConfigError: Settings that cannot be used; the message begins with the
            variable, or with `environment: ` and it.
    """
    document = _document(environ.get(CONFIG, ""))
    if environ.get(THRESHOLD):
        _check(THRESHOLD, TABLES["alerts"]["below"].read, environ[THRESHOLD])
        _set_threshold(document, environ[THRESHOLD])
    return with_names(parse_document(document, CONFIG), environ)


def with_names(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return `settings` with the names that the environment gives.

    Raises:
        ConfigError: A name that cannot be used.
    """
    names = {
        key: _check(variable, TABLES["aws"][key].read, environ[variable])
        for variable, key in AWS_VARIABLES.items()
        if environ.get(variable)
    }
    source = settings.source
    if environ.get(SYMBOLS):
        wanted = _check(SYMBOLS, _symbols, environ[SYMBOLS])
        source = replace(source, symbols=wanted)
    return replace(settings, aws=replace(settings.aws, **names), source=source)


def _document(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError) as e:
        raise ConfigError(
            f"{CONFIG}: must be the keys of penstock.toml as one JSON object, such as "
            f'{{"bars": {{"interval": "1m"}}}}; found {text[:60]!r}: {e}.'
        ) from e


def _symbols(text: str) -> tuple[str, ...]:
    try:
        return symbols([name.strip() for name in text.split(",")])
    except ValueError as e:
        raise ValueError(
            'different symbols with commas between, such as "BTC-USD,ETH-USD"'
        ) from e


def _check(variable: str, read: Callable[[str], _T], found: str) -> _T:
    try:
        return read(found)
    except ValueError as e:
        raise InvalidValueError(
            variable, "", _WHERE, found=found, expected=str(e)
        ) from e


def _set_threshold(document: dict[str, Any], below: str) -> None:
    """Put the threshold into the alert that has one, or add one of every ticker.

    Raises:
        ConfigError: Several alerts have one.
    """
    alerts = document.setdefault("alerts", [])
    if not isinstance(alerts, list):
        return  # `parse_document` refuses it
    having = [t for t in alerts if isinstance(t, dict) and "below" in t]
    if len(having) > 1:
        raise ConfigError(
            f"{_WHERE}: {THRESHOLD} is the price of one alert; found {len(having)} "
            f"with `below` in {CONFIG}. Leave the variable out, and set them there."
        )
    if having:
        having[0]["below"] = below
    else:
        alerts.append({"ticker": "*", "below": below})
