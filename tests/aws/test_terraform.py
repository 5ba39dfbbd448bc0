"""What Terraform applies runs, stays as it is, and goes again, all of it.

The commands are those of its README.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.config.settings import AwsSettings
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables, start, stop
from tests.aws.both import (
    CONFIG,
    deployed,
    embedded,
    polling,
    produce,
    wait_for,
)
from tests.aws.resources import Deployed, subscribe
from tests.aws.told import wait_until
from tests.docs.test_docs import blocks_of, steps_of
from tests.embedded import market
from tests.infra.terraform import FORM, Terraform, needs_terraform

pytestmark = [needs_terraform, pytest.mark.long, pytest.mark.timeout(1800)]

PAGE = FORM / "README.md"
TRADES = 4_000
# What the emulator forgets or makes up, by type of resource: attributes that a second
# plan would set again.
DRIFT = {
    "aws_cloudwatch_composite_alarm": {
        "actions_enabled",
        "alarm_actions",
        "alarm_description",
        "arn",
        "id",
        "insufficient_data_actions",
        "ok_actions",
        "tags",
    },
    "aws_cloudwatch_metric_alarm": {
        "actions_enabled",
        "alarm_actions",
        "alarm_description",
        "dimensions",
        "extended_statistic",
        "ok_actions",
        "period",
        "statistic",
        "treat_missing_data",
    },
    "aws_glue_crawler": {
        "lineage_configuration[0].crawler_lineage_settings",
        "recrawl_policy[0].recrawl_behavior",
        "tags_all",
    },
    "aws_kinesis_firehose_delivery_stream": {
        "extended_s3_configuration[0].custom_time_zone"
    },
    "aws_kinesis_stream": {"tags_all"},
}


@pytest.fixture
def emulator(emulator_python, tmp_path):
    """One of its own: what is left can be told from nothing."""
    yield start(emulator_python, tmp_path / "emulator", is_tied=True)
    stop(tmp_path / "emulator")


@pytest.fixture
def shell(emulator, zips, tmp_path, monkeypatch):
    """Runs README's commands against the emulator, and only those of one kind."""
    Terraform(tmp_path / "copy", ".")
    variables = client_variables(emulator.endpoint)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = {
        **variables,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_CLI_ARGS": "-no-color",
        "TF_CLI_ARGS_init": f"-plugin-dir={os.environ['PENSTOCK_TF_PLUGINS']}",
        "TF_CLI_ARGS_destroy": "-auto-approve",
        "TF_VAR_code_dir": str(zips),
        "TF_VAR_config": json.dumps(CONFIG),
        "TF_VAR_email": "somebody@example.com",
        "TF_VAR_enrichment": "true",
        "TF_VAR_history_index": "true",
    }

    def run(command, **more):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path / "copy",
            env=environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return run


def commands(heading, note):
    """Return what README says to do under a heading."""
    text = PAGE.read_text()
    first = text.count("\n", 0, text.index(f"\n## {heading}\n"))
    last = text.find("\n## ", text.index(f"\n## {heading}\n") + 1)
    end = text.count("\n", 0, last)
    blocks = [b for b in blocks_of(PAGE) if first < b.line <= end and b.note == note]
    assert blocks
    return [command for block in blocks for command, _ in steps_of(block)]


def succeed(shell, command, **more):
    # What is to be answered with yes is: a plan that is written down asks nothing.
    if " apply" in command and ".tfplan" not in command:
        more["TF_CLI_ARGS_apply"] = "-auto-approve"
    done = shell(command, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4_000:]}"
    return done.stdout


def changes(before, after, path=""):
    """Yield the paths at which two values of a plan differ."""
    if isinstance(before, dict) and isinstance(after, dict) and path != ".tags_all":
        if path.endswith(("dimensions", "tags")) and before != after:
            yield path
            return
        for key in sorted(before.keys() | after.keys()):
            yield from changes(before.get(key), after.get(key), f"{path}.{key}")
    elif (
        isinstance(before, list)
        and isinstance(after, list)
        and len(before) == len(after)
    ):
        for n, (one, two) in enumerate(zip(before, after, strict=True)):
            yield from changes(one, two, f"{path}[{n}]")
    elif before != after:
        yield path


def drift(shell):
    """What a second plan would change, by type of resource."""
    at = "terraform -chdir=infra/terraform/root"
    succeed(shell, f"{at} plan -out=second.tfplan")
    plan = json.loads(succeed(shell, f"{at} show -json second.tfplan"))
    found = {}
    for resource in plan["resource_changes"]:
        change = resource["change"]
        if change["actions"] != ["no-op"]:
            paths = changes(change["before"] or {}, change["after"] or {})
            found.setdefault(resource["type"], set()).update(
                path.removeprefix(".") for path in paths
            )
    return found


class Applied:
    """What was applied, as the comparison with one machine wants it."""

    def __init__(self, outputs, endpoint):
        topic = outputs["topic_arn"]["value"]
        settings = AwsSettings(
            environment="dev",
            region="us-east-1",
            endpoint=endpoint,
            bucket=outputs["bucket_name"]["value"],
            topic_arn=topic,
        ).named()
        self.made = Deployed(settings, subscribe(make_clients(endpoint), topic, "dev"))


def mappings(client):
    """The states of the event source mappings."""
    found = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return [mapping["State"] for mapping in found]


def left(client):
    """Names of what is there, and may cost something."""
    alarms = client("cloudwatch").describe_alarms()
    return {
        "alarms": [a["AlarmName"] for a in alarms.get("MetricAlarms", [])],
        "buckets": [b["Name"] for b in client("s3").list_buckets()["Buckets"]],
        "functions": client("lambda").list_functions()["Functions"],
        "mappings": mappings(client),
        "groups": client("logs").describe_log_groups()["logGroups"],
        "queues": client("sqs").list_queues().get("QueueUrls", []),
        "roles": [r["RoleName"] for r in client("iam").list_roles()["Roles"]],
        "rules": client("events").list_rules()["Rules"],
        "streams": client("kinesis").list_streams()["StreamNames"],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "topics": client("sns").list_topics()["Topics"],
    }


def empty(client, bucket):
    """Delete every version: the emulator takes the end of a metric for the bucket's."""
    s3 = client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(
                Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"]
            )


def test_what_is_applied_runs_and_stays_and_goes(shell, emulator, tmp_path):
    client = make_clients(emulator.endpoint)
    before = left(client)
    trades = market(TRADES)
    expected = embedded(tmp_path / "embedded", trades)
    assert len(expected["alerts"]) > 3
    for command in commands("Deploy", ""):
        succeed(shell, command)
    assert drift(shell) == DRIFT
    (command,) = commands("See results", "")
    pipeline = Applied(
        json.loads(succeed(shell, f"{command} -json")), emulator.endpoint
    )
    with polling(client, tmp_path / "poller"):
        # One that is served is switched off for the emulator itself.
        wait_until(lambda: set(mappings(client)) == {"Disabled"})
        produce(pipeline, trades)
        wait_for(pipeline, expected)
    assert deployed(pipeline, pipeline.made.received()) == expected
    client("sqs").delete_queue(QueueUrl=pipeline.made.queue_url)
    empty(client, pipeline.made.settings.bucket)
    for command in commands("Clean up", ""):
        succeed(shell, command)
    assert left(client) == before


def test_stages_keep_their_states_in_a_bucket_and_lock_them(shell, emulator):
    client = make_clients(emulator.endpoint)
    before = left(client)
    more = {}
    for command in commands("Deploy", "stages"):
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            more[name] = succeed(shell, f"echo {value}").strip()
        else:
            succeed(shell, command, **more)
    bucket = {"Bucket": more["TF_VAR_state_bucket"]}
    s3 = client("s3")
    assert [item["Key"] for item in s3.list_objects_v2(**bucket)["Contents"]] == [
        "1-foundation.tfstate",
        "2-data-streaming.tfstate",
        "3-producers.tfstate",
        "4-consumers.tfstate",
        "5-analytics.tfstate",
    ]
    s3.put_object(**bucket, Key="1-foundation.tfstate.tflock", Body=b'{"ID":"mine"}')
    refused = shell("terraform -chdir=infra/terraform/stages/1-foundation plan", **more)
    assert refused.returncode == 1
    assert "Error acquiring the state lock" in refused.stdout
    s3.delete_object(**bucket, Key="1-foundation.tfstate.tflock")
    for command in commands("Clean up", "stages"):
        succeed(shell, command, **more)
    assert left(client) == before
