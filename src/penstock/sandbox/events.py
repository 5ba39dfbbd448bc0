"""The JSON that Lambda makes of Kinesis records: events, and records of failure.

Field for field what AWS's guide shows ("with-kinesis" and
"kinesis-on-failure-destination").  Pure: ids and times are the caller's.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.codec import encode_json, iso_time
from penstock.ports import Record
from penstock.sandbox.mapping import Discarded

__all__ = [
    "failure_message",
    "failure_object",
    "failure_object_key",
    "kinesis_event",
]


def kinesis_event(
    records: Sequence[Record], *, stream_arn: str, role_arn: str
) -> dict[str, Any]:
    """Return the event that a function is invoked with for a batch.

    Args:
        records: Of one shard, in stream order.
        stream_arn: The event source.
        role_arn: The function's execution role.
    """
    region = stream_arn.split(":")[3]
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.key,
                    "sequenceNumber": str(record.sequence_number),
                    "data": b64encode(record.data).decode("ascii"),
                    "approximateArrivalTimestamp": _seconds(record.arrival_us),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{record.shard}:{record.sequence_number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": role_arn,
                "awsRegion": region,
                "eventSourceARN": stream_arn,
            }
            for record in records
        ]
    }


def failure_message(
    discarded: Discarded,
    *,
    function_arn: str,
    stream_arn: str,
    request_id: str,
    now_us: int,
) -> dict[str, Any]:
    """Return the invocation record that an SQS queue or SNS topic is sent.

    It says where the records are, not what they hold.

    Args:
        discarded: What was given up.
        function_arn: The function that could not cope.
        stream_arn: The event source.
        request_id: A UUID: of the last invocation, where there was one.
        now_us: When it was given up.
    """
    first, last = discarded.records[0], discarded.records[-1]
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
    # A function that answered with failures shows as null.
    response["functionError"] = "Unhandled" if discarded.function_failed else None
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.invoke_count,
        },
        "responseContext": response,
        "version": "1.0",
        "timestamp": _iso_milliseconds(now_us),
        "KinesisBatchInfo": {
            "shardId": first.shard,
            "startSequenceNumber": str(first.sequence_number),
            "endSequenceNumber": str(last.sequence_number),
            "approximateArrivalOfFirstRecord": _iso_milliseconds(first.arrival_us),
            "approximateArrivalOfLastRecord": _iso_milliseconds(last.arrival_us),
            "batchSize": len(discarded.records),
            "streamArn": stream_arn,
        },
    }


def failure_object(
    message: Mapping[str, Any], event: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the invocation record that a bucket is sent: with the whole event.

    Args:
        message: What `failure_message` returned.
        event: The `kinesis_event` of the same records; it goes in as JSON text.
    """
    return {**message, "payload": encode_json(event).decode()}


def failure_object_key(
    *, mapping_uuid: str, shard: str, now_us: int, object_uuid: str
) -> str:
    """Return the key under which a bucket gets an invocation record.

    >>> failure_object_key(
    ...     mapping_uuid="4af0",
    ...     shard="shardId-000000000001",
    ...     now_us=1_573_691_886_021_000,
    ...     object_uuid="c9b8",
    ... )
    'aws/lambda/4af0/shardId-000000000001/2019/11/14/2019-11-14T00.38.06-c9b8'
    """
    second = iso_time(now_us)[:19]
    day, time = second[:10].replace("-", "/"), second.replace(":", ".")
    return f"aws/lambda/{mapping_uuid}/{shard}/{day}/{time}-{object_uuid}"


def _seconds(us: int) -> float:
    # Milliseconds are all that Kinesis tells.
    return us // 1000 / 1000


def _iso_milliseconds(us: int) -> str:
    return f"{iso_time(us)[:23]}Z"
