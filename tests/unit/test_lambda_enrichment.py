"""The enrichment function: events in, objects out, what is answered and said."""

import gzip
import json

import pytest

from penstock.enrichment import EnrichmentPorts, Lookup
from penstock.entrypoints.lambda_enrichment import Enrichment
from penstock.errors import BadRecordError, ConfigError
from penstock.memory import (
    MemoryDeadLetters,
    MemoryLookupTable,
    MemoryObjects,
    refusing,
)
from penstock.ports import Record
from tests.kpl import aggregate
from tests.lambdas import NOW_US, Context, Lines, kinesis_event, metrics_of

# Sequence numbers as Kinesis gives them: 56 digits.
BASE = 49545115243490985018280067714973144582180062593244200961
SHARD = "shardId-000000000006"
CLICK = {
    "event_type": "page_view",
    "user_id": "u1",
    "page": "/pricing",
    "timestamp": "2024-11-20T23:40:00Z",
    "session_id": "s1",
}
ADA = {"user_id": "u1", "name": "Ada"}


def of(n, event, key="s1"):
    data = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Record("s", BASE + n, key, data, arrival_us=NOW_US - 3_000_000)


class Function:
    """An enrichment over ports in memory, and its lines."""

    def __init__(self):
        self.down = set()
        fault = refusing(self.down)
        users = MemoryLookupTable("user_id", fault=fault)
        users.put([ADA])
        self.objects = MemoryObjects(fault=fault)
        self.dead_letters = MemoryDeadLetters(fault=fault)
        self.lines = Lines()
        ports = EnrichmentPorts(
            lookups=[Lookup(users, key="user_id", into="user", ttl_us=1)],
            objects=self.objects,
            dead_letters=self.dead_letters,
        )
        self.enrichment = Enrichment(ports, self.lines.log, clock_us=lambda: NOW_US)

    def __call__(self, *records):
        # Through JSON, as Lambda passes it.
        event = json.loads(json.dumps(kinesis_event(*records)))
        return self.enrichment.handle(event, Context())

    def events(self):
        stored = (self.objects.get(key) for key in self.objects.keys(""))
        lines = [line for data in stored for line in gzip.decompress(data).splitlines()]
        return [json.loads(line) for line in lines]


def test_clicks_are_stored_enriched_and_told():
    function = Function()
    clicks = [of(0, CLICK), of(1, CLICK | {"user_id": "u9"}, key="s2"), of(2, b"?")]
    assert function(*clicks) == {"batchItemFailures": []}
    first, second = function.events()
    assert first.pop("penstock") == {"id": f"{SHARD}/{BASE}/0", "missing": []}
    assert first == CLICK | {"user": ADA}
    assert second["penstock"]["missing"] == ["user"]
    (key,) = function.objects.keys("")
    line = function.lines.last()
    assert metrics_of(line) == {
        "Records": 3,
        "Events": 2,
        "MissingRows": 1,
        "DeadLetters": 1,
        "FailedBatches": 0,
        "IteratorAge": 3000.0,
    }
    assert key == f"enriched-data/2023/11/14/22/{SHARD}-{BASE}-{BASE + 2}.gz"
    said = {"level": "info", "event": "batch", "object": key, "error": ""}
    said |= {"shard": SHARD, "first": str(BASE), "last": str(BASE + 2), "resume_at": ""}
    assert said.items() <= line.items()
    assert [letter.data for letter in function.dead_letters.list()] == [b"?"]


def test_events_that_were_aggregated_are_taken_apart():
    function = Function()
    data = aggregate([("k", b'{"n":1}'), ("k", b'{"n":2}'), ("l", b'{"n":3}')])
    assert function(of(0, data)) == {"batchItemFailures": []}
    events = function.events()
    assert [event["n"] for event in events] == [1, 2, 3]
    assert len({event["penstock"]["id"] for event in events}) == 3


def test_where_a_table_does_not_answer_the_batch_comes_again_whole():
    function = Function()
    function.down.add("u1")
    answer = function(of(3, {"n": 1}), of(4, CLICK))
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(BASE + 3)}]}
    assert function.events() == []
    line = function.lines.last()
    assert (line["level"], line["resume_at"]) == ("warning", str(BASE + 3))
    assert "get 'u1'" in line["error"]
    assert metrics_of(line)["FailedBatches"] == 1
    function.down.clear()
    assert function(of(3, {"n": 1}), of(4, CLICK)) == {"batchItemFailures": []}
    assert len(function.events()) == 2


def test_an_event_of_something_else_is_an_error():
    function = Function()
    with pytest.raises(BadRecordError, match="found detail"):
        function.enrichment.handle({"detail": {}}, Context())
    assert function.lines.last()["event"] == "batch failed"


def test_what_no_retry_helps_is_an_error():
    function = Function()

    def fault(operation, key, done):
        raise ConfigError("no such table")

    function.objects.fault = fault
    with pytest.raises(ConfigError):
        function(of(0, CLICK))
    assert function.lines.last()["error"] == "ConfigError: no such table"


def test_an_event_without_records_is_done():
    function = Function()
    assert function() == {"batchItemFailures": []}
    assert metrics_of(function.lines.last())["Events"] == 0
