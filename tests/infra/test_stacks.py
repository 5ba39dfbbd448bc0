"""Stacks one by one on the emulator: what fails, and what running again makes of it."""

import json

import pytest
from botocore.awsrequest import AWSResponse

from penstock.deploying import stacks
from penstock.deploying.assembly import Asset, Stack
from penstock.deploying.assets import bootstrap_sandbox, forget_sandbox, publish
from penstock.deploying.checks import check_functions
from penstock.deploying.deployment import carry_out, make_plans
from penstock.deploying.leftovers import Names
from penstock.deploying.removal import remove
from penstock.deploying.target import find_aws, of_emulator
from penstock.errors import ConfigError, UnavailableError
from penstock.sandbox.emulator import client_variables, start, stop
from tests.aws.conftest import emulator_python  # noqa: F401 (fixture)

BUCKET = "cdk-hnb659fds-assets-000000000000-us-east-1"
TAGS = {"project": "penstock", "environment": "test"}
NAMES = Names(
    project="penstock", bases=frozenset({"kept-", "gone-"}), environment="test"
)
REFUSED = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [{"Id": "m"}]}}


def ignore(_line):
    """Whoever is told listens to nothing."""


def topic(name):
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}


def output(value, *, export):
    return {"Value": value, "Export": {"Name": export}}


@pytest.fixture(scope="module")
def emulator(emulator_python, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("emulator")
    yield start(emulator_python, folder, is_tied=True)
    stop(folder)


class Place:
    def __init__(self, target, folder):
        self.target, self.folder = target, folder
        bootstrap_sandbox(target, [self.stack("none", {})])

    def stack(self, name, resources, **template):
        template = {"Resources": resources} | template
        body = json.dumps(template).encode()
        path = self.folder / f"{name}-{hash(body)}.json"
        path.write_bytes(body)
        asset = Asset(path=path, bucket=BUCKET, key=path.name)
        return Stack(
            name=name,
            template=template,
            template_asset=asset,
            tags=TAGS,
            assets=[asset],
        )

    @property
    def deployed(self):
        return stacks.list_deployed(self.target, "penstock")

    def plan(self, *wanted):
        publish(self.target, wanted)
        return make_plans(self.target, wanted, self.deployed)

    def deploy(self, *wanted):
        plans = self.plan(*wanted)
        carry_out(self.target, plans, ignore)
        return [(plan.name, plan.action) for plan in plans if plan.action]

    def remove(self, *, keeps_data=False):
        return remove(self.target, self.deployed, NAMES, ignore, keeps_data=keeps_data)


@pytest.fixture(scope="module")
def target(emulator):
    return of_emulator(emulator.endpoint, "test")


@pytest.fixture
def place(target, tmp_path):
    made = Place(target, tmp_path)
    yield made
    made.remove()


def test_a_stack_that_fails_says_why_and_is_made_again(place):
    bad = place.stack("alerts", {"Topic": topic("gone-a-test"), "Sum": REFUSED})
    with pytest.raises(ConfigError) as failed:
        place.deploy(bad)
    assert (
        "alerts is ROLLBACK_COMPLETE, since Sum (AWS::CloudWatch::Alarm) failed"
        in str(failed.value)
    )
    assert "metric math" in str(failed.value)
    assert "run the same command again" in str(failed.value)
    good = place.stack("alerts", {"Topic": topic("gone-a-test")})
    assert place.deploy(good) == [("alerts", "create")]
    assert place.deploy(good) == []


def test_an_update_that_fails_is_rolled_back_and_done_again(place):
    place.deploy(place.stack("alerts", {"Topic": topic("gone-a-test")}))
    bad = place.stack("alerts", {"Topic": topic("gone-a-test"), "Sum": REFUSED})
    with pytest.raises(ConfigError, match="UPDATE_ROLLBACK_COMPLETE, since Sum"):
        place.deploy(bad)
    good = place.stack(
        "alerts", {"Topic": topic("gone-a-test"), "More": topic("gone-b-test")}
    )
    (plan,) = place.plan(good)
    assert [str(change) for change in plan.changes] == ["add SNS Topic More"]
    carry_out(place.target, [plan], ignore)
    assert place.deploy(good) == []


def test_a_failure_leaves_the_stacks_before_it_and_goes_on_from_there(place):
    first = place.stack("first", {"Topic": topic("gone-a-test")})
    with pytest.raises(ConfigError):
        place.deploy(first, place.stack("second", {"Sum": REFUSED}))
    second = place.stack("second", {"Topic": topic("gone-b-test")})
    assert place.deploy(first, second) == [("second", "create")]


def test_what_is_exported_comes_first_and_goes_last(place):
    def streams(exports):
        # With the outputs alone the emulator sees no change.
        about = topic("gone-a-test")
        about["Properties"]["DisplayName"] = exports
        return place.stack(
            "streams",
            {"Topic": about},
            Outputs={name: output(name, export=f"streams:{name}") for name in exports},
        )

    def reader(value):
        about = topic("gone-b-test")
        about["Properties"]["DisplayName"] = value
        return place.stack("reader", {"Topic": about})

    imported = {"Fn::ImportValue": "streams:a"}
    assert place.deploy(streams("a"), reader(imported)) == [
        ("streams", "create"),
        ("reader", "create"),
    ]
    # Nobody may import it any longer when it goes.
    assert place.deploy(streams(""), reader("none")) == [
        ("reader", "update"),
        ("streams", "update"),
    ]
    # And a change set cannot ask for what is not exported yet.
    assert place.deploy(streams("a"), reader(imported)) == [
        ("streams", "update"),
        ("reader", "update"),
    ]
    assert place.deploy(streams("")) == [("reader", "delete"), ("streams", "update")]


def test_data_that_is_to_be_kept_is_and_the_rest_goes(place):
    clients = place.target.clients
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": "kept-prices-test",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        },
    }
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": "kept-data-test",
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    }
    stack = place.stack(
        "data", {"Prices": table, "Data": bucket, "Topic": topic("gone-a-test")}
    )
    place.deploy(stack)
    for body in (b"old", b"new"):
        clients("s3").put_object(Bucket="kept-data-test", Key="k", Body=body)
    clients("logs").create_log_group(logGroupName="/aws/lambda/gone-a-test")

    removed = place.remove(keeps_data=True)
    assert sorted(removed.kept) == ["kept-data-test", "kept-prices-test"]
    assert removed.left == []
    assert place.deployed == {}
    assert clients("sns").list_topics()["Topics"] == []
    assert clients("logs").describe_log_groups()["logGroups"] == []
    versions = clients("s3").list_object_versions(Bucket="kept-data-test")["Versions"]
    assert len(versions) == 2

    # Nobody's now: they are found by name, and told.
    assert place.remove().left == [
        "dynamodb kept-prices-test",
        "s3 kept-data-test",
    ]
    clients("dynamodb").delete_table(TableName="kept-prices-test")
    for version in versions:
        clients("s3").delete_object(
            Bucket="kept-data-test", Key="k", VersionId=version["VersionId"]
        )
    clients("s3").delete_bucket(Bucket="kept-data-test")


def test_an_account_that_is_not_prepared_is_told_how(place):
    forget_sandbox(place.target)
    with pytest.raises(ConfigError) as refused:
        place.plan(place.stack("alerts", {"Topic": topic("gone-a-test")}))
    assert f"it has no bucket {BUCKET}" in str(refused.value)
    assert "bootstrap aws://000000000000/us-east-1" in str(refused.value)


def test_a_function_without_code_is_no_success(place):
    clients = place.target.clients
    clients("iam").create_role(RoleName="gone-f-test", AssumeRolePolicyDocument="{}")
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": "gone-f-test",
            "Runtime": "python3.13",
            "Handler": "h.handler",
            "Role": "arn:aws:iam::000000000000:role/gone-f-test",
            "Code": {"S3Bucket": BUCKET, "S3Key": "nowhere.zip"},
        },
    }
    place.deploy(place.stack("f", {"F": function}))
    with pytest.raises(ConfigError, match="gone-f-test was deployed without its code"):
        check_functions(place.target, ["gone-f-test"])
    clients("iam").delete_role(RoleName="gone-f-test")


def throttle(client, times):
    """Have AWS refuse a client's next calls, so many of them."""
    left = [times]
    body = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"
        b"<Message>Rate exceeded</Message></Error></ErrorResponse>"
    )

    class Raw:
        def stream(self, **_):
            yield body

    def refuse(request, **_):
        if not left[0]:
            return None
        left[0] -= 1
        return AWSResponse(request.url, 400, {}, Raw())

    client.meta.events.register("before-send.cloudformation", refuse)


def test_a_throttled_call_is_made_again(place, emulator, monkeypatch):
    for name, value in client_variables(emulator.endpoint).items():
        monkeypatch.setenv(name, value)
    target = find_aws("test")
    assert (target.account, target.region) == ("000000000000", "us-east-1")
    throttle(target.clients("cloudformation"), 2)
    assert stacks.list_deployed(target, "penstock") == {}


def test_what_stays_throttled_may_work_later(emulator):
    target = of_emulator(emulator.endpoint, "test")
    throttle(target.clients("cloudformation"), 100)
    with pytest.raises(UnavailableError, match="Throttling: Rate exceeded"):
        stacks.list_deployed(target, "penstock")


def test_without_credentials_it_says_which_to_set(monkeypatch, tmp_path):
    for name in client_variables("http://127.0.0.1:1"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="Set AWS_ACCESS_KEY_ID and AWS_SECRET"):
        find_aws("test")
