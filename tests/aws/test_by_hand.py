"""What a newcomer does first, with the AWS CLI's own calls."""

import gzip
import json
import time

import pytest

from tests.aws.both import polling
from tests.aws.pipeline import Pipeline
from tests.aws.resources import make_table
from tests.aws.told import wait_until

CLICK = {
    "event_type": "page_view",
    "user_id": "u1",
    "page": "/pricing",
    "timestamp": "2026-11-20T23:40:00Z",
    "session_id": "s1",
}


@pytest.fixture
def pipeline(aws, emulator, zips, tmp_path):
    lookups = [{"table": "users", "key": "user_id", "into": "user"}]
    made = Pipeline(aws, emulator.endpoint, zips, config={"lookups": lookups})
    with polling(aws, tmp_path / "poller"):
        yield made


def put_price(pipeline, price, seq):
    """aws kinesis put-record --data '{"venue": ..., "price": 84000, ...}'."""
    now_us = time.time_ns() // 1000
    trade = {
        "venue": "coinbase",
        "symbol": "BTC-USD",
        "price": price,
        "size": 0.5,
        "event_us": now_us,
        "received_us": now_us,
        "seq": seq,
    }
    pipeline.client("kinesis").put_record(
        StreamName=pipeline.made.settings.stream,
        PartitionKey="coinbase:BTC-USD",
        Data=json.dumps(trade).encode(),
    )


def test_a_click_turns_up_enriched(pipeline):
    table = pipeline.made.settings.lookup_table("users")
    make_table(pipeline.client, table, "user_id")
    pipeline.client("dynamodb").put_item(
        TableName=table, Item={"user_id": {"S": "u1"}, "plan": {"S": "pro"}}
    )
    pipeline.add_function("enrichment")
    pipeline.map("enrichment")
    pipeline.client("kinesis").put_record(
        StreamName=pipeline.made.settings.stream,
        PartitionKey="u1",
        Data=json.dumps(CLICK).encode(),
    )
    (data,) = objects(pipeline, "enriched-data/")
    (event,) = map(json.loads, gzip.decompress(data).splitlines())
    assert event.pop("penstock")["missing"] == []
    assert event == CLICK | {"user": {"user_id": "u1", "plan": "pro"}}


def objects(pipeline, prefix):
    """Wait for objects under a prefix, and return their bytes."""
    s3, bucket = pipeline.client("s3"), pipeline.made.settings.bucket

    def listed():
        return s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])

    wait_until(listed)
    return [s3.get_object(Bucket=bucket, Key=o["Key"])["Body"].read() for o in listed()]


def test_a_price_below_the_threshold_alerts_once_and_is_in_history_and_log(pipeline):
    pipeline.add_function("consumer", PRICE_THRESHOLD="85000")
    pipeline.map("consumer")
    put_price(pipeline, 84_000, seq=1)
    found = []
    wait_until(lambda: found.extend(pipeline.made.received()) or found)
    (alert,) = found
    assert (alert["ticker"], alert["price"]) == ("coinbase:BTC-USD", 84_000)

    put_price(pipeline, 83_000, seq=2)
    wait_until(lambda: len(prices(pipeline)) > 1 or 83_000.0 in prices(pipeline))
    assert prices(pipeline)[-1] == 83_000.0
    assert pipeline.made.received() == []

    (line, *_) = log_lines(pipeline, "consumer")
    assert (line["event"], line["Trades"], line["tickers"]) == ("batch", 1, 1)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Penstock"


def prices(pipeline):
    """aws dynamodb query --key-condition-expression 'ticker = :t'."""
    answer = pipeline.client("dynamodb").query(
        TableName=pipeline.made.settings.history_table,
        KeyConditionExpression="ticker = :ticker",
        ExpressionAttributeValues={":ticker": {"S": "coinbase:BTC-USD"}},
    )
    return [float(item["price"]["N"]) for item in answer["Items"]]


def log_lines(pipeline, function):
    """aws logs filter-log-events: the lines of a function that are JSON."""
    logs = pipeline.client("logs")
    group = f"/aws/lambda/{pipeline.name(function)}"

    def lines():
        events = logs.filter_log_events(logGroupName=group)["events"]
        texts = [line for e in events for line in e["message"].splitlines()]
        return [json.loads(text) for text in texts if text.startswith("{")]

    wait_until(lines)
    return [line for line in lines() if line.get("event") == "batch"]
