"""Mappings deployed to the emulator are served as AWS documents it."""

import json
import threading
from contextlib import contextmanager

import pytest

from penstock.bootstrap import clock_us
from penstock.sandbox.poller import Poller
from tests.aws.told import Told, wait_until

SAFE = {
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "MaximumRetryAttempts": 2,
}


@contextmanager
def polling(client, folder):
    folder.mkdir(exist_ok=True)
    with Poller(client, folder, clock_us) as poller:
        stopping = threading.Event()
        thread = threading.Thread(target=poller.run, args=[stopping])
        thread.start()
        try:
            yield poller
        finally:
            stopping.set()
            thread.join()


@pytest.fixture
def poller(client, tmp_path):
    with polling(client, tmp_path / "poller") as running:
        yield running


@pytest.fixture
def told(client, tmp_path):
    return Told(client, tmp_path / "told")


@pytest.fixture
def queue(client):
    return Queue(client, "failures")


class Queue:
    def __init__(self, client, name):
        self.sqs = client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        found = self.sqs.get_queue_attributes(
            QueueUrl=self.url, AttributeNames=["QueueArn"]
        )
        self.arn = found["Attributes"]["QueueArn"]

    def receive(self, count=1):
        """Wait for so many messages, and return them decoded."""
        messages = []

        def receive():
            found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            messages.extend(json.loads(m["Body"]) for m in found.get("Messages", ()))
            return len(messages) >= count

        wait_until(receive)
        assert len(messages) == count
        return messages

    def as_destination(self):
        return {"DestinationConfig": {"OnFailure": {"Destination": self.arn}}}


def map_and_wait(told, poller, **settings):
    """Deploy a mapping, and wait until the emulator's own poller lets it be."""
    uuid = told.map(**settings)
    wait_until(lambda: uuid in {status.uuid for status in poller.status()})
    return uuid


# Batches


def test_records_come_in_order_and_in_batches(told, poller):
    map_and_wait(told, poller, BatchSize=2)
    told.put(1, 2, 3, 4, 5)
    told.wait([1, 2], [3, 4], [5])


def test_an_event_is_what_lambda_makes_of_records(told, poller):
    map_and_wait(told, poller)
    told.put({"n": 1}, key="coinbase:BTC-USD")
    told.wait([1])
    (record,) = told.invocations()[0]["event"]["Records"]
    sequence_number = record["kinesis"].pop("sequenceNumber")
    assert isinstance(record["kinesis"].pop("approximateArrivalTimestamp"), float)
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "coinbase:BTC-USD",
            "data": "eyJuIjogMX0=",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/told",
        "awsRegion": "us-east-1",
        "eventSourceARN": told.stream_arn,
    }


def test_a_window_gathers_what_comes_within_it(told, poller):
    map_and_wait(told, poller, MaximumBatchingWindowInSeconds=3)
    for number in (1, 2, 3):
        told.put(number)
    told.wait([1, 2, 3])


def test_latest_is_from_when_the_mapping_was_made(told, poller, client):
    told.put(1)
    wait_until(lambda: False, patience_s=1.1)  # LastModified knows whole seconds
    map_and_wait(told, poller, StartingPosition="LATEST")
    told.put(2)
    told.wait([2])


def test_a_filter_lets_through_what_it_names(told, poller):
    pattern = json.dumps({"data": {"n": [{"numeric": [">", 1]}], "to": ["us"]}})
    map_and_wait(told, poller, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    told.put({"n": 1, "to": "us"}, {"n": 2, "to": "them"}, {"n": 3, "to": "us"})
    told.wait([3])


# Failures


def test_from_the_lowest_failed_record_on_all_comes_again(told, poller):
    map_and_wait(told, poller, FunctionResponseTypes=["ReportBatchItemFailures"])
    told.put(1, {"n": 2, "do": "fail once"}, 3)
    told.wait([1, 2, 3], [2, 3])


def test_failures_that_were_not_asked_for_are_not_heeded(told, poller):
    map_and_wait(told, poller)
    told.put(1, {"n": 2, "do": "fail"})
    told.wait([1, 2])
    told.put(3)
    told.wait([1, 2], [3])


def test_a_poison_record_is_isolated_and_told_of(told, poller, queue):
    map_and_wait(told, poller, **SAFE, **queue.as_destination())
    told.put(1, 2, {"n": 3, "do": "crash"}, 4)
    (message,) = queue.receive()
    told.wait([1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [3], [4])

    poison = told.invocations()[3]["event"]["Records"][0]["kinesis"]
    batch = message["KinesisBatchInfo"]
    times = [
        batch.pop("approximateArrivalOf" + which)
        for which in ("FirstRecord", "LastRecord")
    ]
    assert times[0] == times[1]
    assert batch == {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": poison["sequenceNumber"],
        "endSequenceNumber": poison["sequenceNumber"],
        "batchSize": 1,
        "streamArn": told.stream_arn,
    }
    context = message["requestContext"]
    assert len(context.pop("requestId")) == len("e4b46cbf-b738-xmpl-8880-a18cdf61200e")
    assert context == {
        "functionArn": told.function_arn,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 3,
    }
    assert message["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert message["version"] == "1.0"


def test_a_record_that_is_named_each_time_is_given_up_alone(told, poller, queue):
    map_and_wait(told, poller, **SAFE, **queue.as_destination())
    told.put(1, {"n": 2, "do": "fail"}, 3)
    (message,) = queue.receive()
    assert message["KinesisBatchInfo"]["batchSize"] == 1
    assert message["responseContext"]["functionError"] is None
    told.wait([1, 2, 3], [2, 3], [2], [2], [2], [3])


@pytest.mark.parametrize("how", ["sleep", "exit"])
def test_a_function_that_does_not_return_has_failed(
    client, tmp_path, poller, queue, how
):
    told = Told(client, tmp_path / "told", timeout_s=1)
    settings = {"MaximumRetryAttempts": 0, **queue.as_destination()}
    map_and_wait(told, poller, **settings)
    told.put({"n": 1, "do": how}, 2)
    (message,) = queue.receive()
    assert message["KinesisBatchInfo"]["batchSize"] == 2
    assert message["requestContext"]["approximateInvokeCount"] == 1
    told.put(3)
    told.wait([1, 2], [3])


def test_what_is_too_old_is_given_up(told, poller, queue):
    settings = {"MaximumRecordAgeInSeconds": 1, **queue.as_destination()}
    map_and_wait(told, poller, **settings)
    told.put({"n": 1, "do": "crash"})
    (message,) = queue.receive()
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"
    assert message["requestContext"]["approximateInvokeCount"] == len(told.seen())


def test_a_topic_is_told_as_a_queue_is(told, poller, queue, client):
    topic = client("sns").create_topic(Name="failures")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    destination = {"OnFailure": {"Destination": topic}}
    map_and_wait(told, poller, MaximumRetryAttempts=0, DestinationConfig=destination)
    told.put({"n": 1, "do": "crash"})
    (envelope,) = queue.receive()
    message = json.loads(envelope["Message"])
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_a_bucket_gets_the_records_as_well(told, poller, client, tmp_path):
    bucket = f"failures-{tmp_path.name}".replace("_", "-")
    client("s3").create_bucket(Bucket=bucket)
    destination = {"OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"}}
    uuid = map_and_wait(
        told, poller, MaximumRetryAttempts=0, DestinationConfig=destination
    )
    told.put({"n": 1, "do": "crash"})
    s3 = client("s3")
    wait_until(lambda: s3.list_objects_v2(Bucket=bucket)["KeyCount"])
    (found,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert found["Key"].startswith(f"aws/lambda/{uuid}/shardId-000000000000/")
    stored = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert json.loads(stored["payload"]) == told.invocations()[0]["event"]


def test_what_was_throttled_was_not_invoked_and_counts_for_nothing(
    told, poller, queue, client
):
    function = {"FunctionName": told.name}
    client("lambda").put_function_concurrency(
        **function, ReservedConcurrentExecutions=0
    )
    settings = {"MaximumRetryAttempts": 0, **queue.as_destination()}
    map_and_wait(told, poller, **settings)
    told.put(1)
    wait_until(lambda: poller.status()[0].tally.problem)
    assert "TooManyRequests" in poller.status()[0].tally.problem
    client("lambda").delete_function_concurrency(**function)
    told.wait([1])
    assert poller.status()[0].tally.failures == 0


# Beside each other


def test_keys_of_a_shard_run_beside_each_other_where_they_may(told, poller):
    map_and_wait(told, poller, ParallelizationFactor=10)
    # The one waits until the other has come; keys have lanes by their hash.
    told.put({"n": 1, "do": "await other"}, {"n": 2}, key="a")
    told.put({"n": 3, "do": "touch other"}, key="b")
    wait_until(lambda: len(told.seen()) >= 2)
    assert sorted(told.seen()) == [[1, 2], [3]]


def test_a_function_that_hangs_holds_up_no_other_mapping(client, tmp_path, poller):
    hangs = Told(client, tmp_path / "hangs", name="hangs")
    works = Told(client, tmp_path / "works", name="works")
    map_and_wait(hangs, poller)
    hangs.put({"n": 1, "do": "await release"})
    hangs.wait([1])
    map_and_wait(works, poller)
    works.put(2)
    works.wait([2])
    (tmp_path / "hangs" / "release").touch()


def test_shards_are_read_beside_each_other(client, tmp_path, poller):
    told = Told(client, tmp_path / "told", shards=2)
    map_and_wait(told, poller)
    told.put({"n": 1, "do": "await other"}, key="a")
    told.put({"n": 2, "do": "touch other"}, key="b")
    wait_until(lambda: len(told.seen()) >= 2)
    assert sorted(told.seen()) == [[1], [2]]


# Mappings come, change and go


def test_a_mapping_that_is_served_is_listed_as_disabled(told, poller, client):
    uuid = map_and_wait(told, poller)
    found = client("lambda").get_event_source_mapping(UUID=uuid)
    assert found["State"] == "Disabled"


def test_a_mapping_that_somebody_switched_off_is_left_alone(told, poller):
    told.map(Enabled=False)
    told.put(1)
    wait_until(poller.status, patience_s=1)
    assert (poller.status(), told.seen()) == ([], [])


def test_a_change_of_the_mapping_holds_from_then_on(told, poller, client):
    uuid = map_and_wait(told, poller, BatchSize=1)
    told.put(1, 2)
    told.wait([1], [2])
    client("lambda").update_event_source_mapping(
        UUID=uuid, BatchSize=2, MaximumBatchingWindowInSeconds=60
    )
    wait_until(lambda: poller.status()[0].shards == 0, patience_s=1)
    told.put(3, 4)
    told.wait([1], [2], [3, 4])


def test_a_mapping_that_was_deleted_is_let_go(told, poller, client):
    uuid = map_and_wait(told, poller)
    client("lambda").delete_event_source_mapping(UUID=uuid)
    wait_until(lambda: not poller.status())
    told.put(1)
    map_and_wait(told, poller)
    told.wait([1])


def test_the_next_poller_goes_on_where_the_last_one_ended(told, client, tmp_path):
    with polling(client, tmp_path / "poller") as poller:
        map_and_wait(told, poller)
        told.put(1, 2)
        told.wait([1, 2])
    told.put(3)
    with polling(client, tmp_path / "poller"):
        told.wait([1, 2], [3])


def test_shards_that_a_split_made_are_read(told, poller, client):
    map_and_wait(told, poller)
    told.put(1)
    told.wait([1])
    client("kinesis").split_shard(
        StreamName=told.name,
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(2**127),
    )
    told.put(2)
    told.wait([1], [2])


def test_a_function_without_code_does_not_pass_for_one(told, poller, client, queue):
    template = {
        "Resources": {
            "Lost": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": "lost",
                    "Runtime": "python3.13",
                    "Handler": "lost.handler",
                    "Role": "arn:aws:iam::000000000000:role/lost",
                    "Code": {"S3Bucket": "no-such-bucket", "S3Key": "lost.zip"},
                },
            }
        }
    }
    client("cloudformation").create_stack(
        StackName="lost", TemplateBody=json.dumps(template)
    )
    told.name, stream = "lost", told.name
    map_and_wait(told, poller, MaximumRetryAttempts=0, **queue.as_destination())
    told.name = stream
    told.put(1)
    (message,) = queue.receive()
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert "no code" in poller.status()[0].tally.problem
