"""Powertools' batch processor with the work of the consumer, a record at a time.

In its favour: states stay in memory while the process is warm and are not read again,
the low-level client is used and not boto3's resources, rows and a record's trades share
calls where they can, nothing is looked up in an idempotency table, and metrics are
written once per batch.
"""

import json
import os
from decimal import ROUND_DOWN, Decimal

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import (
    KinesisStreamRecord,
)

logger = Logger(service="consumer")
metrics = Metrics(namespace="Penstock", service="consumer")
processor = BatchProcessor(event_type=EventType.KinesisDataStreams)
dynamodb, sns, s3 = (boto3.client(name) for name in ("dynamodb", "sns", "s3"))

HISTORY, STATES = os.environ["DYNAMO_TABLE_NAME"], os.environ["STATE_TABLE_NAME"]
POSITIONS = os.environ["POSITIONS_TABLE_NAME"]
TOPIC, BUCKET = os.environ["SNS_TOPIC_ARN"], os.environ["BUCKET_NAME"]
RULES = json.loads(os.environ["PENSTOCK_CONFIG"])
DIP, TAKE = (Decimal(RULES["strategy"][key]) for key in ("dip", "take_profit"))
DROP = Decimal(RULES["alerts"][0]["drop"])
BUY_AT, FIRE_AT, REARM_AT = float(1 - DIP), float(1 - DROP), float(1 - DROP / 2)
WINDOW_US, SECOND_US, BAR_US = 300_000_000, 1_000_000, 60_000_000
BUCKET_US = WINDOW_US // 60
FEE, LOT = Decimal("0.001"), Decimal("1e-8")
BATCH = 25

states = {}


def new_state():
    return {
        "version": 0,
        "seq": 0,
        "row": None,
        "bar": None,
        "buckets": {},
        "armed": True,
        "position": None,
    }


def load(ticker):
    if ticker not in states:
        key = {"ticker": {"S": ticker}}
        item = dynamodb.get_item(TableName=STATES, Key=key, ConsistentRead=True)
        stored = item.get("Item")
        states[ticker] = json.loads(stored["data"]["S"]) if stored else new_state()
    return states[ticker]


def add(interval, start, trade):
    if interval is None or interval["start"] != start:
        price = trade["price"]
        interval = {"start": start, "open": price, "high": price, "low": price}
        interval |= {"volume": 0.0, "trades": 0}
    interval["high"] = max(interval["high"], trade["price"])
    interval["low"] = min(interval["low"], trade["price"])
    interval["close"] = trade["price"]
    interval["volume"] += trade["size"]
    interval["trades"] += 1
    return interval


def high_of(state, trade):
    bucket = trade["event_us"] // BUCKET_US
    buckets = {int(b): p for b, p in state["buckets"].items() if int(b) > bucket - 60}
    buckets[bucket] = max(buckets.get(bucket, 0.0), trade["price"])
    state["buckets"] = buckets
    return max(buckets.values())


def decide(state, ticker, trade, high):
    """Return what is to be delivered: an alert, or a completed trade."""
    price, out = trade["price"], []
    if state["armed"] and price <= high * FIRE_AT:
        state["armed"] = False
        out.append({"kind": "alert", "ticker": ticker, "price": price, "high": high})
    elif price > high * REARM_AT:
        state["armed"] = True
    position = state["position"]
    if position is None and price <= high * BUY_AT:
        entry = Decimal(repr(price))
        quantity = (1000 / entry).quantize(LOT, ROUND_DOWN)
        state["position"] = {"entry": str(entry), "quantity": str(quantity)}
    elif position and price >= float(Decimal(position["entry"]) * (1 + TAKE)):
        entry, quantity = (Decimal(position[key]) for key in ("entry", "quantity"))
        leaving = Decimal(repr(price))
        profit = quantity * (leaving - entry) - FEE * quantity * (entry + leaving)
        out.append({"kind": "completed", "ticker": ticker, "profit": str(profit)})
        state["position"] = None
    return out


def fold(state, ticker, trades):
    rows, out = {}, []
    for trade in trades:
        if trade["seq"] <= state["seq"]:
            continue
        state["seq"] = trade["seq"]
        event_us = trade["event_us"]
        state["bar"] = add(state["bar"], event_us // BAR_US * BAR_US, trade)
        state["row"] = add(state["row"], event_us // SECOND_US * SECOND_US, trade)
        rows[state["row"]["start"]] = dict(state["row"])
        out += decide(state, ticker, trade, high_of(state, trade))
    return rows, out


def put_history(ticker, rows):
    items = [
        {"ticker": {"S": ticker}, "last_refreshed": {"S": str(start)}}
        | {name: {"N": repr(value)} for name, value in row.items()}
        for start, row in rows.items()
    ]
    if len(items) == 1:
        dynamodb.put_item(TableName=HISTORY, Item=items[0])
        return
    for start in range(0, len(items), BATCH):
        puts = [{"PutRequest": {"Item": i}} for i in items[start : start + BATCH]]
        dynamodb.batch_write_item(RequestItems={HISTORY: puts})


def commit(state, ticker, before):
    state["version"] += 1
    put = {
        "TableName": STATES,
        "Item": {
            "ticker": {"S": ticker},
            "version": {"N": str(state["version"])},
            "data": {"S": json.dumps(state)},
        },
        "ConditionExpression": "attribute_not_exists(ticker) OR version = :before",
        "ExpressionAttributeValues": {":before": {"N": str(state["version"] - 1)}},
    }
    position = state["position"]
    if position == before:
        dynamodb.put_item(**put)
        return
    key = {"ticker": {"S": ticker}}
    if position:
        item = key | {name: {"S": value} for name, value in position.items()}
        move = {"Put": {"TableName": POSITIONS, "Item": item}}
    else:
        move = {"Delete": {"TableName": POSITIONS, "Key": key}}
    dynamodb.transact_write_items(TransactItems=[{"Put": put}, move])


def deliver(state, ticker, out):
    for item in out:
        if item["kind"] == "alert":
            sns.publish(TopicArn=TOPIC, Message=json.dumps(item))
            continue
        name = f"completed-trades/{ticker}-{state['seq']}.json"
        s3.put_object(Bucket=BUCKET, Key=name, Body=json.dumps(item).encode())


def record_handler(record: KinesisStreamRecord):
    ticker = record.kinesis.partition_key
    lines = record.kinesis.data_as_text().splitlines()
    state = load(ticker)
    before = state["position"]
    rows, out = fold(state, ticker, [json.loads(line) for line in lines])
    if not rows:
        return
    put_history(ticker, rows)
    commit(state, ticker, before)
    deliver(state, ticker, out)
    metrics.add_metric(name="Trades", unit="Count", value=len(lines))


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event, context):
    return process_partial_response(
        event=event,
        record_handler=record_handler,
        processor=processor,
        context=context,
    )
