"""DynamoDB's API without botocore's client, for functions, whose start it would double.

Signing, connections and errors are botocore's.  What is left out is what reads the
service's model at every start, checks each request against it, and takes answers apart
by it: requests and answers are JSON as the API's reference has it.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/

Bytes (type B) are base64 text here, where botocore's client has bytes.
"""

import time
from collections.abc import Callable, Mapping
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 (botocore's own)
    HTTPClientError,
)
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError

from penstock.aws.errors import may_pass

__all__ = ["DirectDynamo", "can_be_direct"]

_VERSION = "DynamoDB_20120810"
_REFUSED = 400
_FIRST_WAIT_S = 0.05
# Tried again after its answer was lost, it is done once: by the token.
_TRANSACTION = "TransactWriteItems"

_NEEDED = {
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
}
_SPECIAL = {
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "PENSTOCK_XRAY",
}

_chance = Random()  # noqa: S311 (spreads callers out; keeps no secret)


class _ConditionalCheckFailed(ClientError):  # type: ignore[misc]  # botocore has no types
    pass


class _TransactionCanceled(ClientError):  # type: ignore[misc]
    pass


_BY_CODE: Mapping[str, type[ClientError]] = {
    "ConditionalCheckFailedException": _ConditionalCheckFailed,
    "TransactionCanceledException": _TransactionCanceled,
}


def can_be_direct(environ: Mapping[str, str]) -> bool:
    """Tell whether this is a function whose calls need nothing that a client adds.

    Its credentials are in its environment, as Lambda puts them there, it has one of
    the usual endpoints or is told another, and nobody looks at its calls.
    """
    return environ.keys() >= _NEEDED and not _SPECIAL & environ.keys()


class DirectDynamo:
    """Calls operations by the names that botocore's client has for them.

    Args:
        region: AWS's name of it.
        endpoint: Where the API is; "" for the region's own.
        environ: Holds the credentials.
        session: Keeps the connections.
        attempts: How often a call is tried that may work another time.

    Attributes:
        exceptions: The errors that callers tell apart, as botocore's client has them.
    """

    exceptions = SimpleNamespace(
        ClientError=ClientError,
        ConditionalCheckFailedException=_ConditionalCheckFailed,
        TransactionCanceledException=_TransactionCanceled,
    )

    def __init__(
        self,
        *,
        region: str,
        endpoint: str,
        environ: Mapping[str, str],
        session: URLLib3Session,
        attempts: int,
    ) -> None:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        self._url = f"{endpoint or f'https://dynamodb.{region}.{suffix}'}/"
        credentials = Credentials(
            environ["AWS_ACCESS_KEY_ID"],
            environ["AWS_SECRET_ACCESS_KEY"],
            environ.get("AWS_SESSION_TOKEN"),
        )
        self._sign = SigV4Auth(credentials, "dynamodb", region).add_auth
        self._session, self._attempts = session, attempts

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(word.capitalize() for word in name.split("_"))

        def call(**arguments: object) -> dict[str, Any]:
            if operation == _TRANSACTION:
                arguments.setdefault("ClientRequestToken", str(uuid4()))
            return self._call(operation, msgspec.json.encode(arguments))

        return call

    def _call(self, operation: str, body: bytes) -> dict[str, Any]:
        for attempt in range(1, self._attempts):
            try:
                return self._send(operation, body)
            except ClientError as e:
                if not may_pass(e):
                    raise
            except (ConnectionError, HTTPClientError, ResponseParserError):
                pass
            time.sleep(_chance.uniform(0, _FIRST_WAIT_S * 2**attempt))
        return self._send(operation, body)

    def _send(self, operation: str, body: bytes) -> dict[str, Any]:
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"{_VERSION}.{operation}",
        }
        request = AWSRequest("POST", self._url, headers=headers, data=body)
        self._sign(request)  # anew for each try: a signature is valid for minutes
        answer = self._session.send(request.prepare())
        if answer.status_code >= _REFUSED:
            raise _error(operation, answer.status_code, answer.content)
        try:
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise ResponseParserError(f"{operation}: {e}") from e


def _error(operation: str, status: int, content: bytes) -> ClientError:
    try:
        found = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = {}  # of a load balancer, perhaps
    code = str(found.get("__type", status)).rpartition("#")[2]
    message = found.get("message") or found.get("Message") or ""
    response = {
        **found,
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return _BY_CODE.get(code, ClientError)(response, operation)
