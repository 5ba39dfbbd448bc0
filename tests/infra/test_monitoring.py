"""Alarms, dashboard and budget, value by value."""

import pytest

from tests.infra.templates import text_of

FUNCTIONS = ("consumer", "enrichment", "producer", "sweeper")
TABLES = ("history", "lookup-users", "positions", "state")
# By name: namespace, metric, statistic, comparison, threshold, periods, of how long.
ALARMS = {
    **{
        f"{name}-{kind.lower()}": ("AWS/Lambda", kind, "Sum", ">", threshold, 1, 180)
        for name in FUNCTIONS
        for kind, threshold in (("Errors", 16), ("Throttles", 11))
    },
    **{
        f"{name}-dead-letters": ("Penstock", "DeadLetters", "Sum", ">", 0, 1, 180)
        for name in ("consumer", "enrichment")
    },
    "consumer-slow": ("AWS/Lambda", "Duration", "p99", ">", 15_000, 1, 180),
    "iterator-age-warn": (
        "AWS/Lambda", "IteratorAge", "Maximum", ">", 1_800_000, 1, 180,
    ),
    "iterator-age-page": (
        "AWS/Lambda", "IteratorAge", "Maximum", ">", 7_200_000, 1, 180,
    ),
    "reader-age": (
        "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Maximum",
        ">", 3_600_000, 1, 180,
    ),
    "no-records": ("AWS/Kinesis", "IncomingRecords", "Sum", "<", 1, 15, 60),
    "write-throttles": (
        "AWS/Kinesis", "WriteProvisionedThroughputExceeded", "Sum", ">", 13, 1, 180,
    ),
    "bucket-errors": ("AWS/S3", "5xxErrors", "Sum", ">", 19, 1, 180),
    "schedule-dead-letters": (
        "AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", ">", 0, 1, 180,
    ),
}  # fmt: skip
COMPARISONS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}


@pytest.fixture
def stack(ours):
    return ours.stack("everything", "MonitoringStack")


@pytest.fixture
def alarms(stack):
    return {
        a["AlarmName"].removeprefix("crypto-").removesuffix("-dev"): a
        for a in stack.all("CloudWatch::Alarm").values()
    }


def test_what_rings_and_when(alarms):
    found = {
        name: (
            a["Namespace"],
            a["MetricName"],
            a.get("Statistic") or a["ExtendedStatistic"],
            COMPARISONS[a["ComparisonOperator"]],
            a["Threshold"],
            a["EvaluationPeriods"],
            a["Period"],
        )
        for name, a in alarms.items()
        if "Metrics" not in a
    }
    assert found == ALARMS


def test_each_table_rings_for_what_it_refused(alarms):
    math = {name: a for name, a in alarms.items() if "Metrics" in a}
    assert sorted(math) == [f"{table}-throttles" for table in TABLES]
    for alarm in math.values():
        total, *parts = alarm["Metrics"]
        assert total["Expression"] == "reads + writes"
        assert alarm["Threshold"] == 17
        metrics = [part["MetricStat"] for part in parts]
        assert {m["Metric"]["MetricName"] for m in metrics} == {
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        }
        assert {(m["Period"], m["Stat"]) for m in metrics} == {(180, "Sum")}


def test_each_alarm_is_about_the_right_thing(alarms):
    def about(name):
        return {d["Name"]: text_of(d["Value"]) for d in alarms[name]["Dimensions"]}

    for name in FUNCTIONS:
        for kind in ("errors", "throttles"):
            (value,) = about(f"{name}-{kind}").values()
            assert value == f"<{name}>"
    for name in ("consumer", "enrichment"):
        assert about(f"{name}-dead-letters") == {"FunctionName": f"<{name}>"}
    for name in ("iterator-age-warn", "iterator-age-page", "consumer-slow"):
        assert about(name) == {"FunctionName": "<consumer>"}
    for name in ("reader-age", "no-records", "write-throttles"):
        assert about(name) == {"StreamName": "<Stream>"}
    assert about("bucket-errors") == {
        "BucketName": "<Bucket>",
        "FilterId": "EntireBucket",
    }
    assert about("schedule-dead-letters") == {"QueueName": "<ScheduleQueueQueueName>"}


def test_an_alarm_says_so_when_it_rings_and_when_it_stops(alarms):
    for alarm in alarms.values():
        for actions in (alarm["AlarmActions"], alarm["OKActions"]):
            assert [text_of(a) for a in actions] == ["<AlarmTopic>"]
        assert alarm["AlarmDescription"]


def test_silence_is_an_alarm_for_the_stream_alone(alarms):
    silent = {n for n, a in alarms.items() if a["TreatMissingData"] == "breaching"}
    assert silent == {"no-records"}


def test_without_a_producer_silence_is_none(ours):
    alarms = ours.stack("theirs", "MonitoringStack").all("CloudWatch::Alarm").values()
    assert "crypto-no-records-dev" not in {a["AlarmName"] for a in alarms}


def test_alarms_may_publish_to_their_topic(stack):
    topic = stack.one("SNS::Topic")
    assert topic["TopicName"] == "crypto-pipeline-alarms-dev"
    assert text_of(topic["KmsMasterKeyId"]) == "<KeyArn>"
    deny, allow = stack.one("SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert allow["Effect"] == "Allow"
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Action"] == "sns:Publish"
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_one_alarm_stands_for_all(stack, alarms):
    health = stack.one("CloudWatch::CompositeAlarm")
    assert health["AlarmName"] == "crypto-pipeline-health-dev"
    assert text_of(health["AlarmRule"]).count("ALARM(") == len(alarms)


def test_the_dashboard_shows_what_matters(stack):
    dashboard = stack.one("CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == "crypto-pipeline-dev"
    body = text_of(dashboard["DashboardBody"])
    for title in ("Alarms", "Records in", "How far behind", "Trades", "Duration, p99"):
        assert f'"title":"{title}"' in body


def test_the_budget_mails_before_it_is_spent(ours, stack):
    budget = stack.one("Budgets::Budget")
    assert budget["Budget"] == {
        "BudgetLimit": {"Amount": 75, "Unit": "USD"},
        "BudgetName": "crypto-pipeline-monthly-dev",
        "BudgetType": "COST",
        "CostFilters": {"TagKeyValue": ["user:project$penstock"]},
        "TimeUnit": "MONTHLY",
    }
    (warning,) = budget["NotificationsWithSubscribers"]
    assert warning["Notification"] == {
        "ComparisonOperator": "GREATER_THAN",
        "NotificationType": "FORECASTED",
        "Threshold": 80,
        "ThresholdType": "PERCENTAGE",
    }
    assert warning["Subscribers"] == [
        {"Address": "them@example.com", "SubscriptionType": "EMAIL"}
    ]
    plain = ours.stack("default", "MonitoringStack").one("Budgets::Budget")
    assert "NotificationsWithSubscribers" not in plain
