"""What every LookupTable must do."""

import pytest

from penstock.errors import UnavailableError
from penstock.ports import MAX_KEY_BYTES


@pytest.fixture
def users(backend):
    return backend.lookups("users", "user_id")


def user(key, **fields):
    return {"user_id": key, **fields}


def test_a_row_is_read_as_it_was_put(users):
    row = user(
        "u1",
        name="Ada Lovelace \N{SNOWMAN}",
        age=36,
        balance=-0.125,
        large=12345678901234567890,
        tags=["a", "", 1, None],
        address={"city": "London", "lines": [], "more": {}},
        active=True,
        gone=False,
        left=None,
        empty="",
    )
    users.put([row])
    assert users.get(["u1"]) == {"u1": row}


def test_numbers_keep_their_kind(users):
    users.put([user("u1", whole=5, real=5.5, exact=0.1 + 0.2, small=1e-30)])
    stored = users.get(["u1"])["u1"]
    assert [type(stored[name]) for name in ("whole", "real")] == [int, float]
    assert (stored["exact"], stored["small"]) == (0.1 + 0.2, 1e-30)


def test_only_keys_that_have_a_row_are_returned(users):
    users.put([user("u1"), user("u2")])
    assert users.get(["u2", "u3"]) == {"u2": user("u2")}
    assert users.get([]) == {}
    assert users.list() != []


def test_an_empty_table_has_nothing(users):
    users.put([])
    assert users.get(["u1"]) == {}
    assert users.list() == []


def test_a_row_replaces_the_one_of_its_key_whole(users):
    users.put([user("u1", name="Ada", plan="free")])
    users.put([user("u1", plan="pro")])
    assert users.get(["u1"]) == {"u1": user("u1", plan="pro")}


def test_of_equal_keys_in_one_call_the_last_stays(users):
    users.put([user("u1", n=1), user("u2", n=2), user("u1", n=3)])
    assert users.get(["u1", "u2"]) == {"u1": user("u1", n=3), "u2": user("u2", n=2)}


def test_any_number_of_rows_goes_in_and_out(users):
    keys = [f"u{number}" for number in range(257)]
    users.put([user(key, of=key) for key in keys])
    assert users.get(keys) == {key: user(key, of=key) for key in keys}
    assert sorted(row["user_id"] for row in users.list()) == sorted(keys)
    assert len(users.list(limit=5)) == 5


def test_keys_may_be_as_long_as_allowed_and_hold_any_character(users):
    keys = ["x" * MAX_KEY_BYTES, "a/b c'\"%_*\\\u2603", "7", "07"]
    users.put([user(key) for key in keys])
    assert users.get(keys) == {key: user(key) for key in keys}


def test_tables_do_not_mix(backend, users):
    pages = backend.lookups("pages", "page")
    users.put([user("u1")])
    pages.put([{"page": "u1", "title": "Home"}])
    assert users.list() == [user("u1")]
    assert pages.get(["u1"]) == {"u1": {"page": "u1", "title": "Home"}}


def test_after_a_refusal_all_can_be_put_again(backend, users):
    rows = [user(f"u{number}") for number in range(3)]
    with backend.refusing("u1"), pytest.raises(UnavailableError):
        users.put(rows)
    users.put(rows)
    assert users.get(["u0", "u1", "u2"]) == {row["user_id"]: row for row in rows}
