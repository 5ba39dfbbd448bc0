"""infra/facts.json: valid, and no number in it could be taken for another."""

import json
import subprocess
from itertools import pairwise

import pytest

from penstock import layout
from penstock.model import CompletedTrade, DeadLetter
from tests.infra.templates import BIN, FACTS, INFRA, walk

VALIDATE = """
import json, sys
from jsonschema import Draft202012Validator as Validator
schema = json.load(open(sys.argv[1]))
Validator.check_schema(schema)
errors = Validator(schema).iter_errors(json.load(sys.stdin))
print(json.dumps([f"{e.json_path}: {e.message}" for e in errors]))
"""
SCHEMA = INFRA / "facts.schema.json"


def errors(facts):
    done = subprocess.run(
        [BIN / "python", "-c", VALIDATE, SCHEMA],
        input=json.dumps(facts),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)


def test_the_facts_are_as_their_schema_says():
    assert errors(FACTS) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("stream.shards", 0, "$.stream.shards"),
        ("functions.memory_mb", 100, "$.functions.memory_mb"),
        ("functions.log_retention_days", 401, "$.functions.log_retention_days"),
        ("stream.retention_days", 2, "$.stream"),
        ("names.consumer", "Consumer", "$.names.consumer"),
    ],
)
def test_a_fact_that_cannot_be_is_named(path, value, where):
    group, _, key = path.partition(".")
    (error,) = errors(FACTS | {group: FACTS[group] | {key: value}})
    assert error.startswith(f"{where}: ")


def objects_of(schema):
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from objects_of(inner)


def test_the_schema_describes_everything_and_lets_nothing_else_in():
    schema = json.loads(SCHEMA.read_text())
    for found in objects_of(schema):
        assert "additionalProperties" in found
        for key, inner in found.get("properties", {}).items():
            assert inner.get("description") or inner.get("items"), key


def test_no_two_numbers_are_equal():
    numbers = [v for _, v in walk(FACTS) if isinstance(v, int)]
    assert len(numbers) == len(set(numbers))


def test_no_two_resources_have_one_name():
    assert len(FACTS["names"]) == len(set(FACTS["names"].values()))


def test_objects_grow_cheaper_before_they_go():
    for part in FACTS["bucket"].values():
        if isinstance(part, dict):
            ages = [v for k, v in part.items() if k.endswith("_days")]
            # Glacier Instant Retrieval takes what has been infrequent for a month.
            assert all(later - age >= 30 for age, later in pairwise(ages))


def test_a_batch_is_given_up_before_its_records_leave_the_stream():
    for mapping, stream in (("consumer", "stream"), ("enrichment", "events")):
        hours = FACTS[stream]["retention_hours"]
        assert FACTS[mapping]["record_age_s"] < hours * 3600


def test_somebody_is_woken_long_before_records_leave_the_stream():
    retention_ms = FACTS["stream"]["retention_hours"] * 3_600_000
    assert FACTS["alarms"]["iterator_age_warn_ms"] < retention_ms / 4
    assert FACTS["alarms"]["iterator_age_page_ms"] < retention_ms / 2


def test_the_folders_are_those_that_the_functions_write_to():
    bucket = FACTS["bucket"]
    assert bucket["raw"]["prefix"] == layout.RAW_DATA
    assert bucket["enriched"]["prefix"] == layout.ENRICHED_DATA
    assert bucket["completed"]["prefix"] == layout.COMPLETED_TRADES
    assert bucket["dead_letter"]["prefix"] == layout.DEAD_LETTERS


def test_the_tables_have_the_columns_of_what_is_written():
    tables = FACTS["tables"]
    for table, written in (
        ("completed_trades", CompletedTrade),
        ("dead_letters", DeadLetter),
    ):
        assert list(tables[table]["columns"]) == list(written.__struct_encode_fields__)
    assert list(tables["raw_data"]["columns"]) == [
        "venue", "symbol", "price", "size", "side", "event_us", "received_us",
        "trade_id", "seq", "gap", "backfilled",
    ]  # fmt: skip
