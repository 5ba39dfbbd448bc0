"""What every ObjectStore must do."""

import pytest

from penstock.errors import UnavailableError

KEY = "raw-data/2024/11/20/23/shardId-000000000000-17.gz"


@pytest.fixture
def objects(backend):
    return backend.objects


def test_an_empty_store_holds_nothing(objects):
    assert objects.get(KEY) is None
    assert list(objects.keys("")) == []


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b\x00\xff\n", b"x" * 1_000_000])
def test_an_object_is_read_as_it_was_put(objects, data):
    objects.put(KEY, data)
    assert objects.get(KEY) == data


def test_an_object_replaces_the_one_of_the_same_key(objects):
    objects.put(KEY, b"a longer first")
    objects.put(KEY, b"second")
    assert objects.get(KEY) == b"second"
    assert list(objects.keys("")) == [KEY]


def test_what_lies_around_an_object_is_none(objects):
    objects.put("a/b/c", b"1")
    assert objects.get("a/b") is None
    assert objects.get("a") is None
    assert objects.get("a/b/c/d") is None


def test_keys_are_listed_sorted_as_text(objects):
    keys = ["a-b/x", "a.b", "a/b/z", "a/b.c", "a/b0", "a/b/a", "a0", "b", "Z/y", "é/k"]
    for key in keys:
        objects.put(key, b"")
    assert list(objects.keys("")) == sorted(keys)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("raw-data/", ["raw-data/2024/11/a.gz", "raw-data/2024/12/b.gz"]),
        ("raw-data/2024/1", ["raw-data/2024/11/a.gz", "raw-data/2024/12/b.gz"]),
        ("raw-data/2024/12", ["raw-data/2024/12/b.gz"]),
        ("raw-data/2024/12/b.gz", ["raw-data/2024/12/b.gz"]),
        ("raw", ["raw", "raw-data/2024/11/a.gz", "raw-data/2024/12/b.gz"]),
        ("raw/", []),
        ("raw-data/2024/12/b.gz/", []),
        ("../", []),
    ],
)
def test_keys_are_found_by_any_prefix(objects, prefix, found):
    for key in ("completed-trades/x", "raw-data/2024/12/b.gz", "raw"):
        objects.put(key, b"")
    objects.put("raw-data/2024/11/a.gz", b"")
    assert list(objects.keys(prefix)) == found


def test_a_refused_object_leaves_the_one_before_whole(backend, objects):
    objects.put(KEY, b"before")
    with backend.refusing(KEY), pytest.raises(UnavailableError):
        objects.put(KEY, b"after")
    assert objects.get(KEY) == b"before"
    assert list(objects.keys("")) == [KEY]
    objects.put(KEY, b"after")
    assert objects.get(KEY) == b"after"


def test_a_refused_new_object_is_not_there(backend, objects):
    with backend.refusing(KEY), pytest.raises(UnavailableError):
        objects.put(KEY, b"half of it")
    assert objects.get(KEY) is None
    assert list(objects.keys("")) == []
