"""Every key that penstock.toml may hold, and how its value is read."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from penstock.codec import MAX_LINE_BYTES
from penstock.config.settings import DURABILITIES
from penstock.engine.rules import Resolution
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

__all__ = ["TABLES", "TOP_LEVEL", "Key"]


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


def _named(pattern: str, example: str) -> Callable[[object], str]:
    known = re.compile(pattern)

    def read(value: object) -> str:
        if isinstance(value, str) and known.fullmatch(value):
            return value
        raise ValueError(example)

    return read


# The names of DynamoDB's tables are the strictest of all: these serve everywhere.
_table = _named(
    r"[A-Za-z0-9_.-]{3,255}",
    'a table\'s name of 3 to 255 letters, digits, ".", "_" and "-", such as "users"',
)
_field = _named(
    r"[^\x00-\x1f]{1,255}", 'the name of a field of the event, such as "user_id"'
)
# Every enriched event has a field `penstock` of its own.
_into = _named(
    r"(?!penstock$)[^\x00-\x1f]{1,255}",
    'the name of a field to be added to the event, such as "user"; not "penstock"',
)
_resource = _named(
    r"|[A-Za-z0-9_.-]{1,128}",
    'a name of letters, digits, ".", "_" and "-"; "" takes it from the environment',
)
_bucket = _named(
    r"|[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    'a bucket\'s name: 3 to 63 lower-case letters, digits, "." and "-"',
)
_topic = _named(
    r"|arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+",
    'a topic\'s ARN, such as "arn:aws:sns:us-east-1:123456789012:crypto-price-alerts"',
)
_region = _named(
    r"|[a-z]{2}(-[a-z]+)+-\d", 'a region, such as "eu-west-3"; "" takes AWS\'s own'
)
_address = _named(
    r"|https?://[^\s]+", 'an address, such as "http://127.0.0.1:4566"; "" is AWS'
)
_environment = _named(
    r"[a-z][a-z0-9-]{0,15}", 'up to 16 lower-case letters, digits and "-": "dev"'
)


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
    "lookups": {
        "table": Key("table", _table),
        "key": Key("key", _field),
        "into": Key("into", _into),
        "ttl": Key("ttl_us", within(duration_us, "0s", "1d")),
    },
    "aws": {
        "environment": Key("environment", _environment),
        "region": Key("region", _region),
        "endpoint": Key("endpoint", _address),
        "stream": Key("stream", _resource),
        "history_table": Key("history_table", _resource),
        "state_table": Key("state_table", _resource),
        "positions_table": Key("positions_table", _resource),
        "bucket": Key("bucket", _bucket),
        "topic_arn": Key("topic_arn", _topic),
    },
}
