"""The settings of a Lambda event source mapping for Kinesis, as AWS names them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

__all__ = ["PAYLOAD_BYTES", "MappingSettings"]

# What a synchronous invocation may carry, and so the most that a batch grows to.
PAYLOAD_BYTES = 6 * 1024 * 1024

_SECOND_US = 1_000_000


class MappingSettings(Struct, frozen=True, kw_only=True):
    """When a batch is invoked, and what becomes of one that fails.

    The defaults are AWS's: failed records are tried again until they expire.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html

    Attributes:
        batch_size: Most records in a batch.
        window_us: How long the first record of a batch waits for more.
        starting_position: Where reading begins in a shard without a checkpoint.
        starting_us: The time that AT_TIMESTAMP speaks of.
        max_retries: How often a batch is tried again; -1 is for ever.
        max_age_us: Older records are discarded; -1 is never.
        bisect: A batch that failed is halved, until one record is alone.
        reports_failures: The function's `batchItemFailures` are heeded.
        lanes: Batches of one shard that run at once (ParallelizationFactor).
        payload_bytes: Most bytes of a batch's event.
    """

    batch_size: int = 100
    window_us: int = 0
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = (
        "TRIM_HORIZON"
    )
    starting_us: int | None = None
    max_retries: int = -1
    max_age_us: int = -1
    bisect: bool = False
    reports_failures: bool = False
    lanes: int = 1
    payload_bytes: int = PAYLOAD_BYTES

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "MappingSettings":
        """Read what GetEventSourceMapping or ListEventSourceMappings answered.

        Keys that are absent or None take AWS's defaults; other keys, such as those of
        the function and the failure destination, are the caller's business.

        >>> MappingSettings.of({"MaximumBatchingWindowInSeconds": 5}).window_us
        5000000
        """
        start = answer.get("StartingPositionTimestamp")
        return cls(
            batch_size=_number(answer, "BatchSize", 100),
            window_us=_number(answer, "MaximumBatchingWindowInSeconds", 0) * _SECOND_US,
            starting_position=answer.get("StartingPosition") or "TRIM_HORIZON",
            starting_us=None if start is None else _microseconds(start),
            max_retries=_number(answer, "MaximumRetryAttempts", -1),
            max_age_us=_age_us(_number(answer, "MaximumRecordAgeInSeconds", -1)),
            bisect=bool(answer.get("BisectBatchOnFunctionError")),
            reports_failures="ReportBatchItemFailures"
            in (answer.get("FunctionResponseTypes") or ()),
            lanes=_number(answer, "ParallelizationFactor", 1),
        )


def _number(answer: Mapping[str, Any], key: str, default: int) -> int:
    found = answer.get(key)
    return default if found is None else int(found)


def _age_us(seconds: int) -> int:
    return -1 if seconds < 0 else seconds * _SECOND_US


def _microseconds(start: datetime | float) -> int:
    # boto3 gives a datetime, and the JSON behind it seconds.
    seconds = start.timestamp() if isinstance(start, datetime) else float(start)
    return round(seconds * _SECOND_US)
