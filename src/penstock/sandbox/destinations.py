"""Sends what a mapping gave up to its failure destination: a queue, topic or bucket."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from penstock.codec import encode_json
from penstock.sandbox.clients import Clients
from penstock.sandbox.events import failure_object, failure_object_key

__all__ = ["destination_of", "send"]


def destination_of(mapping: Mapping[str, Any]) -> str | None:
    """Return the ARN of a mapping's failure destination, if it has one.

    >>> destination_of({"DestinationConfig": {"OnFailure": {"Destination": "arn:x"}}})
    'arn:x'
    """
    on_failure = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
    found: str | None = on_failure.get("Destination")
    return found


def send(
    clients: Clients,
    arn: str,
    message: dict[str, Any],
    event: dict[str, Any],
    *,
    mapping_uuid: str,
    now_us: int,
) -> None:
    """Send an invocation record; a bucket gets the event with it.

    Args:
        clients: Where the destination is.
        arn: The destination.
        message: What `failure_message` made.
        event: Of the same records.
        mapping_uuid: Whose failure it is.
        now_us: The time in the object's name.

    Raises:
        botocore.exceptions.ClientError: The destination refused, or is not there.
        ValueError: It is of a service that no mapping sends to.
    """
    service, name = arn.split(":")[2], arn.rpartition(":")[2]
    if service == "sqs":
        sqs = clients("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=encode_json(message).decode())
    elif service == "sns":
        clients("sns").publish(TopicArn=arn, Message=encode_json(message).decode())
    elif service == "s3":
        key = failure_object_key(
            mapping_uuid=mapping_uuid,
            shard=message["KinesisBatchInfo"]["shardId"],
            now_us=now_us,
            object_uuid=str(uuid4()),
        )
        body = encode_json(failure_object(message, event))
        clients("s3").put_object(Bucket=name, Key=key, Body=body)
    else:
        raise ValueError(f"{arn} is no queue, topic or bucket")
