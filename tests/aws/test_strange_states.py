"""What DynamoDB would refuse, or holds that is no state of ours."""

import json

import pytest

from penstock.bootstrap import aws_checkpoints, aws_ports
from penstock.config import Settings
from penstock.engine.rules import Rules
from penstock.errors import ConfigError
from penstock.pipeline import process_batch
from penstock.ports import Record
from tests.aws.resources import deploy
from tests.contract.samples import BTC, state

SHARD = "shardId-000000000000"


@pytest.fixture
def settings(aws, emulator):
    return Settings(aws=deploy(aws, emulator.endpoint).settings)


def test_no_partition_key_holds_up_a_shard(settings):
    aws_checkpoints(settings).checkpoint("pipeline", SHARD, 7)
    keys = ["", "k" * 3_000, f"~pipeline/{SHARD}"]
    records = [
        Record(SHARD, number, key, b"no trade\n", arrival_us=0)
        for number, key in enumerate(keys, 1)
    ]
    ports = aws_ports(settings)
    result = process_batch(records, ports, Rules())
    assert (result.dead_letters, result.failed) == (3, {})
    assert [letter.key for letter in ports.dead_letters.list()] == keys


def test_a_state_of_a_later_version_is_refused_and_kept(settings, aws):
    states = aws_ports(settings).states
    states.commit([state(BTC)])
    table = settings.aws.state_table
    key = {"ticker": {"S": BTC}}
    client = aws("dynamodb")
    item = client.get_item(TableName=table, Key=key)["Item"]
    later = json.loads(item["data"]["S"]) | {"invented_later": 1}
    client.put_item(TableName=table, Item=item | {"data": {"S": json.dumps(later)}})
    with pytest.raises(ConfigError, match=f"{BTC} cannot be read: .*invented_later"):
        states.load([BTC])
