"""The usual handler: json, and a `put_item` for each trade; no state, no retries."""

import base64
import json
import os
from decimal import Decimal

import boto3

table = boto3.resource("dynamodb").Table(os.environ["DYNAMO_TABLE_NAME"])
sns = boto3.client("sns")
threshold = Decimal(os.environ["PRICE_THRESHOLD"])


def handler(event, context):
    for record in event["Records"]:
        data = base64.b64decode(record["kinesis"]["data"])
        for line in data.decode().splitlines():
            trade = json.loads(line, parse_float=Decimal)
            ticker = f"{trade['venue']}:{trade['symbol']}"
            table.put_item(
                Item={"ticker": ticker, "last_refreshed": str(trade["seq"]), **trade}
            )
            if trade["price"] < threshold:
                sns.publish(
                    TopicArn=os.environ["SNS_TOPIC_ARN"],
                    Message=json.dumps(
                        {"ticker": ticker, "price": str(trade["price"])}
                    ),
                )
    return {"batchItemFailures": []}
