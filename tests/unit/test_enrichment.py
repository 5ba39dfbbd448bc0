"""`enrich_batch`: what is looked up, what is kept as it came, what is put aside."""

import gzip
import json

import pytest

from penstock.enrichment import (
    EnrichmentPorts,
    EnrichResult,
    Lookup,
    enrich_batch,
)
from penstock.memory import (
    MemoryDeadLetters,
    MemoryLookupTable,
    MemoryObjects,
    refusing,
)
from penstock.ports import MAX_KEY_BYTES, Record

NOW_US = 1_732_146_000_000_000
CLICK = (
    b'{"event_type":"page_view","user_id":"u1","page":"/pricing",'
    b'"timestamp":"2024-11-20T23:40:00Z","session_id":"s1"}'
)
ADA = {"user_id": "u1", "name": "Ada", "company": {"id": 7}}


class World:
    """Ports in memory, with a table of users and one of companies."""

    def __init__(self, **options):
        self.down = set()
        fault = refusing(self.down)
        self.asked = []

        def watched(operation, key, done):
            self.asked += [key] if operation == "get" else []
            fault(operation, key, done)

        self.users = MemoryLookupTable("user_id", fault=watched)
        self.users.put([ADA])
        self.companies = MemoryLookupTable("id", fault=fault)
        self.companies.put([{"id": "7", "title": "Engines"}])
        self.objects = MemoryObjects(fault=fault)
        self.dead_letters = MemoryDeadLetters(fault=fault)
        settings = {"key": "user_id", "into": "user", "ttl_us": 60_000_000}
        self.lookups = [Lookup(self.users, **settings | options)]

    def enrich(self, *data, first=41, now_us=NOW_US):
        records = [
            Record("shard-0", number, "k", one, NOW_US)
            for number, one in enumerate(data, first)
        ]
        return self.enrich_records(records, now_us=now_us)

    def enrich_records(self, records, *, now_us=NOW_US):
        ports = EnrichmentPorts(
            lookups=self.lookups, objects=self.objects, dead_letters=self.dead_letters
        )
        return enrich_batch(records, ports, now_us)

    def lines(self):
        stored = (self.objects.get(key) for key in self.objects.keys(""))
        return [line for data in stored for line in gzip.decompress(data).splitlines()]

    def events(self):
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def world():
    return World()


def test_a_click_gets_its_user_and_where_it_came_from(world):
    assert world.enrich(CLICK) == EnrichResult(events=1, key=world_key(41, 41))
    assert world.events() == [
        {
            **json.loads(CLICK),
            "user": ADA,
            "penstock": {"id": "shard-0/41/0", "missing": []},
        }
    ]


def world_key(first, last):
    return f"enriched-data/2024/11/20/23/shard-0-{first:020d}-{last:020d}.gz"


def test_a_batch_is_one_object_in_stream_order_and_the_same_bytes_again(world):
    batch = (b'{"n":1}\n{"n":2}\n', b'{"n":3}\n')
    world.enrich(*batch)
    (key,) = world.objects.keys("")
    assert key == world_key(41, 42)
    before = world.objects.get(key)
    world.enrich(*batch)
    assert [event["n"] for event in world.events()] == [1, 2, 3]
    assert world.objects.get(key) == before


def test_an_event_has_the_same_id_however_its_batch_is_divided(world):
    world.enrich(CLICK, CLICK, CLICK)
    ids = [event["penstock"]["id"] for event in world.events()]
    divided = World()
    divided.enrich(CLICK)
    divided.enrich(CLICK, CLICK, first=42)
    assert [event["penstock"]["id"] for event in divided.events()] == ids
    assert len({*ids}) == 3


def test_a_late_writer_of_a_shorter_batch_replaces_nothing(world):
    world.enrich(CLICK, CLICK)
    world.enrich(CLICK)
    ids = [event["penstock"]["id"] for event in world.events()]
    assert {*ids} == {"shard-0/41/0", "shard-0/42/0"}


def test_what_no_lookup_goes_by_travels_as_it_was_written(world):
    number = b"1.10000000000000000000000000000000000001"
    text = '"\\u00e9\\/ é"'.encode()
    world.enrich(b'{"user_id":"u1","a":%b,"b":[1e999,{}],"c":%b}' % (number, text))
    (line,) = world.lines()
    assert b'"a":%b,"b":[1e999,{}],"c":%b,"user":' % (number, text) in line


@pytest.mark.parametrize(
    "fields",
    [
        b'"user_id":"u2"',
        b'"user_id":""',
        b'"user_id":null',
        b'"user_id":true',
        b'"user_id":1.5',
        b'"user_id":["u1"]',
        b'"user_id":"%b"' % (b"x" * (MAX_KEY_BYTES + 1)),
        b'"page":"/"',
    ],
)
def test_a_missing_row_is_marked_and_the_event_goes_on(world, fields):
    result = world.enrich(b"{%b}" % fields)
    assert (result.events, result.missing, result.dead_letters) == (1, 1, 0)
    (event,) = (json.loads(line) for line in world.lines())
    assert event["user"] is None
    assert event["penstock"]["missing"] == ["user"]


def test_a_whole_number_picks_a_row_by_its_digits(world):
    world.users.put([{"user_id": "42", "name": "Bob"}])
    world.enrich(b'{"user_id":42}')
    assert world.events()[0]["user"]["name"] == "Bob"


def test_a_lookup_can_go_by_what_an_earlier_one_found(world):
    options = {"key": "user.company.id", "into": "company", "ttl_us": 0}
    world.lookups.append(Lookup(world.companies, **options))
    result = world.enrich(CLICK, b'{"user_id":"u2"}')
    assert [event["company"] for event in world.events()] == [
        {"id": "7", "title": "Engines"},
        None,
    ]
    assert result.missing == 2
    assert world.events()[1]["penstock"]["missing"] == ["user", "company"]


def test_a_field_whose_name_has_dots_is_found_by_it():
    world = World(key="user.id")
    world.enrich(b'{"user.id":"u1"}')
    assert world.events()[0]["user"] == ADA


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"not JSON", "not an event, which is a JSON object: JSON is malformed"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"a":', "truncated"),
        (b'{"a":"\xff"}', "invalid start byte"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
    ],
)
def test_a_line_that_is_no_event_is_put_aside_and_the_others_go_on(world, bad, reason):
    result = world.enrich(CLICK + b"\n" + bad + b"\n" + CLICK, CLICK)
    assert (result.events, result.dead_letters, result.failed) == (3, 1, None)
    (letter,) = world.dead_letters.list()
    assert (letter.id, letter.data, letter.key) == ("shard-0/41/1", bad, "k")
    assert reason in letter.reason
    ids = [event["penstock"]["id"] for event in world.events()]
    assert ids == ["shard-0/41/0", "shard-0/41/2", "shard-0/42/0"]


def test_nothing_but_bad_lines_makes_no_object(world):
    assert world.enrich(b"?\n\n?") == EnrichResult(dead_letters=2)
    assert world.lines() == []


def test_one_object_written_over_several_lines_is_one_event(world):
    world.enrich(json.dumps(json.loads(CLICK), indent=2).encode())
    (event,) = world.events()
    assert event["user"] == ADA
    assert event["penstock"]["id"] == "shard-0/41/0"


def test_a_part_of_an_aggregated_record_counts_its_lines_from_where_it_stood(world):
    record = Record("shard-0", 41, "k", b"{}\n{}\n?", NOW_US, first_line=5)
    world.enrich_records([record])
    ids = [event["penstock"]["id"] for event in world.events()]
    assert ids == ["shard-0/41/5", "shard-0/41/6"]
    assert world.dead_letters.list()[0].id == "shard-0/41/7"


@pytest.mark.parametrize("down", ["u1", "shard-0/42/0", world_key(41, 42)])
def test_a_batch_whose_stores_do_not_answer_comes_again_whole(world, down):
    world.down.add(down)
    failed = world.enrich(CLICK, b"?")
    assert (failed.events, failed.dead_letters, failed.key) == (0, 0, "")
    assert down in str(failed.failed)
    assert world.lines() == []
    world.down.clear()
    assert world.enrich(CLICK, b"?").events == 1
    assert len(world.events()) == len(world.dead_letters.list()) == 1


def test_rows_are_used_again_until_they_are_too_old(world):
    for seconds, asked in ((0, 1), (1, 1), (59.9, 1), (60, 2), (61, 2)):
        world.enrich(CLICK, CLICK, now_us=NOW_US + round(seconds * 1e6))
        assert len(world.asked) == asked


def test_a_row_that_changed_is_seen_once_the_old_one_is_too_old(world):
    world.enrich(CLICK)
    world.users.put([{"user_id": "u1", "name": "Augusta"}])
    world.enrich(CLICK, first=50)
    world.enrich(CLICK, first=60, now_us=NOW_US + 60_000_000)
    names = [event["user"]["name"] for event in world.events()]
    assert names == ["Ada", "Ada", "Augusta"]


def test_a_row_that_was_missing_is_seen_as_soon_as_it_is_there(world):
    world.enrich(b'{"user_id":"u2"}')
    world.users.put([{"user_id": "u2"}])
    world.enrich(b'{"user_id":"u2"}', first=50)
    assert [event["user"] for event in world.events()] == [None, {"user_id": "u2"}]


def test_a_time_to_live_of_zero_keeps_nothing():
    world = World(ttl_us=0)
    world.enrich(CLICK)
    world.enrich(CLICK)
    assert world.asked == ["u1", "u1"]


def test_what_is_kept_of_rows_is_bounded_and_the_oldest_goes_first():
    world = World(max_bytes=100)
    rows = [{"user_id": f"u{n}", "text": "x" * 20} for n in range(5)]
    world.users.put(rows)
    for n in (0, 1, 2, 1, 0):
        world.enrich(b'{"user_id":"u%d"}' % n)
    # Two rows of 44 bytes fit: u0 went when u2 came.
    assert world.asked == ["u0", "u1", "u2", "u0"]


def test_a_row_larger_than_what_is_kept_is_used_and_not_kept():
    world = World(max_bytes=10)
    world.enrich(CLICK)
    world.enrich(CLICK)
    assert [event["user"] for event in world.events()] == [ADA]
    assert world.asked == ["u1", "u1"]


def test_without_lookups_events_are_only_stored(world):
    world.lookups.clear()
    world.enrich(b'{"a":1}')
    assert world.lines() == [b'{"a":1,"penstock":{"id":"shard-0/41/0","missing":[]}}']
