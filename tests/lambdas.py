"""Functions' invocations: Kinesis events, contexts whose time runs, lines read back."""

import base64
import json

from penstock.entrypoints.lambda_log import Log

NOW_US = 1_700_000_100_000_000
ENVIRON = {
    "AWS_LAMBDA_FUNCTION_NAME": "crypto-consumer",
    "_X_AMZN_TRACE_ID": "Root=1-abc;Sampled=1",
}

# Of docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html.
AMOUNTS = ["Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes"]
AMOUNTS += ["Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Count"]
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Percent", "None", *AMOUNTS]
UNITS += [f"{amount}/Second" for amount in AMOUNTS]


class Context:
    """An invocation; `left_ms` are the answers to how much time is left."""

    aws_request_id = "request-1"

    def __init__(self, *left_ms):
        self._left_ms = list(left_ms) or [60_000]

    def get_remaining_time_in_millis(self):
        left = self._left_ms
        return left.pop(0) if len(left) > 1 else left[0]


class Lines:
    """A log, and what was written to it."""

    def __init__(self, environ=ENVIRON, now_us=NOW_US):
        self.texts = []
        self.log = Log(environ, self.texts.append, lambda: now_us)

    def read(self):
        assert all(text.endswith("\n") for text in self.texts)
        return [json.loads(text) for text in self.texts]

    def last(self):
        return self.read()[-1]


def kinesis_event(*records, shard="shardId-000000000006"):
    """The event of `ports.Record`s, in the shape that Lambda gives it."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": r.key,
                    "sequenceNumber": str(r.sequence_number),
                    "data": base64.b64encode(r.data).decode(),
                    "approximateArrivalTimestamp": r.arrival_us / 1e6,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard}:{r.sequence_number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/s",
            }
            for r in records
        ]
    }


def metrics_of(line):
    """A line's metrics by name, after CloudWatch's checks.

    As in docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
    CloudWatch_Embedded_Metric_Format_Specification.html.
    """
    assert set(line["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert type(line["_aws"]["Timestamp"]) is int
    found = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 256
        for names in directive["Dimensions"]:
            assert len(names) <= 30
            assert all(isinstance(line[n], str) and line[n].strip() for n in names)
            assert all(len(line[name]) <= 1024 for name in names)
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert set(metric) == {"Name", "Unit"}
            assert metric["Unit"] in UNITS
            value = line[metric["Name"]]
            many = value if isinstance(value, list) else [value]
            assert 1 <= len(many) <= 100
            assert all(type(v) in (int, float) for v in many)
            found[metric["Name"]] = value
    return found
