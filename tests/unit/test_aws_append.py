"""Appending to Kinesis: order per key whatever is refused, and each call's limits."""

import itertools
from types import SimpleNamespace

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws import kinesis, patience
from penstock.errors import UnavailableError
from penstock.ports import Entry

KEYS = [f"coinbase:T{n}-USD" for n in range(5)]
SIZES = (1, 4_000, 60_000, 102_400, 150_000)


class Client:
    """Stores what `decide` lets through; asked per call: "lost", or who is refused."""

    def __init__(self, decide):
        self.decide = decide
        self.calls = []
        self.stored = {}

    def put_records(self, *, Records, StreamName):
        self.calls.append(Records)
        decision = self.decide(Records)
        if decision == "silent":
            raise ReadTimeoutError(endpoint_url="kinesis")
        results = []
        for n, record in enumerate(Records):
            if decision != "lost" and n in decision:
                results.append({"ErrorCode": "ProvisionedThroughputExceededException"})
            else:
                key = record["PartitionKey"]
                self.stored[key] = self.stored.get(key, b"") + bytes(record["Data"])
                results.append({"SequenceNumber": "1", "ShardId": "shard"})
        if decision == "lost":  # the answer, after the write
            raise ReadTimeoutError(endpoint_url="kinesis")
        return {"Records": results}


def stream_on(client):
    return kinesis.KinesisStream(lambda _service, **_: client, "s")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that goes on a second each time that somebody looks."""
    seconds = itertools.count()
    fake = SimpleNamespace(monotonic=lambda: float(next(seconds)), sleep=lambda _: None)
    monkeypatch.setattr(patience, "time", fake)
    monkeypatch.setattr(kinesis, "time", fake)


def entries_of(sizes_by_key):
    return [
        Entry(key=key, data=b"%d|" % n + b"x" * size, last_seq=n, trades=1)
        for n, (key, size) in enumerate(sizes_by_key)
    ]


ENTRIES = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(SIZES)), max_size=40
).map(entries_of)


@given(entries=ENTRIES, chance=st.randoms(use_true_random=False))
def test_of_each_key_a_suffix_is_refused_and_the_rest_stored_in_order(entries, chance):
    client = Client(lambda puts: {n for n in range(len(puts)) if chance.random() < 0.5})
    refused = {id(entry) for entry in stream_on(client).append(entries)}
    for key in KEYS:
        own = [entry for entry in entries if entry.key == key]
        flags = [id(entry) in refused for entry in own]
        assert flags == sorted(flags)
        kept = b"".join(e.data for e, flag in zip(own, flags, strict=True) if not flag)
        assert client.stored.get(key, b"") == kept
    for call in client.calls:
        keys = [record["PartitionKey"] for record in call]
        assert len(keys) == len(set(keys))


@given(entries=ENTRIES, chance=st.randoms(use_true_random=False))
def test_what_is_not_returned_is_stored_though_answers_are_lost(entries, chance):
    client = Client(lambda _: chance.choice(["lost", "silent", {0}, ()]))
    try:
        refused = stream_on(client).append(entries)
    except UnavailableError:
        refused = entries
    known = {id(entry) for entry in refused}
    for entry in entries:
        assert id(entry) in known or entry.data in client.stored[entry.key]


def test_a_call_holds_500_records():
    client = Client(lambda _: ())
    entries = [Entry(key=f"k{n}", data=b"x", last_seq=n, trades=1) for n in range(1001)]
    assert stream_on(client).append(entries) == []
    assert [len(call) for call in client.calls] == [500, 500, 1]


def test_a_call_holds_10_mebibytes_keys_among_them():
    # The largest records that Kinesis took before it took more: keys and data, 1 MiB.
    client = Client(lambda _: ())
    data = b"x" * (1024 * 1024 - 3)
    entries = [
        Entry(key=f"k{n:02}", data=data, last_seq=n, trades=1) for n in range(11)
    ]
    assert stream_on(client).append(entries) == []
    assert [len(call) for call in client.calls] == [10, 1]


def test_entries_of_a_key_become_one_record_of_102_400_bytes_and_no_more():
    client = Client(lambda _: ())
    sizes = [100_000, 2_400, 1, 102_399, 150_000, 1]
    entries = [Entry(key="k", data=b"x" * n, last_seq=n, trades=1) for n in sizes]
    assert stream_on(client).append(entries) == []
    ((first,), (second,), (third,), (fourth,)) = client.calls
    lengths = [len(put["Data"]) for put in (first, second, third, fourth)]
    assert lengths == [102_400, 102_400, 150_000, 1]


def test_after_ten_seconds_no_call_begins_and_the_rest_is_returned():
    client = Client(lambda _: ())
    big = b"x" * kinesis.MERGED_BYTES
    entries = [Entry(key="k", data=big, last_seq=n, trades=1) for n in range(50)]
    rest = stream_on(client).append(entries)
    assert 1 < len(client.calls) <= 11
    assert rest == entries[len(client.calls) :]


def test_where_nothing_answers_it_says_so_within_the_ten_seconds():
    client = Client(lambda _: "silent")
    with pytest.raises(UnavailableError, match="no answer from AWS"):
        stream_on(client).append(entries_of([("k", 1)]))
    assert 1 < len(client.calls) <= 11


def test_puts_are_tried_again_by_nobody_else():
    asked = []

    def clients(service, **how):
        asked.append((service, how))
        return Client(lambda _: ())

    kinesis.KinesisStream(clients, "s").append(entries_of([("k", 1)]))
    assert asked == [("kinesis", {"once": True})]
