"""Names and bytes of the objects in the archive; pure, and the same on every machine.

    raw-data/YYYY/MM/DD/HH/*.gz          the stream's records, as they were appended
    completed-trades/YYYY/MM/DD/HH/*.gz  one completed trade each
    enriched-data/YYYY/MM/DD/HH/*.gz     events, with what was looked up for them
    dead-letter/YYYY/MM/DD/HH/*.gz       what one record held that is no trade (S3)
    rules/NNNNNN.json                    each set of rules, and from where it applied

All but the rules are gzipped NDJSON.  Writing one again gives the same bytes.
"""

import gzip
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from penstock.codec import encode_json, iso_time
from penstock.engine.rules import Rules
from penstock.model import CompletedTrade, DeadLetter

__all__ = [
    "COMPLETED_TRADES",
    "DEAD_LETTERS",
    "ENRICHED_DATA",
    "RAW_DATA",
    "RULES",
    "RuleSet",
    "completed_key",
    "completed_object",
    "dead_letter_key",
    "enriched_key",
    "raw_key",
    "read_completed",
    "rules_key",
]

RAW_DATA = "raw-data/"
COMPLETED_TRADES = "completed-trades/"
ENRICHED_DATA = "enriched-data/"
DEAD_LETTERS = "dead-letter/"
RULES = "rules/"

_HOUR_TO_PATH = str.maketrans("-T", "//")
_TIME_TO_NAME = str.maketrans("T:", "--")
_ID_TO_NAME = str.maketrans(":/@", "---")


class RuleSet(Struct, frozen=True, kw_only=True):
    """Rules, and per ticker the last seq that was folded before they applied."""

    since: Mapping[str, int]
    rules: Rules


def raw_key(arrival_us: int, shard: str, sequence_number: int) -> str:
    """Name a raw object by its first record: Firehose's form, in order of arrival.

    >>> raw_key(1_732_146_000_000_000, "shard-0", 42)
    'raw-data/2024/11/20/23/penstock-1-2024-11-20-23-40-00-shard-0-00000000000000000042.gz'
    """
    time = iso_time(arrival_us)
    name = f"penstock-1-{time[:19].translate(_TIME_TO_NAME)}"
    return f"{RAW_DATA}{_hour(time)}/{name}-{shard}-{sequence_number:020d}.gz"


def enriched_key(arrival_us: int, shard: str, first: int, last: int) -> str:
    """Name an object of enriched events by the records that it was made of.

    By the last one too: whoever was slow with another division of the same records
    replaces no more than it holds itself.

    >>> enriched_key(1_732_146_000_000_000, "shard-0", 42, 44)
    'enriched-data/2024/11/20/23/shard-0-00000000000000000042-00000000000000000044.gz'
    """
    hour = _hour(iso_time(arrival_us))
    return f"{ENRICHED_DATA}{hour}/{shard}-{first:020d}-{last:020d}.gz"


def completed_key(trade: CompletedTrade) -> str:
    """Name a completed trade's object, by the hour of its exit and its id."""
    hour = _hour(iso_time(trade.exit_us))
    return f"{COMPLETED_TRADES}{hour}/{trade.id.translate(_ID_TO_NAME)}.gz"


def completed_object(trade: CompletedTrade) -> bytes:
    """Write a completed trade as it is archived."""
    return gzip.compress(encode_json(trade) + b"\n", mtime=0)


def read_completed(data: bytes) -> CompletedTrade:
    """Read what `completed_object` wrote."""
    return msgspec.json.decode(gzip.decompress(data), type=CompletedTrade)


def dead_letter_key(letter: DeadLetter) -> str:
    """Name the object of a letter and of the others of its record."""
    record, slash, _line = letter.id.rpartition("/")
    name = (record if slash else letter.id).translate(_ID_TO_NAME)
    return f"{DEAD_LETTERS}{_hour(iso_time(letter.arrival_us))}/{name}.gz"


def rules_key(number: int) -> str:
    """Name the object of the number-th set of rules."""
    return f"{RULES}{number:06d}.json"


def _hour(time: str) -> str:
    return time[:13].translate(_HOUR_TO_PATH)
