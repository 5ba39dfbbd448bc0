"""What a pipeline needs of AWS, made in the emulator under names of its own."""

import itertools
import json
import os
import time

from penstock.bootstrap import aws_clients
from penstock.config.settings import AwsSettings

__all__ = ["Deployed", "deploy", "make_table", "subscribe"]

_numbers = itertools.count()


class Deployed:
    """A stream, tables, a bucket and a topic.

    Attributes:
        settings: With the names of all of them.
        clients: Those of the adapters.
        queue_url: Queue that the topic's messages go to.
    """

    def __init__(self, settings, queue_url):
        self.settings = settings
        self.clients = aws_clients(settings)
        self.queue_url = queue_url

    def received(self):
        """Messages that the topic has sent, as JSON, in order of arrival."""
        sqs, found = self.clients("sqs"), []
        while True:
            answer = sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10
            )
            messages = answer.get("Messages", [])
            if not messages:
                return found
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(
                    QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )


def deploy(client, endpoint, *, shards=1):
    """Make everything; `client` makes boto3's clients."""
    end = f"t{os.getpid()}-{next(_numbers)}"
    topic_arn = client("sns").create_topic(Name=f"alerts-{end}")["TopicArn"]
    settings = AwsSettings(
        environment=end,
        region="us-east-1",
        endpoint=endpoint,
        bucket=f"bucket-{end}",
        topic_arn=topic_arn,
    ).named()
    client("s3").create_bucket(Bucket=settings.bucket)
    client("kinesis").create_stream(StreamName=settings.stream, ShardCount=shards)
    make_table(client, settings.history_table, "ticker", "last_refreshed")
    make_table(client, settings.positions_table, "ticker")
    make_table(client, settings.state_table, "ticker", index="undelivered")
    while _status(client, settings.stream) != "ACTIVE":
        time.sleep(0.05)
    return Deployed(settings, subscribe(client, topic_arn, end))


def make_table(client, name, key, sort=None, *, index=None):
    """Make a table of text keys, with an index over `index` and the key."""
    names = [n for n in (key, sort, index) if n]
    arguments = {}
    if index:
        arguments["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index,
                "KeySchema": _schema(index, key),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ]
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=_schema(key, sort),
        AttributeDefinitions=[
            {"AttributeName": n, "AttributeType": "S"} for n in names
        ],
        BillingMode="PAY_PER_REQUEST",
        **arguments,
    )


def _schema(key, sort=None):
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    if sort:
        schema.append({"AttributeName": sort, "KeyType": "RANGE"})
    return schema


def _status(client, stream):
    answer = client("kinesis").describe_stream_summary(StreamName=stream)
    return answer["StreamDescriptionSummary"]["StreamStatus"]


def subscribe(client, topic_arn, end):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=f"received-{end}")["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
    return url
