from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from penstock.codec import encode_trade
from penstock.entrypoints.kpl import MAGIC, unpack
from penstock.ports import Record
from tests.kpl import aggregate, field, message_of, sealed
from tests.tape import tape
from tests.worlds import BTC, ETH, World


def record(data, key="any"):
    return Record("shard-0", 7, key, data, arrival_us=99)


def test_bytes_of_the_format_document():
    # By hand: key "a", key "b"; records (0, "x") and (1, "y\n"), the second first.
    message = bytes.fromhex("0a0161 0a0162 1a06 0801 1a02 790a 1a05 0800 1a01 78")
    parts = unpack(record(sealed(message)))
    assert parts == [
        Record("shard-0", 7, "b", b"y\n", 99, first_line=0),
        Record("shard-0", 7, "a", b"x\n", 99, first_line=1),
    ]


def test_what_was_not_aggregated_comes_back_as_it_is():
    plain = record(b'{"venue":"test"}\n')
    assert unpack(plain) == [plain]
    assert unpack(record(b"")) == [record(b"")]


def test_an_empty_aggregate_is_no_record():
    assert unpack(record(sealed(b""))) == []


def test_records_of_one_key_are_put_together_and_others_are_not():
    data = aggregate([("a", b"1\n"), ("b", b"2\n3\n"), ("a", b"4"), ("b", b"5\n")])
    assert [(r.key, r.data, r.first_line) for r in unpack(record(data))] == [
        ("a", b"1\n4\n", 0),
        ("b", b"2\n3\n5\n", 2),
    ]


def test_fields_that_do_not_matter_are_passed_over():
    tag = field(4, field(1, b"name") + field(2, b"value"))
    body = field(3, field(1, 0) + field(2, 0) + field(3, b"x\n") + tag)
    fixed = bytes([9 << 3 | 1]) + bytes(8) + bytes([10 << 3 | 5]) + bytes(4)
    hashed = field(2, b"340282366920938463463374607431768211455")
    message = body + fixed + hashed + field(1, b"a") + field(11, 300)
    assert [(r.key, r.data) for r in unpack(record(sealed(message)))] == [("a", b"x\n")]


def test_what_is_damaged_comes_back_as_it_is():
    good = aggregate([("a", b"x\n")])
    named = field(1, b"a")
    messages = (
        named + field(3, field(1, 1) + field(3, b"x")),  # no such key
        named + field(3, field(3, b"x")),  # no key
        named + field(3, field(1, b"0") + field(3, b"x")),  # a key of another type
        named + field(3, field(1, 0)),  # no data
        named + field(3, field(1, 0) + field(3, 5)),  # data of another type
        named + field(3, 5),  # a record of another type
        field(1, 5),  # a key of another type
        field(1, b"\xff"),  # a key that is no text
        field(1, b"abc")[:-1],  # a field that does not end
        b"\x0a",  # a field without its length
        b"\x08" + b"\xff" * 12,  # an integer that does not end
        b"\x0b",  # a group, which proto2 has given up
    )
    damaged = [MAGIC, MAGIC + b"short", good[:-1], good + b"\n", *map(sealed, messages)]
    for data in damaged:
        assert unpack(record(data)) == [record(data)]


RECORDS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "é:É", ""]), st.binary(max_size=300)),
    max_size=12,
)


@given(RECORDS, st.booleans(), st.sampled_from([(), ("1",), ("1", "2")]))
def test_each_keys_bytes_come_out_in_order(records, shares_keys, hash_keys):
    data = aggregate(records, shares_keys=shares_keys, hash_keys=hash_keys)
    parts = unpack(record(data))
    expected = {}
    for key, value in records:
        ended = value if value.endswith(b"\n") else value + b"\n"
        expected[key] = expected.get(key, b"") + ended
    assert {r.key: r.data for r in parts} == expected
    assert len(parts) == len(expected)
    # Line numbers do not overlap.
    ends = [0, *(r.first_line + r.data.count(b"\n") for r in parts)]
    assert [r.first_line for r in parts] == ends[:-1]


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_stop_it(data, is_sealed):
    found = record(sealed(data) if is_sealed else MAGIC + data)
    parts = unpack(found)
    assert parts == [found] or all(r.sequence_number == 7 for r in parts)


@given(RECORDS.filter(bool), st.data())
def test_one_wrong_byte_is_noticed(records, draw):
    data = bytearray(aggregate(records))
    at = draw.draw(st.integers(len(MAGIC), len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    damaged = record(bytes(data))
    assert unpack(damaged) == [damaged]


def test_aggregated_trades_are_applied_and_redelivered_ones_are_not():
    world = World()
    btc = tape((100, 0), (101, 1))
    eth = [replace(btc[0], symbol="ETH-USD")]
    data = aggregate(
        [
            (BTC, encode_trade(btc[0])),
            (ETH, encode_trade(eth[0])),
            (BTC, encode_trade(btc[1])),
        ]
    )
    result = world.process(unpack(record(data)))
    assert (result.applied, result.dead_letters) == (3, 0)
    assert world.state(BTC).last_seq == btc[1].seq
    assert world.process(unpack(record(data))).redelivered == 3


def test_a_damaged_aggregate_is_kept_as_a_dead_letter():
    world = World()
    data = sealed(message_of([(BTC, b"x")]) + b"\x0b")
    result = world.process(unpack(record(data, BTC)))
    assert (result.applied, result.failed) == (0, {})
    letters = world.ports.dead_letters.list()
    assert b"\n".join(letter.data for letter in letters) == data
