"""botocore's errors become ours here, and nowhere else.

    throttled, timed out, 5xx, no connection,
    an answer cut off or not to be read        UnavailableError: try again later
    denied, missing, invalid, no credentials   ConfigError: change something

What is not in any table is taken by its HTTP status: 5xx, 408 and 429 may pass, other
4xx will not.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionError,  # noqa: A004 (botocore's own)
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from penstock.errors import ConfigError, UnavailableError

__all__ = ["RETRYABLE", "code_of", "may_pass", "translated"]

RETRYABLE = frozenset(
    {
        # Any service: throttled.
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        # Any service: it, or the way to it, is out of order.
        "InternalError",
        "InternalErrorException",
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        # Kinesis, and the key that its streams are encrypted with.
        "KMSThrottlingException",
        "ProvisionedThroughputExceededException",
        "ResourceInUseException",
        # DynamoDB.
        "ItemCollectionSizeLimitExceededException",
        "ReplicatedWriteConflictException",
        "TransactionConflictException",
        "TransactionInProgressException",
        # S3: a body that was damaged on its way; two conditional writes at once.
        "BadDigest",
        "ConditionalRequestConflict",
        "OperationAborted",
        # SNS.
        "KMSThrottling",
        # Signatures are valid for some minutes: a clock that is put right, or
        # credentials that are renewed, end these.
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
    }
)
"""Codes of errors that may pass; see docs/reference/aws.md."""

_REMEDIES = {
    "AccessDenied": "Give its role the policy of docs/reference/iam.md.",
    "AccessDeniedException": "Give its role the policy of docs/reference/iam.md.",
    "AuthorizationError": "Give its role the policy of docs/reference/iam.md.",
    "KMSAccessDeniedException": "Give its role the policy of docs/reference/iam.md.",
    "NoSuchBucket": "Deploy it first, or name another one: [aws] bucket.",
    "NotFound": "Deploy it first, or name another one: [aws] topic_arn.",
    "ResourceNotFoundException": "Deploy it first, or name another one in [aws].",
    "UnrecognizedClientException": "Check the credentials: aws sts get-caller-identity",
    "InvalidClientTokenId": "Check the credentials: aws sts get-caller-identity",
    "SignatureDoesNotMatch": "Check the credentials: aws sts get-caller-identity",
}
_SERVER_FAULT = 500
_MAY_PASS = frozenset({408, 429})

# No answer, or none that can be read; or the service that gives out credentials, which
# a container asks every few hours, gave none.
_NO_ANSWER = (
    HTTPClientError,
    ConnectionError,
    IncompleteReadError,
    ChecksumError,
    FlexibleChecksumError,
    ResponseParserError,
    CredentialRetrievalError,
    MetadataRetrievalError,
)


def code_of(error: ClientError) -> str:
    """Return the code of AWS's answer."""
    return str(error.response.get("Error", {}).get("Code", ""))


def may_pass(error: ClientError) -> bool:
    """Tell whether the same call may succeed later."""
    response: Mapping[str, Any] = error.response
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in RETRYABLE or status >= _SERVER_FAULT or status in _MAY_PASS


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn botocore's errors into ours, in whatever is done within.

    Args:
        what: What is done and to what, for the error's text.

    Raises:
        ConfigError: AWS refuses it, and would again.
        UnavailableError: It may work later; it may also have been done.
    """
    try:
        yield
    except ClientError as e:
        raise _answered(what, e) from e
    except (NoCredentialsError, PartialCredentialsError) as e:
        raise ConfigError(
            f"{what}: {e}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
            " AWS_PROFILE, or run `aws sso login`."
        ) from e
    except NoRegionError as e:
        raise ConfigError(
            f"{what}: no region is set. Set AWS_REGION, or [aws] region."
        ) from e
    except _NO_ANSWER as e:
        raise UnavailableError(f"{what}: no answer from AWS: {e}") from e
    except BotoCoreError as e:
        raise ConfigError(f"{what}: {e}") from e


def _answered(what: str, error: ClientError) -> ConfigError | UnavailableError:
    code = code_of(error)
    response: Mapping[str, Any] = error.response
    message = response.get("Error", {}).get("Message", "")
    text = f"{what}: {code}: {message}" if message else f"{what}: {code}"
    if may_pass(error):
        return UnavailableError(text)
    remedy = _REMEDIES.get(code, "")
    return ConfigError(f"{text} {remedy}".rstrip())
