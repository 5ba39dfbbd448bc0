"""Lookup tables that others have written to, and the way from there to the bucket."""

import gzip
import json

from penstock.bootstrap import aws_enrichment, aws_lookup_table
from penstock.config import LookupRule, Settings
from penstock.enrichment import enrich_batch
from penstock.ports import Record
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import client_variables
from tests.aws.resources import deploy, make_table
from tests.commands import penstock, read_json

ARRIVAL_US = 1_732_146_000_000_000
CLICK = {
    "event_type": "page_view",
    "user_id": "u1",
    "page": "/pricing",
    "timestamp": "2024-11-20T23:40:00Z",
    "session_id": "s1",
}
USERS = LookupRule(table="users", key="user_id", into="user")


def deployed(emulator, monkeypatch):
    """Settings of a bucket and a table of users, and clients to look at them."""
    for name, value in client_variables(emulator.endpoint).items():
        monkeypatch.setenv(name, value)
    clients = make_clients(emulator.endpoint)
    aws = deploy(clients, emulator.endpoint).settings
    make_table(clients, aws.lookup_table("users"), "user_id")
    return Settings(aws=aws, lookups=(USERS,)), clients


def test_what_others_write_is_read_as_json(emulator, monkeypatch):
    settings, clients = deployed(emulator, monkeypatch)
    item = {
        "user_id": {"S": "u1"},
        "tags": {"SS": ["a"]},
        "sizes": {"NS": ["1.5"]},
        "key": {"B": b"\x00\xff"},
        "keys": {"BS": [b"a"]},
    }
    table = settings.aws.lookup_table("users")
    clients("dynamodb").put_item(TableName=table, Item=item)
    assert aws_lookup_table(settings, "users", "user_id").get(["u1"]) == {
        "u1": {
            "user_id": "u1",
            "tags": ["a"],
            "sizes": [1.5],
            "key": "AP8=",
            "keys": ["YQ=="],
        }
    }


def test_a_click_turns_up_enriched_and_a_bad_line_among_the_dead_letters(
    emulator, monkeypatch
):
    settings, clients = deployed(emulator, monkeypatch)
    ports = aws_enrichment(settings)
    aws_lookup_table(settings, "users", "user_id").put([{"user_id": "u1", "n": 7}])
    data = [json.dumps(CLICK).encode(), b"?", b'{"user_id":"u2"}']
    records = [
        Record("shardId-000000000000", 10**55 + n, "k", one, ARRIVAL_US)
        for n, one in enumerate(data)
    ]
    result = enrich_batch(records, ports, ARRIVAL_US)
    assert (result.events, result.missing, result.dead_letters) == (2, 1, 1)
    listed = clients("s3").list_objects_v2(Bucket=settings.aws.bucket)["Contents"]
    letter, stored = sorted(item["Key"] for item in listed)
    assert letter.startswith("dead-letter/2024/11/20/23/")
    assert stored == result.key
    assert stored.startswith("enriched-data/2024/11/20/23/shardId-000000000000-1")
    got = clients("s3").get_object(Bucket=settings.aws.bucket, Key=stored)
    lines = gzip.decompress(got["Body"].read()).splitlines()
    first, second = (json.loads(line) for line in lines)
    assert first["user"] == {"user_id": "u1", "n": 7}
    assert second["user"] is None
    assert [kept.data for kept in ports.dead_letters.list()] == [b"?"]


def test_rows_are_loaded_and_looked_at_from_the_command_line(
    emulator, monkeypatch, tmp_path
):
    deployed(emulator, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "penstock.toml").write_text(
        f'[aws]\nenvironment = "dev"\nendpoint = "{emulator.endpoint}"\n'
        'region = "us-east-1"\n'
    )
    rows = [{"user_id": f"u{n}", "name": "Ada"} for n in range(30)]
    (tmp_path / "users.json").write_text(json.dumps(rows))
    where = ["--key", "user_id"]
    said = penstock(
        "lookup", "load", "none", "users.json", "--to", "aws", *where, code=2
    )
    assert "crypto-lookup-none-dev: ResourceNotFoundException" in said.stderr
    make_table(make_clients(emulator.endpoint), "crypto-lookup-users-dev", "user_id")
    loaded = read_json("lookup", "load", "users", "users.json", "--to", "aws", *where)
    assert loaded["rows"] == 30
    got = read_json("lookup", "get", "users", "u7", "--from", "aws", *where)
    assert got == [rows[7]]
    listed = read_json("lookup", "list", "users", "--from", "aws", "--limit", 5, *where)
    assert len(listed) == 5
