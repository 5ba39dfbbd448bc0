"""Which format a file is in, told by how it begins."""

import re
from collections.abc import Sequence

from penstock.drivers.files.captures import parse_line
from penstock.drivers.files.columns import has_trades
from penstock.drivers.files.layouts import TARDIS_HEADER
from penstock.drivers.files.parquet import PARQUET
from penstock.drivers.files.raw import Part
from penstock.drivers.files.tables import first_row
from penstock.errors import BadRecordError

__all__ = ["likely_formats"]

_LINES = 200  # looked at, at most: a capture may begin with a good deal of order book

_FREQTRADE = re.compile(rb"\s*\[\s*\[\s*[0-9]")
_CCXT_ARRAY = re.compile(rb"\s*\[\s*\{")
_PENSTOCK = re.compile(rb'\s*\{(?=.*"venue"\s*:)(?=.*"event_us"\s*:)')
_RECORDING = re.compile(rb'\{"t":"\w+","ts":[0-9.e+]+,("feed"|"trades"|"place"):')
_CCXT = re.compile(rb'\s*\{(?=.*"price"\s*:)(?=.*"amount"\s*:).*"(timestamp|datetime)"')

# How frames begin; the first that fits counts.
_SHOWN_BYTES = 300
_FRAMES = (
    ("binance-usdm", re.compile(rb'\{.*"(pu|X)":')),
    ("binance", re.compile(rb'\{"(stream|e)":"|\{"result":null')),
    ("coinbase-advanced", re.compile(rb'\{"channel":"\w+",("client_id":"",)?"time')),
    ("coinbase", re.compile(rb'\{"type":"(last_)?[a-z0-9]+","?')),
    ("bitstamp", re.compile(rb'\{.*"microtimestamp":|\{"event": ?"bts:')),
    ("kraken", re.compile(rb'\{"(channel|method)":|\{.*"event":|\[[0-9]+,')),
)

_TICK = re.compile(r"[0-9.]+,[0-9]+,[0-9]+,[A-Za-z]*,[^,]*,[01]")
_BAR = re.compile(r"[0-9.]+(,[0-9.eE+-]+){5}")
_UNIX_TRADE = re.compile(r"[0-9]{9,10},[0-9.eE+-]+,[0-9.eE+-]+")


def likely_formats(part: Part) -> list[str]:
    """Return the names of the formats that a part may be in: best, one."""
    head = part.head
    if head.startswith(PARQUET):
        return ["parquet"]
    if _FREQTRADE.match(head):
        return ["freqtrade"]
    if _CCXT_ARRAY.match(head):
        return ["ccxt"]
    lines = head.split(b"\n", _LINES)[:_LINES]
    return _of_objects(lines) or _of_frames(lines) or _of_table(part)


def _of_objects(lines: Sequence[bytes]) -> list[str]:
    for line in lines:
        if _RECORDING.match(line):
            return ["recording"]
        if _PENSTOCK.match(line):
            return ["penstock"]
        if _CCXT.match(line):
            return ["ccxt"]
    return []


def _of_frames(lines: Sequence[bytes]) -> list[str]:
    found = {name for line in lines for name in _of_frame(line)}
    # Not every message of the futures says so, and no spot message does.
    if "binance-usdm" in found:
        found.discard("binance")
    return sorted(found)


def _of_frame(line: bytes) -> list[str]:
    try:
        frame = parse_line(line).frame[:_SHOWN_BYTES]
    except BadRecordError:
        return []
    shown = frame.encode() if isinstance(frame, str) else frame
    return [name for name, beginning in _FRAMES if beginning.match(shown)][:1]


def _of_table(part: Part) -> list[str]:
    cells = first_row(part).cells
    row = ",".join(cells)
    if set(TARDIS_HEADER) <= set(cells):
        return ["tardis"]
    shapes = (("lean", _TICK), ("lean-bars", _BAR), ("bitcoincharts", _UNIX_TRADE))
    if found := [name for name, shape in shapes if shape.fullmatch(row)]:
        return found
    return ["csv"] if has_trades(cells) else []
