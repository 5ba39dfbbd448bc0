"""AWS's JSON, against the examples of its guide."""

import json

from penstock.ports import Record
from penstock.sandbox.events import (
    failure_message,
    failure_object,
    failure_object_key,
    kinesis_event,
)
from penstock.sandbox.mapping import Discarded

STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"
ROLE = "arn:aws:iam::123456789012:role/lambda-role"

FIRST = Record(
    "shardId-000000000001",
    49601189658422359378836298521827638475320189012309704722,
    "1",
    b"Hello, this is a test.",
    1_573_691_884_835_999,
)
LAST = Record(
    "shardId-000000000001",
    49601189658422359378836298522902373528957594348623495186,
    "2",
    b"",
    1_573_691_885_580_000,
)


def discarded(**fields):
    return Discarded(
        records=(FIRST, LAST),
        condition="RetryAttemptsExhausted",
        invoke_count=4,
        **fields,
    )


def message(**fields):
    return failure_message(
        discarded(**fields),
        function_arn=FUNCTION,
        stream_arn=STREAM,
        request_id="c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
        now_us=1_573_691_886_021_000,
    )


def test_an_event_is_what_lambda_makes_of_records():
    event = kinesis_event([FIRST, LAST], stream_arn=STREAM, role_arn=ROLE)
    assert event["Records"][0] == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": (
                "49601189658422359378836298521827638475320189012309704722"
            ),
            "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
            "approximateArrivalTimestamp": 1573691884.835,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000001:"
        "49601189658422359378836298521827638475320189012309704722",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-2",
        "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
    }
    assert event["Records"][1]["kinesis"]["data"] == ""


def test_a_queue_is_told_where_the_records_are():
    assert message(function_failed=True) == {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": (
                "49601189658422359378836298521827638475320189012309704722"
            ),
            "endSequenceNumber": (
                "49601189658422359378836298522902373528957594348623495186"
            ),
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_a_function_that_answered_with_failures_had_no_error():
    assert message(function_failed=False)["responseContext"]["functionError"] is None


def test_a_bucket_is_told_the_whole_event_as_text():
    event = kinesis_event([FIRST, LAST], stream_arn=STREAM, role_arn=ROLE)
    told = failure_object(message(function_failed=True), event)
    assert json.loads(told.pop("payload")) == event
    assert told == message(function_failed=True)


def test_a_bucket_has_it_under_the_day_and_second():
    key = failure_object_key(
        mapping_uuid="14e0db71-xmpl-4eb5-b481-8945cf9d10c2",
        shard="shardId-000000000001",
        now_us=1_573_691_886_021_000,
        object_uuid="c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
    )
    assert key == (
        "aws/lambda/14e0db71-xmpl-4eb5-b481-8945cf9d10c2/shardId-000000000001/"
        "2019/11/14/2019-11-14T00.38.06-c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5"
    )
