"""An event source mapping's settings, as the API answers them."""

from datetime import UTC, datetime

from penstock.sandbox.settings import MappingSettings

DEPLOYED = {
    "UUID": "14e0db71-xmpl-4eb5-b481-8945cf9d10c2",
    "StartingPosition": "AT_TIMESTAMP",
    "StartingPositionTimestamp": datetime(2024, 11, 21, tzinfo=UTC),
    "BatchSize": 500,
    "MaximumBatchingWindowInSeconds": 5,
    "ParallelizationFactor": 4,
    "EventSourceArn": "arn:aws:kinesis:us-east-2:123456789012:stream/my-stream",
    "FunctionArn": "arn:aws:lambda:us-east-2:123456789012:function:my-function",
    "State": "Enabled",
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    "MaximumRecordAgeInSeconds": 3600,
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 3,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


def test_every_setting_is_read():
    assert MappingSettings.of(DEPLOYED) == MappingSettings(
        batch_size=500,
        window_us=5_000_000,
        starting_position="AT_TIMESTAMP",
        starting_us=1_732_147_200_000_000,
        max_retries=3,
        max_age_us=3_600_000_000,
        bisect=True,
        reports_failures=True,
        lanes=4,
        payload_bytes=6_291_456,
    )


def test_what_is_not_said_has_the_defaults_of_aws():
    expected = MappingSettings(
        batch_size=100,
        window_us=0,
        starting_position="TRIM_HORIZON",
        starting_us=None,
        max_retries=-1,
        max_age_us=-1,
        bisect=False,
        reports_failures=False,
        lanes=1,
    )
    assert MappingSettings.of({}) == expected
    assert MappingSettings.of(dict.fromkeys(DEPLOYED)) == expected


def test_for_ever_is_minus_one():
    deployed = {"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1}
    found = MappingSettings.of(deployed)
    assert (found.max_retries, found.max_age_us) == (-1, -1)


def test_a_time_may_be_seconds():
    found = MappingSettings.of({"StartingPositionTimestamp": 1732147200.5})
    assert found.starting_us == 1_732_147_200_500_000
