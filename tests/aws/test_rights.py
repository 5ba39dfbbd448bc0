"""Each function has the rights that it uses, on what it uses them, and no others."""

import json
from pathlib import Path

import pytest

from penstock.bootstrap import aws_ports, aws_stream
from penstock.ports import Record
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables, start, stop
from tests.aws.both import CONFIG, deployed, embedded, produce, settings_of
from tests.aws.pipeline import Pipeline
from tests.aws.proxy import Proxy, as_allowed
from tests.aws.resources import make_table
from tests.embedded import market
from tests.servers import VenueServer, made_trades

POLICIES = Path(__file__).parents[2] / "infra" / "policies"

# What Lambda does in a function's name, and the function itself does not: it reads the
# stream, keeps the batches that failed for good, and writes the log.
FOR_LAMBDA = ("kinesis:Describe", "kinesis:Get", "kinesis:List", "logs:", "kms:")
FAILED_BATCHES = {("s3:PutObject", "aws/lambda/*"), ("s3:ListBucket", "")}

ARRIVAL_US = 1_700_000_000_000_000
USERS = [{"table": "users", "key": "user_id", "into": "user"}]


@pytest.fixture
def proxy(emulator):
    with Proxy(emulator.endpoint) as running:
        yield running


@pytest.fixture
def config():
    """Settings of all functions; prices come from a server on the loopback address."""
    trades = made_trades("coinbase", 9, symbols=["BTC-USD"])
    server = VenueServer("coinbase", trades, happened=len(trades), held=True)
    with server:
        source = {
            "kind": "coinbase-spot",
            "endpoints": {"coinbase-spot": server.rest_url},
        }
        yield CONFIG | {"lookups": USERS, "source": source}


@pytest.fixture
def pipeline(aws, emulator, zips, proxy, config):
    made = Pipeline(
        aws, emulator.endpoint, zips, config=config, shards=1, seen_at=proxy.endpoint
    )
    make_table(aws, made.made.settings.lookup_table("users"), "user_id")
    return made


def allowed(pipeline, function):
    """What a function's policy allows it, without what is there for Lambda."""
    bucket = pipeline.arns["bucket"]
    document = json.loads((POLICIES / f"{function}.json").read_text())
    for statement in document["Statement"]:
        for resource in statement["Resource"]:
            name, _, rest = resource.removeprefix("${").partition("}")
            for action in statement["Action"]:
                arn = pipeline.arns.get(name, name) + rest
                place = arn.removeprefix(bucket).lstrip("/")
                if action.startswith(FOR_LAMBDA) or (action, place) in FAILED_BATCHES:
                    continue
                yield action, arn


def used(pipeline, proxy):
    bucket = pipeline.arns["bucket"]
    folders = ("completed-trades", "dead-letter", "enriched-data")
    return as_allowed(proxy.calls, [f"{bucket}/{folder}" for folder in folders])


def records_of(pipeline):
    stream = aws_stream(settings_of(pipeline))
    (shard,) = stream.shards()
    return stream.read(shard, after=0, limit=10_000)


def garbage(number, data=b"no trade\n"):
    return Record("shardId-000000000000", number, "no ticker", data, ARRIVAL_US)


def test_the_consumer_uses_all_its_rights_and_no_other(pipeline, proxy):
    pipeline.add_function("consumer")
    produce(pipeline, market(4_000), size=100)
    records = records_of(pipeline)
    for n in range(0, len(records), 8):
        assert pipeline.deliver(records[n : n + 8])
    for _ in range(2):  # the letter is known the second time, and is looked at
        assert pipeline.deliver([garbage(records[-1].sequence_number + 1)])
    assert used(pipeline, proxy) == set(allowed(pipeline, "consumer"))


def test_the_sweeper_uses_all_its_rights_and_no_other(pipeline, proxy):
    leave_undelivered(pipeline)
    proxy.calls.clear()
    assert sweep(pipeline)
    assert used(pipeline, proxy) == set(allowed(pipeline, "sweeper"))


def leave_undelivered(pipeline):
    """Deploy the sweeper, and a consumer whose topic is not there."""
    topic_arn = pipeline.arns["topic"]
    pipeline.add_function("consumer", SNS_TOPIC_ARN=f"{topic_arn}-away")
    pipeline.add_function("sweeper")
    produce(pipeline, market(4_000), size=100)
    assert not pipeline.deliver(records_of(pipeline))
    assert undelivered(pipeline)


def undelivered(pipeline):
    return aws_ports(settings_of(pipeline)).states.undelivered()


def sweep(pipeline):
    return pipeline.invoke("sweeper", {}) is not None and not undelivered(pipeline)


def test_the_enrichment_uses_all_its_rights_and_no_other(pipeline, proxy):
    pipeline.add_function("enrichment")
    for _ in range(2):
        assert enrich(pipeline)
    assert used(pipeline, proxy) == set(allowed(pipeline, "enrichment"))


def enrich(pipeline):
    click = garbage(1, data=b'{"event_type": "click", "user_id": "u1"}\nno object\n')
    return pipeline.deliver([click], function="enrichment")


def test_the_producer_uses_all_its_rights_and_no_other(pipeline, proxy):
    pipeline.add_function("producer")
    assert ask_for_a_price(pipeline)
    assert used(pipeline, proxy) == set(allowed(pipeline, "producer"))
    (record,) = records_of(pipeline)
    assert record.key == "coinbase-spot:BTC-USD"


def ask_for_a_price(pipeline):
    return pipeline.invoke("producer", {}) == {"trades": 1, "failed": {}}


@pytest.fixture(scope="module")
def enforcing(emulator_python, tmp_path_factory):
    """An emulator that asks for each call whether the caller may."""
    folder = tmp_path_factory.mktemp("enforcing")
    yield start(emulator_python, folder, is_tied=True, settings={"AUTH": "true"})
    stop(folder)


@pytest.fixture
def enforced(enforcing, zips, config, monkeypatch):
    # A key that is the account's number is its root.
    variables = client_variables(enforcing.endpoint, key="000000000000")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = make_clients(enforcing.endpoint, key="000000000000")
    made = Pipeline(client, enforcing.endpoint, zips, config=config, shards=1)
    make_table(client, made.made.settings.lookup_table("users"), "user_id")
    return made


def test_with_its_policy_enforced_the_pipeline_leaves_what_one_machine_does(
    enforced, tmp_path
):
    trades = market(4_000)
    expected = embedded(tmp_path, trades)
    enforced.add_function("consumer")
    produce(enforced, trades, size=200)
    records = records_of(enforced)
    for n in range(0, len(records), 5):
        assert enforced.deliver(records[n : n + 5])
    assert deployed(enforced, enforced.made.received()) == expected


# MovePositions is left out: the emulator asks for no rights within a transaction.
OWN = ["LoadAndCommitStates", "WriteHistory", "PutCompletedTrades"]
OWN += ["PublishAlerts", "KeepDeadLetters"]


@pytest.mark.parametrize("statement", OWN)
def test_with_a_statement_taken_away_it_fails(enforced, statement):
    enforced.add_function("consumer")
    produce(enforced, market(4_000), size=200)
    records = records_of(enforced)
    last = records[-1].sequence_number
    enforced.take_away("consumer", statement)
    assert not enforced.deliver([*records, garbage(last + 1)])


@pytest.mark.parametrize(
    ("function", "does", "statements"),
    [
        ("producer", ask_for_a_price, ["WriteTheStream"]),
        ("enrichment", enrich, ["LookRowsUp", "PutEnrichedEvents", "KeepDeadLetters"]),
    ],
)
def test_the_others_work_with_their_policies_and_not_without(
    enforced, function, does, statements
):
    enforced.add_function(function)
    assert does(enforced)
    for statement in statements:
        enforced.take_away(function, statement)
        assert not does(enforced)


def test_the_sweeper_works_with_its_policy_and_not_without(enforced):
    leave_undelivered(enforced)
    for statement in (
        "PublishAlerts",
        "PutCompletedTrades",
        "LoadAndCommitStates",
        "FindUndelivered",
    ):
        enforced.take_away("sweeper", statement)
        assert not sweep(enforced)
    enforced.give_back("sweeper")
    assert sweep(enforced)
