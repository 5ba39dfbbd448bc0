"""DynamoDB without botocore's client answers as DynamoDB through it."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import URLLib3Session

from penstock.aws.clients import Clients
from penstock.aws.direct import DirectDynamo, can_be_direct
from penstock.aws.errors import RETRYABLE, translated
from penstock.errors import ConfigError, UnavailableError
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables
from tests.aws.resources import make_table

ENVIRON = {
    "AWS_LAMBDA_FUNCTION_NAME": "crypto-data-consumer-dev",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
}
KEY = {"ticker": {"S": "coinbase:BTC-USD \N{SNOWMAN}"}}
ITEM = {**KEY, "n": {"N": "1.50"}, "s": {"L": [{"S": ""}, {"NULL": True}]}}
NEW = "attribute_not_exists(ticker)"


def direct_to(endpoint, *, attempts=3, environ=ENVIRON, session=None):
    return DirectDynamo(
        region="us-east-1",
        endpoint=endpoint,
        environ=environ,
        session=session or URLLib3Session(timeout=(3, 10)),
        attempts=attempts,
    )


@pytest.fixture
def both(emulator):
    """The two ways to the same account's tables: botocore's client, and directly."""
    variables = client_variables(emulator.endpoint)
    clients = make_clients(emulator.endpoint)
    make_table(clients, "items", "ticker")
    yield clients("dynamodb"), direct_to(emulator.endpoint, environ=ENVIRON | variables)
    clients("dynamodb").delete_table(TableName="items")


def outcome(client, operation, arguments):
    """What comes of a call, but for what is about the call itself."""
    try:
        answer = getattr(client, operation)(**arguments)
    except ClientError as e:
        status = e.response["ResponseMetadata"]["HTTPStatusCode"]
        reasons = e.response.get("CancellationReasons", [])
        codes = [reason["Code"] for reason in reasons]
        return status, e.response["Error"], codes
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def put(**more):
    return {"TableName": "items", "Item": ITEM, **more}


CALLS = [
    ("get_item", {"TableName": "items", "Key": KEY, "ConsistentRead": True}),
    ("put_item", put(ConditionExpression=NEW)),
    ("get_item", {"TableName": "items", "Key": KEY}),
    ("batch_get_item", {"RequestItems": {"items": {"Keys": [KEY]}}}),
    ("batch_write_item", {"RequestItems": {"items": [{"PutRequest": {"Item": ITEM}}]}}),
    ("scan", {"TableName": "items", "Limit": 5}),
    (
        "query",
        {
            "TableName": "items",
            "KeyConditionExpression": "ticker = :t",
            "ExpressionAttributeValues": {":t": KEY["ticker"]},
        },
    ),
    ("transact_write_items", {"TransactItems": [{"Put": put()}]}),
    ("delete_item", {"TableName": "items", "Key": KEY}),
    ("get_item", {"TableName": "none", "Key": KEY}),
    ("get_item", {"TableName": "items", "Key": {"other": {"S": "x"}}}),
]


def test_every_operation_answers_as_through_the_client(both):
    client, direct = both
    for operation, arguments in CALLS:
        if operation == "put_item":
            client.delete_item(TableName="items", Key=KEY)
        expected = outcome(client, operation, arguments)
        if operation in ("put_item", "delete_item"):
            client.delete_item(TableName="items", Key=KEY)
        assert outcome(direct, operation, arguments) == expected, operation


def test_what_is_refused_is_told_apart_as_by_the_client(both):
    client, direct = both
    refused = put(ConditionExpression=NEW)
    direct.put_item(**refused)
    with pytest.raises(direct.exceptions.ConditionalCheckFailedException) as one:
        direct.put_item(**refused)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as other:
        client.put_item(**refused)
    assert one.value.response["Error"] == other.value.response["Error"]
    moves = [{"Put": refused}, {"Delete": {"TableName": "items", "Key": {**KEY}}}]
    moves[1]["Delete"]["Key"] = {"ticker": {"S": "other"}}
    with pytest.raises(direct.exceptions.TransactionCanceledException) as canceled:
        direct.transact_write_items(TransactItems=moves)
    reasons = canceled.value.response["CancellationReasons"]
    assert [r["Code"] for r in reasons] == ["ConditionalCheckFailed", "None"]


class Session:
    """Answers as it is told, one after another, and keeps what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def send(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Answer:
    def __init__(self, status, content):
        self.status_code, self.content = status, content


DOWN = EndpointConnectionError(endpoint_url="https://dynamodb")
THROTTLED = Answer(400, b'{"__type":"com.amazonaws#ThrottlingException"}')


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr("penstock.aws.direct.time.sleep", lambda _: None)


@pytest.mark.parametrize(
    "failure", [DOWN, THROTTLED, Answer(503, b"<html>"), Answer(500, b"{}")]
)
def test_what_may_pass_is_tried_again_and_signed_anew(failure):
    session = Session(failure, failure, Answer(200, b'{"Item":{}}'))
    direct = direct_to("", session=session)
    assert direct.get_item(TableName="t") == {"Item": {}}
    assert {r.url for r in session.asked} == {
        "https://dynamodb.us-east-1.amazonaws.com/"
    }
    for request in session.asked:
        assert request.headers["X-Amz-Security-Token"] == "token"
        assert "us-east-1/dynamodb" in request.headers["Authorization"]
    failing = Session(*[failure] * 3)
    with pytest.raises(UnavailableError), translated("test"):
        direct_to("", session=failing).get_item(TableName="t")
    assert len(failing.asked) == 3


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_what_will_not_pass_is_not_tried_again(code):
    session = Session(Answer(400, b'{"__type":"x#%b"}' % code.encode()))
    with pytest.raises(ConfigError, match=code), translated("test"):
        direct_to("", session=session).get_item(TableName="t")
    assert len(session.asked) == 1
    assert code not in RETRYABLE


def test_a_transaction_that_is_tried_again_is_the_same_one():
    session = Session(DOWN, Answer(200, b"{}"), Answer(200, b"{}"))
    direct = direct_to("", session=session)
    direct.transact_write_items(TransactItems=[])
    direct.transact_write_items(TransactItems=[])
    first, second, third = (request.body for request in session.asked)
    assert b"ClientRequestToken" in first
    assert first == second != third


@pytest.mark.parametrize(
    ("more", "less", "direct"),
    [
        ({}, "", True),
        ({"PENSTOCK_XRAY": "1"}, "", False),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "", False),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://x"}, "", False),
        ({}, "AWS_LAMBDA_FUNCTION_NAME", False),
        ({}, "AWS_ACCESS_KEY_ID", False),
    ],
)
def test_only_a_function_that_needs_nothing_special_is_direct(
    more, less, direct, monkeypatch
):
    environ = {k: v for k, v in (ENVIRON | more).items() if k != less}
    assert can_be_direct(environ) is direct
    for name in {*ENVIRON, *more}:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    made = Clients(region="us-east-1", endpoint="http://127.0.0.1:9")("dynamodb")
    assert isinstance(made, DirectDynamo) is direct


def test_in_china_the_endpoint_is_another():
    session = Session(Answer(200, b"{}"))
    environ = ENVIRON | {"AWS_REGION": "cn-north-1"}
    direct = DirectDynamo(
        region="cn-north-1", endpoint="", environ=environ, session=session, attempts=1
    )
    direct.get_item(TableName="t")
    assert session.asked[0].url == "https://dynamodb.cn-north-1.amazonaws.com.cn/"
