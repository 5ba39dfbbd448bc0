"""What holds for all templates: rights, tags, linters, names, regions."""

import json
import re
import subprocess

import pytest

from tests.infra.templates import BIN, FACTS, GOOD, Stack, text_of

# Where a star may end a resource of a policy, and why.
STARS = {
    r".*:log-group:[^*]+:\*": "Streams of one log group have no name before they exist",
    r"<DeliveryLog\.Arn>|<ServiceLog\.Arn>": "Likewise; its ARN ends in a star",
    r"arn:<AWS::Partition>:s3:::[^*]+/[a-z/-]+/\*": "Objects of one folder",
    r"arn:<AWS::Partition>:glue:[^*]+:table/trading_analytics_\w+/\*": (
        "Tables of one database, which the crawler names"
    ),
}
# What CloudFormation gives no tags.
UNTAGGED = {
    "AWS::Athena::NamedQuery",
    "AWS::Budgets::Budget",
    "AWS::EC2::Route",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::IAM::Policy",
    "AWS::KMS::Alias",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogStream",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}
# Findings of cfn-lint that are accepted, and why.
ACCEPTED = {
    "W3005": "CDK names a dependency that a reference names as well: harmless",
    "W3010": "Zones are looked up at synthesis, so that subnets never move",
}


def policies(stack):
    """Give the role or policy, and each statement that says what it may do."""
    for name, properties in stack.all("IAM::Role").items():
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for name, properties in stack.all("IAM::Policy").items():
        for statement in properties["PolicyDocument"]["Statement"]:
            yield name, statement


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("job", GOOD)
def test_a_star_in_a_right_has_its_reason(ours, job):
    for template in ours.stacks(job).values():
        for name, statement in policies(Stack(template)):
            assert not [a for a in listed(statement["Action"]) if "*" in a], name
            for resource in listed(statement["Resource"]):
                text = text_of(resource)
                if "*" in text:
                    assert any(re.fullmatch(star, text) for star in STARS), text


@pytest.mark.parametrize("job", GOOD)
def test_the_rules_of_cdk_nag_find_nothing_that_is_not_accepted(ours, job):
    reports = {
        r["pluginName"]: (r["conclusion"], r["violations"]) for r in ours.report(job)
    }
    assert "AwsSolutions" in reports
    assert all(report == ("success", []) for report in reports.values())


@pytest.mark.parametrize("job", GOOD)
def test_everything_that_can_have_tags_has_them(ours, job):
    wanted = {
        "environment": GOOD[job].get("environment", "dev"),
        "owner": "market-data",
        "project": "penstock",
    }
    for template in ours.stacks(job).values():
        for name, resource in template["Resources"].items():
            if resource["Type"] in UNTAGGED:
                continue
            tags = resource["Properties"]["Tags"]
            if isinstance(tags, list):
                tags = {tag["Key"]: tag["Value"] for tag in tags}
            assert wanted.items() <= tags.items(), name


def test_cfn_lint_finds_nothing_that_is_not_accepted(ours):
    files = [f for job in GOOD for f in (ours.folder / job).glob("*.template.json")]
    different = {file.read_bytes(): file for file in files}
    done = subprocess.run(
        [
            BIN / "cfn-lint", "--format", "json",
            "--ignore-checks", *ACCEPTED, "--", *different.values(),
        ],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    found = json.loads(done.stdout or "[]")
    assert [(f["Rule"]["Id"], f["Message"], f["Filename"]) for f in found] == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("job", ["everything", "prod"])
def test_every_name_ends_in_the_environment(ours, job):
    environment = GOOD[job].get("environment", "dev")
    key = re.compile(r"(?!Metric|Display|Log|Policy)\w+Name")
    seen = set()
    for template in ours.stacks(job).values():
        for resource in Stack(template).resources.values():
            for place, value in resource.get("Properties", {}).items():
                if key.fullmatch(place) and isinstance(value, str):
                    seen.add(value)
    seen -= {"warm"}  # the alias of a function that is named already
    assert seen
    assert {n for n in seen if not re.search(rf"[-_]{environment}(-\w+)?$", n)} == set()


def test_all_names_of_the_facts_are_given(ours):
    text = "".join(
        (ours.folder / job / f"{stack}.template.json").read_text()
        for job in ("everything", "container")
        for stack in ours.stacks(job)
    )
    assert [n for n in FACTS["names"].values() if n not in text] == []


def test_regions_differ_in_nothing_but_the_region(ours):
    here = json.dumps(ours.stacks("everything"), sort_keys=True)
    there = json.dumps(ours.stacks("paris"), sort_keys=True)
    assert here.count("us-east-1") > 0
    assert "us-east-1" not in there
    assert here.replace("us-east-1", "eu-west-3") == there
