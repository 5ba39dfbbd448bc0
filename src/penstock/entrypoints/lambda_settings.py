"""A function's environment -> Settings.

`PENSTOCK_CONFIG` holds what penstock.toml does, as JSON.  Variables that name one thing
only come on top: what deploys the function knows the names of its resources, and an
operator can change a threshold without touching the rest.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.config import TABLES, Settings, parse_document
from penstock.errors import ConfigError, InvalidValueError

__all__ = ["AWS_VARIABLES", "CONFIG", "THRESHOLD", "read_settings"]

CONFIG = "PENSTOCK_CONFIG"
THRESHOLD = "PRICE_THRESHOLD"
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


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read settings from a function's environment; an empty variable is none.

    Raises:
        ConfigError: Settings that cannot be used; the message begins with the
            variable, or with `environment: ` and it.
    """
    document = _document(environ.get(CONFIG, ""))
    for variable, key in AWS_VARIABLES.items():
        if environ.get(variable):
            _check(variable, "aws", key, environ[variable])
            _set(document, key, environ[variable])
    if environ.get(THRESHOLD):
        _check(THRESHOLD, "alerts", "below", environ[THRESHOLD])
        _set_threshold(document, environ[THRESHOLD])
    return parse_document(document, CONFIG)


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


def _check(variable: str, table: str, key: str, found: str) -> None:
    try:
        TABLES[table][key].read(found)
    except ValueError as e:
        raise InvalidValueError(
            variable, "", _WHERE, found=found, expected=str(e)
        ) from e


# What is no table, or no array of them, is left to `parse_document` to refuse.


def _set(document: dict[str, Any], key: str, value: str) -> None:
    aws = document.setdefault("aws", {})
    if isinstance(aws, dict):
        aws[key] = value


def _set_threshold(document: dict[str, Any], below: str) -> None:
    """Put the threshold into the alert that has one, or add one of every ticker.

    Raises:
        ConfigError: Several alerts have one.
    """
    alerts = document.setdefault("alerts", [])
    if not isinstance(alerts, list):
        return
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
