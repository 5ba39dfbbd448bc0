"""The templates on the emulator: made, worked through, and gone again."""

import json
import subprocess
import sys
from contextlib import contextmanager

import pytest

from penstock.config.settings import AwsSettings
from tests.aws.both import (
    CONFIG,
    deployed,
    embedded,
    polling,
    produce,
    wait_for,
)
from tests.aws.conftest import (  # noqa: F401 - fixtures
    aws,
    client,
    emulator,
    emulator_python,
    zips,
)
from tests.aws.resources import Deployed, subscribe
from tests.aws.told import wait_until
from tests.embedded import market
from tests.infra.hand_written import (
    FOLDER,
    NAMES,
    PREFIX,
    for_the_emulator,
    text_of,
    upload,
)

pytestmark = pytest.mark.long

# pytest finds a fixture by its name, which is an argument's as well.
# ruff: noqa: F811


@contextmanager
def stack(clients, zips, **parameters):
    """The outputs of a stack that is there meanwhile."""
    name = f"data-enrichment-pipeline-{parameters['Environment']}"
    bucket = f"code-{parameters['Environment']}"
    upload(clients, bucket, zips)
    cloudformation = clients("cloudformation")
    try:
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=for_the_emulator(text_of("cloudformation.yaml")),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in ({"CodeBucket": bucket} | parameters).items()
            ],
        )
        made = settled(cloudformation, name)
        assert made["StackStatus"] == "CREATE_COMPLETE", _reasons(cloudformation, name)
        yield {o["OutputKey"]: o["OutputValue"] for o in made["Outputs"]}
    finally:
        cloudformation.delete_stack(StackName=name)
        wait_until(lambda: not _is_there(cloudformation, name))
        s3 = clients("s3")
        for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
            s3.delete_object(Bucket=bucket, Key=found["Key"])
        s3.delete_bucket(Bucket=bucket)


def settled(cloudformation, name):
    found = []

    def is_done():
        found[:] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return "IN_PROGRESS" not in found[0]["StackStatus"]

    wait_until(is_done)
    return found[0]


def _is_there(cloudformation, name):
    summaries = cloudformation.list_stacks()["StackSummaries"]
    mine = [s for s in summaries if s["StackName"].startswith(name)]
    return any(s["StackStatus"] != "DELETE_COMPLETE" for s in mine)


def _reasons(cloudformation, name):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [
        (e["LogicalResourceId"], e.get("ResourceStatusReason"))
        for e in events
        if "FAILED" in e["ResourceStatus"]
    ]


def inventory(clients):
    """Names of all that a stack makes, by kind."""
    buckets = clients("s3").list_buckets()["Buckets"]
    groups = clients("logs").describe_log_groups()["logGroups"]
    alarms = clients("cloudwatch").describe_alarms()["MetricAlarms"]
    dashboards = clients("cloudwatch").list_dashboards()["DashboardEntries"]
    mappings = clients("lambda").list_event_source_mappings()["EventSourceMappings"]
    return {
        "buckets": {b["Name"] for b in buckets},
        "streams": set(clients("kinesis").list_streams()["StreamNames"]),
        "tables": set(clients("dynamodb").list_tables()["TableNames"]),
        "functions": {
            f["FunctionName"] for f in clients("lambda").list_functions()["Functions"]
        },
        "mappings": {m["FunctionArn"] for m in mappings},
        "topics": {t["TopicArn"] for t in clients("sns").list_topics()["Topics"]},
        "queues": set(clients("sqs").list_queues().get("QueueUrls", [])),
        "rules": {r["Name"] for r in clients("events").list_rules()["Rules"]},
        "roles": {r["RoleName"] for r in clients("iam").list_roles()["Roles"]},
        "log groups": {g["logGroupName"] for g in groups},
        "alarms": {a["AlarmName"] for a in alarms},
        "dashboards": {d["DashboardName"] for d in dashboards},
        "deliveries": set(
            clients("firehose").list_delivery_streams()["DeliveryStreamNames"]
        ),
        "databases": {
            d["Name"] for d in clients("glue").get_databases()["DatabaseList"]
        },
        "workgroups": {
            w["Name"] for w in clients("athena").list_work_groups()["WorkGroups"]
        },
        "clusters": set(clients("ecs").list_clusters()["clusterArns"]),
    }


_SWITCHES = {
    "as it comes": {"Environment": "test"},
    "with everything": {
        "Environment": "prod",
        "Enrichment": "true",
        "HistoryIndex": "true",
        "ProvisionedConcurrency": "2",
        "ReserveConcurrency": "8",
        "Email": "somebody@example.com",
    },
    "a container": {
        "Environment": "staging",
        "Producer": "ecs",
        "ProducerImage": "000000000000.dkr.ecr.us-east-1.amazonaws.com/penstock:1",
        "Analytics": "false",
        "StreamMode": "on-demand",
    },
}


@pytest.mark.parametrize("switches", _SWITCHES)
def test_a_stack_is_made_and_leaves_nothing(client, zips, switches):
    before = inventory(client)
    with stack(client, zips, **_SWITCHES[switches]) as outputs:
        end = _SWITCHES[switches]["Environment"]
        assert outputs["StreamName"] == f"crypto-price-stream-{end}"
        assert outputs["FunctionName"] == f"crypto-data-consumer-{end}"
        assert outputs["TableName"] == f"crypto-price-history-{end}"
        assert outputs["BucketName"].startswith("crypto-trading-data-")
        made = inventory(client)
        assert made["alarms"] > {f"crypto-no-records-{end}"}
        assert made["functions"] - before["functions"] == {
            f"crypto-{name}-{end}" for name in _functions(_SWITCHES[switches])
        }
    assert inventory(client) == before


def _functions(switches):
    names = ["data-consumer", "outbox-sweeper"]
    if switches.get("Producer", "lambda") == "lambda":
        names.append("data-producer")
    if switches.get("Enrichment") == "true":
        names.append("data-enrichment")
    return names


def test_a_switch_that_lacks_its_other_half_is_refused(client, zips):
    with (
        pytest.raises(client("cloudformation").exceptions.ClientError) as refused,
        stack(client, zips, Environment="dev", Producer="ecs"),
    ):
        pass
    assert "Producer ecs needs a ProducerImage" in str(refused.value)


def test_the_stack_leaves_what_the_pipeline_on_one_machine_does(
    aws, emulator, zips, tmp_path
):
    trades = market(4_000)
    expected = embedded(tmp_path / "embedded", trades)
    assert len(expected["alerts"]) > 3
    assert len(expected["completed"]) > 3
    config = CONFIG | {"aws": {"endpoint": emulator.endpoint, "environment": "dev"}}
    parameters = {
        "Environment": "dev",
        "Producer": "none",
        "Analytics": "false",
        "PriceThreshold": "",
        "PenstockConfig": json.dumps(config),
    }
    with (
        stack(aws, zips, **parameters) as outputs,
        polling(aws, tmp_path / "poller"),
    ):
        pipeline = _Made(aws, emulator.endpoint, outputs)
        produce(pipeline, trades)
        wait_for(pipeline, expected)
        assert deployed(pipeline, pipeline.made.received()) == expected


class _Made:
    """What `tests.aws.both` asks of a pipeline, of a stack's outputs."""

    def __init__(self, clients, endpoint, outputs):
        settings = AwsSettings(
            environment="dev",
            region="us-east-1",
            endpoint=endpoint,
            stream=outputs["StreamName"],
            bucket=outputs["BucketName"],
            topic_arn=outputs["TopicArn"],
        ).named()
        assert settings.history_table == outputs["TableName"]
        url = subscribe(clients, outputs["TopicArn"], "of-the-stack")
        self.made = Deployed(settings, url)


def test_package_uploads_and_prints_the_command(aws, emulator, zips, tmp_path):
    aws("s3").create_bucket(Bucket="uploaded-code")
    made = subprocess.run(
        [
            *(sys.executable, "-m", "penstock", "package"),
            *("--upload", "uploaded-code", "--out", tmp_path),
        ],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    command = made.stdout.splitlines()[-1]
    wanted = (
        "aws cloudformation create-stack --stack-name data-enrichment-pipeline"
        " --template-body file://cloudformation.yaml"
        " --capabilities CAPABILITY_NAMED_IAM --parameters"
        " ParameterKey=Environment,ParameterValue=dev"
        " ParameterKey=CodeBucket,ParameterValue=uploaded-code"
        " ParameterKey=CodePrefix,ParameterValue="
    )
    assert command.startswith(wanted)
    prefix = command.removeprefix(wanted).split(" ")[0]
    objects = aws("s3").list_objects_v2(Bucket="uploaded-code")["Contents"]
    names = {path.name for path in zips.glob("*.zip")} | set(NAMES)
    assert {o["Key"] for o in objects} == {
        start + name for start in (prefix, PREFIX) for name in names
    }
    for name in objects:
        aws("s3").delete_object(Bucket="uploaded-code", Key=name["Key"])
    aws("s3").delete_bucket(Bucket="uploaded-code")
