"""What every Stream must do."""

import time

import pytest

from penstock.errors import UnavailableError
from penstock.sharding import shard_of
from tests.contract.samples import BTC, ETH, SOL, entry

KEYS = [f"coinbase:T{n}-USD" for n in range(40)]


@pytest.fixture
def stream(backend):
    return backend.stream


def everything(stream):
    """Read all records, shard after shard."""
    return [r for s in stream.shards() for r in stream.read(s, after=0, limit=10_000)]


def texts(stream, key):
    # Entries of one call and key may share a record.
    found = [r.data for r in everything(stream) if r.key == key]
    return b"".join(found).decode().split()


def refused_of(stream, entries):
    """Append; where nothing is known about any entry, all have to come again."""
    try:
        return stream.append(entries)
    except UnavailableError:
        return entries


def test_a_new_stream_has_shards_and_no_records(stream):
    assert len(set(stream.shards())) == len(stream.shards()) == 4
    assert everything(stream) == []
    assert stream.marks() == {}


def test_what_is_appended_is_read_with_its_key_bytes_and_time(backend, stream):
    before = time.time()
    assert stream.append([entry(BTC, "a"), entry(ETH, "b")]) == []
    records = everything(stream)
    assert {(r.key, r.data) for r in records} == {(BTC, b"a\n"), (ETH, b"b\n")}
    for record in records:
        if backend.arrival_us is not None:
            assert record.arrival_us == backend.arrival_us
        else:
            assert before - 1 < record.arrival_us / 1e6 < time.time() + 1


def test_nothing_can_be_appended(stream):
    assert stream.append([]) == []
    assert everything(stream) == []


def test_one_key_stays_in_order_in_one_shard_over_many_calls(stream):
    for call in range(5):
        stream.append([entry(k, f"{call}.{n}") for n in range(3) for k in KEYS])
    in_order = [f"{call}.{n}" for call in range(5) for n in range(3)]
    assert {key: texts(stream, key) for key in KEYS} == dict.fromkeys(KEYS, in_order)
    for key in KEYS:
        assert len({r.shard for r in everything(stream) if r.key == key}) == 1


def test_keys_spread_over_the_shards_by_their_md5(stream):
    stream.append([entry(key) for key in KEYS])
    names = stream.shards()
    expected = {key: names[shard_of(key, len(names))] for key in KEYS}
    assert {r.key: r.shard for r in everything(stream)} == expected
    assert set(expected.values()) == set(names)


def test_shards_that_never_changed_have_no_parents(stream):
    assert [list(stream.parents(shard)) for shard in stream.shards()] == [[]] * 4


def test_sequence_numbers_are_above_zero_and_rise_within_a_shard(stream):
    for _ in range(3):
        stream.append([entry(key) for key in KEYS])
    for shard in stream.shards():
        read = stream.read(shard, after=0, limit=10_000)
        numbers = [r.sequence_number for r in read]
        assert numbers == sorted(set(numbers))
        assert numbers[0] > 0
        assert {r.shard for r in read} == {shard}


def test_reading_goes_on_after_a_sequence_number_up_to_the_limit(stream):
    for n in range(10):
        stream.append([entry(BTC, str(n))])
    (shard,) = {r.shard for r in everything(stream)}
    pages, after = [], 0
    while page := stream.read(shard, after=after, limit=4):
        pages.append([r.data.decode().strip() for r in page])
        after = page[-1].sequence_number
    assert pages == [["0", "1", "2", "3"], ["4", "5", "6", "7"], ["8", "9"]]


def test_an_empty_read_is_not_the_end(stream):
    stream.append([entry(BTC, "early")])
    (first,) = everything(stream)
    assert stream.read(first.shard, after=first.sequence_number, limit=9) == []
    stream.append([entry(BTC, "late")])
    (late,) = stream.read(first.shard, after=first.sequence_number, limit=9)
    assert late.data == b"late\n"


def test_marks_are_the_highest_seq_of_each_key(backend, stream):
    stream.append([entry(BTC, last_seq=7), entry(BTC, last_seq=9), entry(ETH)])
    stream.append([entry(BTC, last_seq=8), entry(SOL, last_seq=2**63 - 1)])
    expected = {BTC: 9, SOL: 2**63 - 1} if backend.knows_marks else {}
    assert stream.marks() == expected


def test_a_refused_key_is_refused_whole_and_holds_up_no_other(backend, stream):
    entries = [
        entry(key, f"{key}.{n}", last_seq=n) for n in (1, 2) for key in (BTC, ETH, SOL)
    ]
    with backend.refusing(BTC) as affected:
        refused = refused_of(stream, entries)
    assert refused == [e for e in entries if affected(e.key)]
    stored = {key for key in (BTC, ETH, SOL) if not affected(key)}
    assert {r.key for r in everything(stream)} == stored
    if backend.knows_marks:
        assert stream.marks() == dict.fromkeys(stored, 2)


def test_what_was_refused_is_taken_later_in_order(backend, stream):
    entries = [entry(key, str(n)) for n in range(3) for key in (BTC, ETH)]
    with backend.refusing(BTC):
        refused = refused_of(stream, entries)
    assert stream.append(refused) == []
    assert texts(stream, BTC) == texts(stream, ETH) == ["0", "1", "2"]
