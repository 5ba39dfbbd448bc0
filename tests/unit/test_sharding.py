"""Keys to shards, as Kinesis spreads them."""

from hashlib import md5

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.sharding import shard_names, shard_of


@given(key=st.text(max_size=30), shards=st.integers(1, 1000))
@settings(max_examples=50)
def test_a_key_lies_in_the_shard_whose_range_holds_its_md5(key, shards):
    place = int(md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
    shard = shard_of(key, shards)
    assert shard * 2**128 <= place * shards < (shard + 1) * 2**128


def test_low_md5s_are_in_the_first_shard_and_high_ones_in_the_last():
    # d41d8... is the digest of nothing, 0cc17... that of "a".
    assert shard_of("", 2) == 1
    assert shard_of("a", 2) == 0


def test_one_shard_takes_everything():
    assert {shard_of(f"coinbase:T{n}-USD", 1) for n in range(100)} == {0}


def test_keys_spread_evenly():
    shards = [shard_of(f"coinbase:T{n}-USD", 4) for n in range(1000)]
    assert all(200 < shards.count(number) < 300 for number in range(4))


def test_shards_are_named_by_number_in_order():
    names = shard_names(12)
    assert len(set(names)) == 12
    assert list(names) == sorted(names)
    assert names[11] == "shardId-000000000011"
