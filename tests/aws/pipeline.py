"""The whole pipeline deployed to the emulator: zips, roles, mappings, schedules.

Each function has the role of infra/policies, with the ARNs of what was made filled in.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from penstock.sandbox.environment import VARIABLE
from penstock.sandbox.events import kinesis_event
from tests.aws.resources import deploy
from tests.aws.told import wait_until

__all__ = ["Pipeline", "make_zips"]

_INFRA = Path(__file__).parents[2] / "infra"
_ACCOUNT = "000000000000"
_LOG_GROUPS = f"arn:aws:logs:us-east-1:{_ACCOUNT}:log-group:"

_FACTS = json.loads((_INFRA / "facts.json").read_text())["consumer"]
MAPPING = {
    "BatchSize": _FACTS["batch_size"],
    "MaximumBatchingWindowInSeconds": _FACTS["window_s"],
    "StartingPosition": "TRIM_HORIZON",
    "MaximumRetryAttempts": _FACTS["retries"],
    "MaximumRecordAgeInSeconds": _FACTS["record_age_s"],
    "BisectBatchOnFunctionError": True,
    "ParallelizationFactor": _FACTS["parallelization_factor"],
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}


def make_zips(folder, environment):
    """Package the functions for the emulator that is installed there."""
    command = [sys.executable, "-m", "penstock", "package", "--target", "sandbox"]
    subprocess.run(
        [*command, "--out", str(folder)],
        check=True,
        capture_output=True,
        env=os.environ | {VARIABLE: str(environment)},
    )
    return folder


class Pipeline:
    """Everything that `deploy` makes, and the functions over it.

    Attributes:
        made: The resources.
        arns: By the placeholders of infra/policies.
    """

    def __init__(self, client, endpoint, zips, *, config, shards=2, seen_at=None):
        """`seen_at` is where the functions find AWS, if not at `endpoint`."""
        self.client, self._zips = client, zips
        self.made = deploy(client, endpoint, shards=shards)
        settings = self.made.settings
        self.arns = _arns(client, settings)
        self.environment = {
            "PENSTOCK_CONFIG": json.dumps(
                config
                | {
                    "aws": {
                        "endpoint": seen_at or endpoint,
                        "environment": settings.environment,
                    }
                }
            ),
            "STREAM_NAME": settings.stream,
            "BUCKET_NAME": settings.bucket,
            "SNS_TOPIC_ARN": settings.topic_arn,
            "DYNAMO_TABLE_NAME": settings.history_table,
            "STATE_TABLE_NAME": settings.state_table,
            "POSITIONS_TABLE_NAME": settings.positions_table,
        }

    def name(self, function):
        return f"{function}-{self.made.settings.environment}"

    def add_function(self, function, *, timeout_s=20, **variables):
        """Deploy a function with its own role."""
        name = self.name(function)
        role = self.client("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=_trust("lambda")
        )["Role"]["Arn"]
        self.give_back(function)
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler=f"data_{function}_lambda.handler",
            Code={"ZipFile": (self._zips / f"{function}.zip").read_bytes()},
            Timeout=timeout_s,
            MemorySize=256,
            Environment={"Variables": self.environment | variables},
        )
        return name

    def take_away(self, function, statement):
        """Leave one statement out of a function's policy, and put the others back."""
        policy = json.loads(self._policy_of(function))
        kept = [s for s in policy["Statement"] if s["Sid"] != statement]
        assert len(kept) == len(policy["Statement"]) - 1
        self._allow(function, json.dumps(policy | {"Statement": kept}))

    def give_back(self, function):
        """Put a function's whole policy back."""
        self._allow(function, self._policy_of(function))

    def _policy_of(self, function):
        group = f"{_LOG_GROUPS}/aws/lambda/{self.name(function)}"
        return _policy(function, self.arns | {"log_group": group})

    def _allow(self, function, document):
        self.client("iam").put_role_policy(
            RoleName=self.name(function),
            PolicyName="penstock",
            PolicyDocument=document,
        )

    def map(self, function):
        """Feed a function from the stream; wait until our poller has the mapping."""
        bucket_arn = f"arn:aws:s3:::{self.made.settings.bucket}"
        client = self.client("lambda")
        uuid = client.create_event_source_mapping(
            EventSourceArn=self.arns["stream"],
            FunctionName=self.name(function),
            DestinationConfig={"OnFailure": {"Destination": bucket_arn}},
            **MAPPING,
        )["UUID"]

        def is_ours():
            return client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"

        wait_until(is_ours)

    def invoke(self, function, event):
        """Call a function, and return its answer, or None if it failed."""
        answer = self.client("lambda").invoke(
            FunctionName=self.name(function), Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read())
        return None if "FunctionError" in answer else payload

    def deliver(self, records, *, function="consumer"):
        """Call a function with a batch, and return whether all of it was done."""
        event = kinesis_event(
            records, stream_arn=self.arns["stream"], role_arn="arn:aws:iam::0:role/r"
        )
        return self.invoke(function, event) == {"batchItemFailures": []}


def _arns(client, settings):
    def table(name):
        return f"arn:aws:dynamodb:us-east-1:{_ACCOUNT}:table/{name}"

    stream = client("kinesis").describe_stream_summary(StreamName=settings.stream)
    return {
        "stream": stream["StreamDescriptionSummary"]["StreamARN"],
        "bucket": f"arn:aws:s3:::{settings.bucket}",
        "topic": settings.topic_arn,
        "history_table": table(settings.history_table),
        "state_table": table(settings.state_table),
        "positions_table": table(settings.positions_table),
        "lookup_tables": table(settings.lookup_table("users")),
        "events_stream": stream["StreamDescriptionSummary"]["StreamARN"],
        "key": f"arn:aws:kms:us-east-1:{_ACCOUNT}:key/none",
    }


def _policy(function, arns):
    text = (_INFRA / "policies" / f"{function}.json").read_text()
    for name, arn in arns.items():
        text = text.replace(f"${{{name}}}", arn)
    assert "${" not in text
    # AWS allows PublishBatch by sns:Publish; the emulator asks for a right of its own.
    return text.replace('"sns:Publish"', '"sns:Publish", "sns:PublishBatch"')


def _trust(service):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
