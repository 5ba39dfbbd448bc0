"""The stacks of infra/ on the emulator: there, at work, changed, and gone."""

import os
from pathlib import Path

import pytest

from penstock.config.settings import AwsSettings
from penstock.deploying import stacks
from penstock.deploying.checks import check_functions
from penstock.deploying.deployment import carry_out, outputs
from penstock.deploying.preparation import prepare, runtime_context
from penstock.deploying.removal import remove
from penstock.deploying.synthesis import find_checkout
from penstock.deploying.target import of_emulator
from penstock.sandbox.emulator import client_variables, start, stop
from penstock.sandbox.environment import runtime_of
from tests.aws.both import deployed, embedded, polling, produce, wait_for
from tests.aws.conftest import emulator_python, zips  # noqa: F401 (fixtures)
from tests.aws.resources import Deployed, subscribe
from tests.embedded import market

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
# As tests.aws.both.CONFIG.
SETTINGS = """\
[[alerts]]
ticker = "*"
drop = "0.07%"
window = "20s"

[[alerts]]
ticker = "BTC-USD"
below = 86950

[strategy]
window = "60s"
dip = "0.1%"
take_profit = "0.1%"
stop_loss = "1%"
slippage_bps = 1
"""


class Environment:
    """The environment `test` of an emulator that only this test has."""

    def __init__(self, emulator, python, code, folder):
        self.target = of_emulator(emulator.endpoint, "test")
        self.endpoint, self.folder = emulator.endpoint, folder
        self.checkout = find_checkout(ROOT, os.environ)
        (folder / "penstock.toml").write_text(SETTINGS)
        self.context = runtime_context(*runtime_of(python.parents[1])) | {
            "codeDir": str(code),
            "config": str(folder / "penstock.toml"),
        }
        self.told = []

    def plan(self, **context):
        return prepare(
            self.target,
            self.checkout,
            self.folder,
            self.context | context,
            self.told.append,
        ).plans

    def carry_out(self, plans):
        carry_out(self.target, plans, self.told.append)

    @property
    def stacks(self):
        return stacks.list_deployed(self.target, self.checkout.project)

    def pipeline(self):
        """What tests.aws.both asks of a pipeline."""
        said = outputs(self.stacks)
        settings = AwsSettings(
            environment="test",
            region="us-east-1",
            endpoint=self.endpoint,
            bucket=said["BucketName"],
            topic_arn=said["TopicArn"],
        ).named()
        assert said["StreamName"] == settings.stream
        assert said["TableName"] == settings.history_table
        url = subscribe(self.target.clients, said["TopicArn"], "test")
        self.made = Deployed(settings, url)
        return self

    def remove(self):
        names = self.checkout.names("test")
        tell = self.told.append
        return remove(self.target, self.stacks, names, tell, keeps_data=False)


@pytest.fixture
def environment(emulator_python, zips, tmp_path, monkeypatch):  # noqa: F811
    folder = tmp_path / "emulator"
    emulator = start(emulator_python, folder, is_tied=True)
    for name, value in client_variables(emulator.endpoint).items():
        monkeypatch.setenv(name, value)
    yield Environment(emulator, emulator_python, zips, tmp_path)
    stop(folder)


@pytest.mark.timeout(900)  # the templates are written twice: half a minute of work
def test_it_is_deployed_works_changes_and_leaves_nothing(environment, tmp_path):
    plans = environment.plan()
    assert {plan.action for plan in plans} == {"create"}
    environment.carry_out(plans)
    names = [
        f"crypto-{name}-test"
        for name in ("data-consumer", "data-producer", "outbox-sweeper")
    ]
    assert check_functions(environment.target, names) == [
        '{"batchItemFailures": []}',
        '{"trades": 0, "failed": {}}',
        '{"delivered": 0, "undelivered": 0, "left": 0}',
    ]
    leaves_what_one_machine_does(environment, tmp_path)

    plans = environment.plan(email="ops@example.com")
    changes = [(c.action, c.type_) for plan in plans for c in plan.changes]
    assert changes == [("add", "AWS::SNS::Subscription")] * 2
    environment.carry_out(plans)
    found = environment.target.clients("sns").list_subscriptions()["Subscriptions"]
    assert [s["Endpoint"] for s in found if s["Protocol"] == "email"] == [
        "ops@example.com"
    ] * 2

    removed = environment.remove()
    assert (removed.kept, removed.left) == ([], [])
    assert left(environment.target.clients) == []
    again = environment.remove()
    assert (again.kept, again.left) == ([], [])


def leaves_what_one_machine_does(environment, tmp_path):
    clients = environment.target.clients
    # Its prices, where there is a network, would be in the comparison.
    clients("events").disable_rule(Name="every-minute-trigger-test")
    trades = market(1_500)
    expected = embedded(tmp_path / "embedded", trades)
    assert expected["alerts"]
    assert expected["completed"]
    pipeline = environment.pipeline()
    with polling(clients, tmp_path / "poller"):
        produce(pipeline, trades)
        wait_for(pipeline, expected)
    assert deployed(pipeline, environment.made.received()) == expected
    clients("sqs").delete_queue(QueueUrl=environment.made.queue_url)


def left(clients):
    """Everything of the kinds that were made, by whatever name."""
    listed = [
        *clients("kinesis").list_streams()["StreamNames"],
        *clients("dynamodb").list_tables()["TableNames"],
        *clients("s3").list_buckets()["Buckets"],
        *clients("lambda").list_functions()["Functions"],
        *clients("lambda").list_event_source_mappings()["EventSourceMappings"],
        *clients("events").list_rules()["Rules"],
        *clients("sqs").list_queues().get("QueueUrls", []),
        *clients("sns").list_topics()["Topics"],
        *clients("logs").describe_log_groups()["logGroups"],
        *clients("firehose").list_delivery_streams()["DeliveryStreamNames"],
        *clients("glue").get_crawlers()["Crawlers"],
        *clients("cloudwatch").describe_alarms()["MetricAlarms"],
        *clients("cloudwatch").list_dashboards()["DashboardEntries"],
        *clients("iam").list_roles()["Roles"],
        *clients("cloudformation").describe_stacks()["Stacks"],
    ]
    groups = clients("athena").list_work_groups()["WorkGroups"]
    databases = clients("glue").get_databases()["DatabaseList"]
    # What every account has.
    return [
        *listed,
        *(group["Name"] for group in groups if group["Name"] != "primary"),
        *(found["Name"] for found in databases if found["Name"] != "default"),
    ]
