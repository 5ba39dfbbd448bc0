"""The hand-written templates: valid, small enough, and with the facts' values."""

import copy
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.infra.hand_written import FOLDER, NAMES, text_of

_ROOT = Path(__file__).parents[2]
_CFN_LINT = _ROOT / ".venv-infra" / "bin" / "cfn-lint"
_FACTS = json.loads((_ROOT / "infra" / "facts.json").read_text())
_POLICIES = {
    "consumer": ("cloudformation.yaml", "ConsumerRole"),
    "sweeper": ("cloudformation.yaml", "SweeperRole"),
    "enrichment": ("cloudformation.yaml", "EnrichmentRole"),
    "producer": ("cloudformation.yaml", "ProducerRole"),
    "service": ("cloudformation.yaml", "TaskRole"),
    "delivery": ("cloudformation.yaml", "DeliveryRole"),
    "crawler": ("cloudformation.yaml", "CrawlerRole"),
}
# What is no fact.
_ELSEWHERE = {"$schema"}


@pytest.fixture(scope="module")
def facts_of_templates():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("facts")
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("facts", "places"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def texts():
    return {name: text_of(name) for name in NAMES}


class _Template(yaml.CSafeLoader):
    """Reads `!Ref X` as {"Ref": "X"}, and each other function likewise."""


def _function(loader, suffix, node):
    key = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {key: node.value}
    if isinstance(node, yaml.SequenceNode):
        return {key: loader.construct_sequence(node, deep=True)}
    return {key: loader.construct_mapping(node, deep=True)}


_Template.add_multi_constructor("!", _function)


def parsed(name):
    return yaml.load(text_of(name), _Template)  # noqa: S506 - a SafeLoader


@pytest.mark.parametrize("name", NAMES)
def test_a_template_fits_into_a_request(name):
    assert len(text_of(name).encode()) <= 51_200


def test_cfn_lint_finds_nothing():
    found = subprocess.run(
        [_CFN_LINT, *(FOLDER / name for name in NAMES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout, found.stderr, found.returncode) == ("", "", 0)


def test_the_templates_have_the_facts_values(facts_of_templates, texts):
    assert facts_of_templates.differences(_FACTS, texts) == []


def _leaves(facts, path=()):
    if isinstance(facts, dict):
        for key, value in facts.items():
            if key not in ("part", "form"):  # which other fact, which reader
                yield from _leaves(value, (*path, key))
    else:
        yield path, facts


def _other(value):
    if isinstance(value, list):
        return [*value[:-1], f"{value[-1]}x"]
    return value + 1 if isinstance(value, int) else f"{value}x"


def _changed(facts, path):
    """The facts with another value at `path`."""
    changed = copy.deepcopy(facts)
    owner = changed
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = _other(owner[path[-1]])
    return changed


def test_every_changed_fact_is_missed_in_the_templates(facts_of_templates, texts):
    unseen = {
        ".".join(path)
        for path, _ in _leaves(_FACTS)
        if not facts_of_templates.differences(_changed(_FACTS, path), texts)
    }
    assert unseen == _ELSEWHERE


def test_changed_facts_are_written_and_nothing_else(facts_of_templates, texts):
    facts = _FACTS
    for path, _ in _leaves(_FACTS):
        if ".".join(path) not in _ELSEWHERE:
            facts = _changed(facts, path)
    written = facts_of_templates.rewritten(facts, texts)
    assert facts_of_templates.differences(facts, written) == []
    assert all(written[name] != text for name, text in texts.items())
    assert facts_of_templates.rewritten(_FACTS, written) == texts


@pytest.mark.parametrize("policy", _POLICIES)
def test_a_role_may_do_what_its_policy_says(policy):
    template, role = _POLICIES[policy]
    (inline,) = parsed(template)["Resources"][role]["Properties"]["Policies"]
    path = _ROOT / "infra" / "policies" / f"{policy}.json"
    wanted = json.loads(path.read_text())["Statement"]
    found = inline["PolicyDocument"]["Statement"]
    assert [(s["Sid"], s["Effect"], s["Action"]) for s in found] == [
        (s["Sid"], s["Effect"], s["Action"]) for s in wanted
    ]
    for have, want in zip(found, wanted, strict=True):
        assert _resource(have["Resource"]) == _resource(want["Resource"])


def _resource(resource):
    # By its tail, which both write: /dead-letter/*; and by how many there are.
    resources = resource if isinstance(resource, list) else [resource]
    texts = [r if isinstance(r, str) else r.get("Fn::Sub", "") for r in resources]
    tails = [text.split("}")[-1] for text in texts if "bucket}" in text.lower()]
    tails += [text.split("Arn}")[-1] for text in texts if "Bucket.Arn}" in text]
    # A stream of somebody else's has a key of its own, where it is given.
    resources = [r for r in resources if "Fn::If" not in r or len(resources) == 1]
    return [tail for tail in tails if tail], len(resources)


def test_every_resource_that_can_be_is_tagged():
    untagged = {
        "AWS::Athena::NamedQuery",
        "AWS::CloudWatch::Dashboard",
        "AWS::EC2::Route",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::Glue::Database",
        "AWS::Glue::Table",
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
    for name in NAMES:
        for key, resource in parsed(name)["Resources"].items():
            properties = resource["Properties"]
            tags = properties.get("Tags", properties.get("ResourceTags"))
            assert (tags is None) == (resource["Type"] in untagged), (name, key)
            keys = tags if isinstance(tags, dict) else [t["Key"] for t in tags or []]
            assert tags is None or {"owner", "project", "environment"} <= set(keys)


def test_the_outputs_are_those_that_scripts_read():
    outputs = set(parsed("cloudformation.yaml")["Outputs"])
    assert outputs >= {
        "StreamName",
        "FunctionName",
        "BucketName",
        "TableName",
        "TopicArn",
        "WorkGroup",
    }


def test_facts_says_how_to_write_them(tmp_path, texts):
    for name in ("facts.py", "places.py"):
        (tmp_path / "cloudformation" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "cloudformation" / name).write_text((FOLDER / name).read_text())
    for name, text in texts.items():
        (tmp_path / "cloudformation" / name).write_text(text)
    changed = copy.deepcopy(_FACTS)
    changed["consumer"]["batch_size"] = 321
    (tmp_path / "facts.json").write_text(json.dumps(changed))
    command = [sys.executable, str(tmp_path / "cloudformation" / "facts.py")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "ConsumerSource/Properties/BatchSize: 500 should be 321" in told.stderr
    assert "facts.py --write" in told.stderr
    subprocess.run([*command, "--write"], check=True)
    subprocess.run(command, check=True)
    after = (tmp_path / "cloudformation" / "cloudformation.yaml").read_text()
    assert after == texts["cloudformation.yaml"].replace(
        "BatchSize: 500", "BatchSize: 321"
    )
