"""What deploying works out before it asks AWS anything."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from penstock.deploying.assembly import missing_context, read_assembly
from penstock.deploying.bill import cost_so_far
from penstock.deploying.changes import additions, differences, read_changes
from penstock.deploying.costs import fixed_costs
from penstock.deploying.leftovers import Names
from penstock.deploying.links import Links, in_order
from penstock.deploying.synthesis import find_checkout
from penstock.deploying.target import Target
from penstock.entrypoints.cli.deploy import read_context
from penstock.errors import ConfigError


def template(**resources):
    return {
        "Resources": {
            id_: {"Type": type_, "Properties": properties}
            for id_, (type_, properties) in resources.items()
        }
    }


def test_what_costs_by_being_there_is_counted():
    task = {"Cpu": "512", "Memory": "1024"}
    service = {
        "TaskDefinition": {"Ref": "Task"},
        "DesiredCount": 2,
        "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED"}},
    }
    templates = [
        template(
            S=("AWS::Kinesis::Stream", {"ShardCount": 4, "RetentionPeriodHours": 48}),
            D=("AWS::Kinesis::Stream", {"StreamModeDetails": {}}),
            K=("AWS::KMS::Key", {}),
            A=("AWS::CloudWatch::Alarm", {}),
        ),
        template(
            A=("AWS::CloudWatch::Alarm", {}),
            N=("AWS::EC2::NatGateway", {}),
            F=("AWS::NetworkFirewall::Firewall", {"SubnetMappings": [{}, {}]}),
            Task=("AWS::ECS::TaskDefinition", task),
            Service=("AWS::ECS::Service", service),
            T=("AWS::SNS::Topic", {}),
        ),
    ]
    assert [(c.what, c.count, c.monthly_usd) for c in fixed_costs(templates)] == [
        ("firewall endpoint", 2, 576.7),
        ("shard that keeps more than a day", 4, 58.4),
        ("shard", 4, 43.8),
        ("Fargate task", 2, 36.06),
        ("NAT gateway", 1, 32.85),
        ("stream on demand", 1, 29.2),
        ("public address", 2, 7.3),
        ("KMS key", 1, 1.0),
        ("alarm", 2, 0.2),
    ]


def test_a_day_of_retention_costs_nothing_more():
    stream = {"ShardCount": 1, "RetentionPeriodHours": 24}
    costs = fixed_costs([template(S=("AWS::Kinesis::Stream", stream))])
    assert [cost.what for cost in costs] == ["shard"]


def test_changes_are_told_in_words():
    found = [
        {
            "ResourceChange": {
                "Action": "Modify",
                "Replacement": "True",
                "LogicalResourceId": "Table",
                "PhysicalResourceId": "prices",
                "ResourceType": "AWS::DynamoDB::Table",
                "Details": [
                    {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
                    {"Target": {"Attribute": "Tags"}},
                    {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
                ],
            }
        },
        {
            "ResourceChange": {
                "Action": "Modify",
                "Replacement": "Conditional",
                "LogicalResourceId": "Topic",
                "ResourceType": "AWS::SNS::Topic",
            }
        },
        {
            "ResourceChange": {
                "Action": "Remove",
                "LogicalResourceId": "Rule",
                "PhysicalResourceId": "minute",
                "ResourceType": "AWS::Events::Rule",
            }
        },
    ]
    assert [str(change) for change in read_changes(found)] == [
        "replace DynamoDB Table prices: KeySchema, Tags (its data is lost)",
        "change SNS Topic Topic",
        "remove Events Rule minute",
    ]


def test_templates_are_compared_resource_by_resource():
    before = template(
        A=("AWS::SNS::Topic", {"TopicName": "a"}), B=("AWS::SQS::Queue", {})
    )
    after = template(
        A=("AWS::SNS::Topic", {"TopicName": "b"}), C=("AWS::S3::Bucket", {})
    )
    assert [str(change) for change in differences(before, after)] == [
        "change SNS Topic b",
        "remove SQS Queue B",
        "add S3 Bucket C",
    ]
    assert [str(change) for change in additions(after)] == [
        "add SNS Topic b",
        "add S3 Bucket C",
    ]


def links(before="", after="", *, exports=False):
    key = "exports" if exports else "imports"
    values = {f"{key}_before": frozenset(before), f"{key}_after": frozenset(after)}
    return Links(**values)


def test_what_is_imported_is_made_first_and_removed_last():
    made = {"reader": links("", "x"), "stream": links("", "x", exports=True)}
    assert in_order(made) == ["stream", "reader"]
    removed = {"stream": links("x", "", exports=True), "reader": links("x", "")}
    assert in_order(removed) == ["reader", "stream"]
    # What stays as it is comes in the order of creation, as far as that is known.
    kept = {"reader": links("x", "x"), "stream": links("x", "x", exports=True)}
    assert in_order(kept) == ["stream", "reader"]


def test_names_of_an_environment_are_no_others():
    names = Names(
        project="p", bases=frozenset({"prices", "trading_analytics"}), environment="dev"
    )
    ours = ["prices-dev", "trading_analytics_dev", "/aws/lambda/prices-dev/x"]
    ours += ["arn:aws:sqs:r:1:prices-dev", "prices-1234-eu-west-3-dev"]
    others = ["prices-prod", "my-prices-dev", "prices-dev-2", "prices"]
    assert [name for name in ours + others if names.matches(name)] == ours


def test_an_assembly_is_read_in_the_order_of_its_dependencies(tmp_path):
    def asset(stack):
        template = {
            "source": {"path": f"{stack}.template.json"},
            "destinations": {"here": {"bucketName": "b", "objectKey": f"{stack}.json"}},
        }
        return {"files": {"hash": template}}

    stacks = {"a": ["b", "a.assets"], "b": []}
    artifacts = {
        name: {
            "type": "aws:cloudformation:stack",
            "dependencies": needs,
            "properties": {
                "templateFile": f"{name}.template.json",
                "tags": {"k": name},
            },
        }
        for name, needs in stacks.items()
    }
    manifest = {"artifacts": artifacts | {"Tree": {"type": "cdk:tree"}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for name in stacks:
        (tmp_path / f"{name}.assets.json").write_text(json.dumps(asset(name)))
        (tmp_path / f"{name}.template.json").write_text('{"Resources": {}}')
    assert [
        (s.name, s.tags, s.template_asset.key) for s in read_assembly(tmp_path)
    ] == [("b", {"k": "b"}, "b.json"), ("a", {"k": "a"}, "a.json")]
    assert missing_context(tmp_path) == []


def test_a_switch_without_a_value_is_refused():
    assert read_context(["a=1", "b=x=y"], None) == {"a": "1", "b": "x=y"}
    with pytest.raises(ConfigError, match="-c must be KEY=VALUE; found 'shards'"):
        read_context(["a=1", "shards"], None)


def test_the_checkout_is_found_from_within_it(tmp_path):
    (tmp_path / "infra" / "cdk-python").mkdir(parents=True)
    (tmp_path / "infra" / "cdk-python" / "app.py").touch()
    found = find_checkout(tmp_path / "docs" / "how-to", {"PENSTOCK_INFRA": "/cdk"})
    assert (found.root, str(found.environment)) == (tmp_path, "/cdk")
    assert find_checkout(tmp_path, {}).environment == tmp_path / ".venv-infra"


class Billing:
    """Cost Explorer, as far as it is asked."""

    def __init__(self, *groups):
        self.asked = None
        self._groups = groups

    def get_cost_and_usage(self, **asked):
        self.asked = asked
        groups = [
            {"Keys": [service], "Metrics": {"UnblendedCost": {"Amount": amount}}}
            for service, amount in self._groups
        ]
        return {"ResultsByTime": [{"Groups": groups}]}


def test_the_month_so_far_is_asked_for_by_tags_and_told_by_service():
    billing = Billing(("AWS Lambda", "0.12"), ("Amazon Kinesis", "10.5"))
    target = Target(
        kind="aws",
        environment="dev",
        account="1" * 12,
        region="eu-west-3",
        clients={"ce": billing}.__getitem__,
        poll_s=1.0,
    )
    costs = cost_so_far(target, "penstock", datetime(2026, 11, 30, 9, tzinfo=UTC))
    assert list(costs.items()) == [
        ("Amazon Kinesis", Decimal("10.5")),
        ("AWS Lambda", Decimal("0.12")),
    ]
    assert billing.asked["TimePeriod"] == {"Start": "2026-11-01", "End": "2026-12-01"}
    assert billing.asked["Filter"] == {
        "And": [
            {"Tags": {"Key": "project", "Values": ["penstock"]}},
            {"Tags": {"Key": "environment", "Values": ["dev"]}},
        ]
    }
