"""botocore's errors become ours: what may pass, and what will not."""

import botocore.session
import pytest
from botocore import exceptions as theirs
from botocore.parsers import ResponseParserError
from botocore.retries import standard

from penstock.aws.errors import RETRYABLE, translated
from penstock.errors import ConfigError, UnavailableError

SERVICES = ("kinesis", "dynamodb", "s3", "sns")
# What the adapters call; other operations' errors never reach them.
OPERATIONS = {
    "kinesis": ("PutRecords", "GetRecords", "GetShardIterator", "ListShards"),
    "dynamodb": (
        "BatchGetItem",
        "BatchWriteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactWriteItems",
    ),
    "s3": ("PutObject", "GetObject", "DeleteObject", "ListObjectsV2"),
    "sns": ("PublishBatch",),
}
# Errors of these operations that no repetition helps.  TransactionCanceled is looked
# into where it happens, ConditionalCheckFailed, ExpiredIterator and NoSuchKey as well.
FINAL = {
    "kinesis": {
        "AccessDeniedException",
        "DryRunOperationException",
        "ExpiredIteratorException",
        "ExpiredNextTokenException",
        "InvalidArgumentException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "ResourceNotFoundException",
    },
    "dynamodb": {
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "ResourceNotFoundException",
        "TransactionCanceledException",
    },
    "s3": {
        "EncryptionTypeMismatch",
        "InvalidObjectState",
        "InvalidRequest",
        "InvalidWriteOffset",
        "NoSuchBucket",
        "NoSuchKey",
        "TooManyParts",
    },
    "sns": {
        "AuthorizationError",
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "EndpointDisabled",
        "InvalidBatchEntryId",
        "InvalidParameter",
        "InvalidSecurity",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSOptInRequired",
        "NotFound",
        "ParameterValueInvalid",
        "PlatformApplicationDisabled",
        "TooManyEntriesInBatchRequest",
        "ValidationException",
    },
}


def codes_in(definition):
    """Yield every `service_error_code` in a tree of botocore's retry definitions."""
    if isinstance(definition, dict):
        if "service_error_code" in definition:
            yield definition["service_error_code"]
        definition = list(definition.values())
    if isinstance(definition, list):
        for part in definition:
            yield from codes_in(part)


@pytest.fixture(scope="module")
def session():
    return botocore.session.get_session()


def test_whatever_botocore_tries_again_may_pass(session):
    retries = session.get_component("data_loader").load_data("_retry")
    codes = {*codes_in(retries["definitions"])}
    codes.update(*(codes_in(retries["retry"].get(s, {})) for s in SERVICES))
    codes.update(standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
    codes.update(standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES)
    assert len(codes) > 15
    assert codes - RETRYABLE == set()


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_of_what_is_called_is_known_to_pass_or_not_to(session, service):
    model = session.get_service_model(service)
    found = {
        shape.metadata.get("error", {}).get("code", shape.name)
        for operation in OPERATIONS[service]
        for shape in model.operation_model(operation).error_shapes
    }
    assert found - RETRYABLE == FINAL[service]


def client_error(code, status=400):
    answer = {
        "Error": {"Code": code, "Message": "why"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return theirs.ClientError(answer, "PutItem")


PASSING = [
    theirs.ChecksumError(
        checksum_type="crc32", expected_checksum="1", actual_checksum="2"
    ),
    theirs.ConnectionClosedError(endpoint_url="x"),
    theirs.CredentialRetrievalError(provider="container", error_msg="timed out"),
    theirs.EndpointConnectionError(endpoint_url="x"),
    theirs.FlexibleChecksumError(error_msg="x"),
    theirs.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    theirs.MetadataRetrievalError(error_msg="x"),
    theirs.ReadTimeoutError(endpoint_url="x"),
    ResponseParserError("not XML"),
    client_error("ThrottlingException"),
    client_error("Unheard", 408),
    client_error("Unheard", 429),
    client_error("Unheard", 503),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
def test_what_may_pass_is_unavailable(error):
    with (
        pytest.raises(UnavailableError, match=r"^put it: ") as caught,
        translated("put it"),
    ):
        raise error
    assert caught.value.__cause__ is error


LASTING = [
    theirs.NoCredentialsError(),
    theirs.NoRegionError(),
    theirs.ParamValidationError(report="x"),
    client_error("AccessDeniedException"),
    client_error("Unheard", 404),
]


@pytest.mark.parametrize("error", LASTING, ids=lambda e: type(e).__name__)
def test_what_will_not_pass_is_for_the_operator(error):
    with pytest.raises(ConfigError, match=r"^put it: "), translated("put it"):
        raise error


def test_the_remedy_is_named():
    with (
        pytest.raises(ConfigError, match=r"docs/reference/iam\.md"),
        translated("put it"),
    ):
        raise client_error("AccessDenied", 403)
