"""Invokes a function for an event source mapping, and says how it went."""

from typing import Any

import msgspec
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
)
from msgspec import Struct

from penstock.codec import encode_json
from penstock.sandbox.mapping import FAILED, THROTTLED

__all__ = ["Answer", "invoke", "is_mock"]

_SHOWN = 500  # characters of what a function said, in a problem


class Answer(Struct, frozen=True, kw_only=True):
    """How an invocation ended.

    Attributes:
        outcome: What `ShardMapping.finish` takes.
        request_id: The invocation's, "" where it did not come to one.
        problem: What a person should know of, or None.
    """

    outcome: Any
    request_id: str = ""
    problem: str | None = None


def invoke(client: Any, function_arn: str, event: dict[str, Any]) -> Answer:  # noqa: ANN401 (boto3 has no types)
    """Invoke a function with an event, and wait for its answer.

    Args:
        client: boto3's of Lambda, which must not try again by itself.
        function_arn: With the qualifier, if there is one.
        event: As `kinesis_event` makes it.
    """
    try:
        response = client.invoke(FunctionName=function_arn, Payload=encode_json(event))
        payload = response["Payload"].read()
    except (ClientError, EndpointConnectionError, ConnectTimeoutError) as e:
        # It was not invoked: throttled, gone, or nobody there.
        return Answer(outcome=THROTTLED, problem=f"not invoked: {e}")
    except (BotoCoreError, OSError) as e:
        return Answer(outcome=FAILED, problem=f"no answer: {e}")
    request_id = response["ResponseMetadata"].get("RequestId", "")
    if response.get("FunctionError"):
        said = payload.decode(errors="replace")[:_SHOWN]
        return Answer(outcome=FAILED, request_id=request_id, problem=f"failed: {said}")
    return _answered(payload, request_id)


def is_mock(answer: object) -> bool:
    """Tell whether the emulator answered by itself, since the function has no code.

    It does so with success: an asset that was not found would pass for a function.
    """
    body = answer.get("body") if isinstance(answer, dict) else None
    return isinstance(body, str) and body.startswith("Mock response")


def _answered(payload: bytes, request_id: str) -> Answer:
    try:
        outcome = msgspec.json.decode(payload) if payload else None
    except msgspec.DecodeError as e:
        problem = f"answered no JSON: {e}"
        return Answer(outcome=FAILED, request_id=request_id, problem=problem)
    if is_mock(outcome):
        problem = f"has no code: the emulator itself answers {payload.decode()}"
        return Answer(outcome=FAILED, request_id=request_id, problem=problem)
    return Answer(outcome=outcome, request_id=request_id)
