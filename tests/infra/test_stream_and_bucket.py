"""The stream, its key and the bucket, value by value."""

import pytest

from tests.infra.templates import STREAM_ARN, text_of

DATA = (
    "arn:<AWS::Partition>:s3:::crypto-trading-data-<AWS::AccountId>-<AWS::Region>-dev"
)


def test_the_stream_keeps_48_hours_in_two_encrypted_shards(ours):
    stream = ours.stack("default", "KinesisStreamStack").one("Kinesis::Stream")
    del stream["Tags"]
    assert text_of(stream["StreamEncryption"].pop("KeyId")) == "<Key.Arn>"
    assert stream == {
        "Name": "crypto-price-stream-dev",
        "RetentionPeriodHours": 48,
        "ShardCount": 2,
        "StreamEncryption": {"EncryptionType": "KMS"},
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
    }


def test_a_stream_on_demand_has_no_number_of_shards(ours):
    stream = ours.stack("on-demand", "KinesisStreamStack").one("Kinesis::Stream")
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert "ShardCount" not in stream


def test_events_have_a_stream_of_their_own(ours):
    streams = ours.stack("events", "KinesisStreamStack").all("Kinesis::Stream")
    events = streams["EventsStream"]
    assert events["Name"] == "event-stream-dev"
    assert (events["ShardCount"], events["RetentionPeriodHours"]) == (1, 36)
    assert events["StreamEncryption"]["EncryptionType"] == "KMS"


def test_the_key_turns_and_lets_alarms_publish(ours):
    stack = ours.stack("default", "KinesisStreamStack")
    key = stack.one("KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert stack.one("KMS::Alias")["AliasName"] == "alias/crypto-pipeline-key-dev"
    assert [
        s
        for s in key["KeyPolicy"]["Statement"]
        if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    ] == [
        {
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Resource": "*",
        }
    ]


def test_a_stream_of_others_is_read_and_not_made(ours):
    assert ours.stack("theirs", "KinesisStreamStack").all("Kinesis::Stream") == {}
    consumer = ours.stack("theirs", "DataConsumerStack")
    mapping = consumer.one("Lambda::EventSourceMapping")
    assert mapping["EventSourceArn"] == STREAM_ARN


def test_the_bucket_is_private_encrypted_and_versioned(ours):
    bucket = ours.stack("default", "S3BucketStack").one("S3::Bucket")
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    assert bucket["MetricsConfigurations"] == [{"Id": "EntireBucket"}]
    assert text_of(bucket["BucketName"]) == DATA.partition(":::")[2]


def test_the_bucket_refuses_what_is_not_tls_1_2(ours):
    policy = ours.stack("default", "S3BucketStack").one("S3::BucketPolicy")
    conditions = {
        (s["Effect"], str(s["Condition"]))
        for s in policy["PolicyDocument"]["Statement"]
    }
    assert conditions == {
        ("Deny", "{'Bool': {'aws:SecureTransport': 'false'}}"),
        ("Deny", "{'NumericLessThan': {'s3:TlsVersion': 1.2}}"),
    }


def test_each_folder_grows_cheaper_and_goes_in_its_time(ours):
    bucket = ours.stack("default", "S3BucketStack").one("S3::Bucket")
    rules = {
        rule.get("Prefix", ""): (
            rule.get("ExpirationInDays"),
            {
                t["StorageClass"]: t["TransitionInDays"]
                for t in rule.get("Transitions", [])
            },
        )
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if rule["Status"] == "Enabled"
    }
    assert rules == {
        "raw-data/": (730, {"STANDARD_IA": 30, "GLACIER_IR": 90}),
        "enriched-data/": (365, {"STANDARD_IA": 45, "GLACIER_IR": 120}),
        "completed-trades/": (2555, {"STANDARD_IA": 65, "GLACIER_IR": 190}),
        "dead-letter/": (100, {}),
        "aws/lambda/": (14, {}),
        "firehose-errors/": (28, {}),
        "athena-results/": (21, {}),
        "": (None, {}),
    }


def test_what_was_replaced_or_left_unfinished_goes_too(ours):
    bucket = ours.stack("default", "S3BucketStack").one("S3::Bucket")
    *_, rule = bucket["LifecycleConfiguration"]["Rules"]
    assert rule == {
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
        "ExpiredObjectDeleteMarker": True,
        "Id": "leftovers",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
        "Status": "Enabled",
    }


@pytest.mark.parametrize(("job", "policy"), [("default", "Delete"), ("prod", "Retain")])
def test_in_prod_alone_the_data_stays_when_its_stack_goes(ours, job, policy):
    bucket = ours.stack(job, "S3BucketStack").resources["Bucket"]
    tables = [
        r
        for r in ours.stack(job, "DataConsumerStack").resources.values()
        if r["Type"] == "AWS::DynamoDB::Table"
    ]
    assert len(tables) == 3
    for data in (bucket, *tables):
        assert data["DeletionPolicy"] == data["UpdateReplacePolicy"] == policy
    for table in tables:
        assert table["Properties"]["DeletionProtectionEnabled"] is (job == "prod")
