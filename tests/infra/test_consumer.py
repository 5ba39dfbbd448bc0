"""The consumer, the enrichment, the sweeper and what they write, value by value."""

import json

import pytest

from tests.infra.templates import FACTS, INFRA, KEY_ARN, STREAM_ARN, plain, text_of

STACK = "DataConsumerStack"
DATA = (
    "arn:<AWS::Partition>:s3:::crypto-trading-data-<AWS::AccountId>-<AWS::Region>-dev"
)


@pytest.fixture
def stack(ours):
    return ours.stack("everything", STACK)


def test_tables_have_the_keys_that_the_code_asks_for(stack):
    tables = {
        table["TableName"]: [
            (k["AttributeName"], k["KeyType"]) for k in table["KeySchema"]
        ]
        for table in stack.all("DynamoDB::Table").values()
    }
    assert tables == {
        "crypto-price-history-dev": [("ticker", "HASH"), ("last_refreshed", "RANGE")],
        "crypto-price-state-dev": [("ticker", "HASH")],
        "crypto-positions-dev": [("ticker", "HASH")],
        "crypto-lookup-users-dev": [("user_id", "HASH")],
    }


def test_tables_are_paid_by_request_and_can_be_wound_back(stack):
    for table in stack.all("DynamoDB::Table").values():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {
            "PointInTimeRecoveryEnabled": True
        }
        assert {a["AttributeType"] for a in table["AttributeDefinitions"]} == {"S"}


def test_the_history_can_be_indexed_and_states_that_wait_are_found(ours, stack):
    def indexes(found, name):
        table = found.one("DynamoDB::Table", name)
        return [
            (
                index["IndexName"],
                [key["AttributeName"] for key in index["KeySchema"]],
                index["Projection"]["ProjectionType"],
            )
            for index in table.get("GlobalSecondaryIndexes", [])
        ]

    by_venue = ("by-venue", ["venue", "last_refreshed"], "ALL")
    assert indexes(stack, "historytable") == [by_venue]
    assert indexes(ours.stack("default", STACK), "historytable") == []
    undelivered = ("undelivered", ["undelivered", "ticker"], "KEYS_ONLY")
    assert indexes(stack, "statetable") == [undelivered]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ConsumerSource", (500, 0, -1, 165_600, 4)),
        ("EnrichmentSource", (200, 10, 8, 10_800, 6)),
    ],
)
def test_event_source_mappings(stack, name, expected):
    mapping = stack.one("Lambda::EventSourceMapping", name)
    assert (
        mapping["BatchSize"],
        mapping["MaximumBatchingWindowInSeconds"],
        mapping["MaximumRetryAttempts"],
        mapping["MaximumRecordAgeInSeconds"],
        mapping["ParallelizationFactor"],
    ) == expected
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert text_of(destination) == "<BucketArn>"
    # Lambda tries the role's rights when the mapping is made; a function has its role.
    function = name.removesuffix("Source").lower()
    assert function in [plain(d) for d in stack.resources[name]["DependsOn"]]


@pytest.mark.parametrize(
    ("name", "timeout"), [("consumer", 20), ("enrichment", 60), ("sweeper", 60)]
)
def test_functions(stack, name, timeout):
    function = stack.one("Lambda::Function", name)
    full_name = FACTS["names"][name] + "-dev"
    assert function["FunctionName"] == full_name
    assert (function["MemorySize"], function["Timeout"]) == (256, timeout)
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert function["Handler"] == f"data_{name}_lambda.handler"
    variables = function["Environment"]["Variables"]
    assert {key: text_of(value) for key, value in variables.items()} == {
        "PENSTOCK_CONFIG": '{"aws":{"environment":"dev"}}',
        "STREAM_NAME": "<Stream>",
        "BUCKET_NAME": "<Bucket>",
        "SNS_TOPIC_ARN": "<Topic>",
        "DYNAMO_TABLE_NAME": "<historytable>",
        "STATE_TABLE_NAME": "<statetable>",
        "POSITIONS_TABLE_NAME": "<positionstable>",
        "PRICE_THRESHOLD": "85000",
    }
    log = stack.one("Logs::LogGroup", f"{name}log")
    assert (log["LogGroupName"], log["RetentionInDays"]) == (
        f"/aws/lambda/{full_name}",
        400,
    )


def test_the_consumer_has_the_concurrency_that_its_shards_can_use(ours, stack):
    # 2 shards, 4 batches of each at a time.
    assert (
        stack.one("Lambda::Function", "consumer")["ReservedConcurrentExecutions"] == 8
    )
    plain = ours.stack("default", STACK).one("Lambda::Function", "consumer")
    assert "ReservedConcurrentExecutions" not in plain


def test_consumers_that_are_kept_warm_are_those_that_the_stream_calls(ours, stack):
    alias = stack.one("Lambda::Alias")
    assert alias["Name"] == "warm"
    assert alias["ProvisionedConcurrencyConfig"] == {
        "ProvisionedConcurrentExecutions": 5
    }
    mapping = stack.one("Lambda::EventSourceMapping", "ConsumerSource")
    assert text_of(mapping["FunctionName"]) == "<Warm>"
    cold = ours.stack("default", STACK).one("Lambda::EventSourceMapping")
    assert text_of(cold["FunctionName"]) == "<consumer.Arn>"


def test_the_sweeper_comes_each_five_minutes_and_its_failures_wait_for_the_next(stack):
    rule = stack.one("Events::Rule")
    assert rule["Name"] == "outbox-sweep-trigger-dev"
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert text_of(rule["Targets"][0]["Arn"]) == "<sweeper.Arn>"
    again = stack.one("Lambda::EventInvokeConfig")
    assert (again["MaximumRetryAttempts"], again["MaximumEventAgeInSeconds"]) == (
        0,
        240,
    )
    assert text_of(again["FunctionName"]) == "<sweeper>"


def test_alerts_are_encrypted_and_mailed(ours, stack):
    topic = stack.one("SNS::Topic")
    assert topic["TopicName"] == "crypto-price-alerts-dev"
    assert text_of(topic["KmsMasterKeyId"]) == "<KeyArn>"
    mail = stack.one("SNS::Subscription")
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "them@example.com")
    assert ours.stack("default", STACK).all("SNS::Subscription") == {}
    (statement,) = stack.one("SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


MEANT = {
    "${stream}": ["<StreamArn>"],
    "${events_stream}": ["<EventsStreamArn>"],
    "${bucket}": [DATA],
    "${key}": ["<KeyArn>"],
    "${topic}": ["<Topic>"],
    "${state_table}": ["<statetable.Arn>"],
    "${history_table}": ["<historytable.Arn>"],
    "${positions_table}": ["<positionstable.Arn>"],
    "${lookup_tables}": ["<lookuptableusers.Arn>"],
}


@pytest.mark.parametrize("name", ["consumer", "enrichment", "sweeper"])
def test_a_function_may_do_what_its_policy_says_on_what_it_means(stack, name):
    role = stack.one("IAM::Role", f"{name}role")
    assert role["RoleName"] == FACTS["names"][name] + "-dev"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    log = f"/aws/lambda/{FACTS['names'][name]}-dev"
    meant = MEANT | {
        "${log_group}": [
            f"arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:{log}"
        ]
    }
    (policy,) = role["Policies"]
    (given,) = [policy["PolicyDocument"]["Statement"]]
    wanted = json.loads((INFRA / "policies" / f"{name}.json").read_text())["Statement"]
    for had, want in zip(given, wanted, strict=True):
        resources = had["Resource"]
        resources = resources if isinstance(resources, list) else [resources]
        actions = had["Action"]
        assert (actions if isinstance(actions, list) else [actions]) == want["Action"]
        expected = []
        for pattern in want["Resource"]:
            word, _, rest = pattern.partition("}")
            expected += [arn + rest for arn in meant[word + "}"]]
        assert [text_of(r) for r in resources] == expected


def test_the_key_of_a_stream_of_others_can_be_used(ours):
    role = ours.stack("theirs", STACK).one("IAM::Role", "consumerrole")
    statements = {
        s["Sid"]: s["Resource"]
        for s in role["Policies"][0]["PolicyDocument"]["Statement"]
    }
    assert statements["ReadTheStream"] == STREAM_ARN
    assert [text_of(r) for r in statements["UseTheKey"]] == ["<KeyArn>", KEY_ARN]
