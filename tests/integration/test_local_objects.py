"""Objects as files: names, leftovers, and disks that refuse."""

import os
import resource
from contextlib import contextmanager
from threading import Thread

import pytest

from penstock.errors import UnavailableError
from penstock.local.objects import LocalObjects

KEY = "raw-data/2024/11/20/23/part.gz"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "archive"


@pytest.fixture(params=[True, False], ids=["fsync", "no fsync"])
def objects(request, root):
    return LocalObjects(root, fsync=request.param)


@contextmanager
def file_size_limit(limit_bytes):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def files(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*.*"))


def test_an_object_is_a_plain_file_at_its_key(objects, root):
    objects.put(KEY, b"data")
    assert (root / KEY).read_bytes() == b"data"
    assert files(root) == [KEY]


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "/etc/passwd", "a//b", "a/"),
        *("..", "../a", "a/../../b", "a/./b", "a\0b", "a/.tmp-1"),
    ],
)
def test_keys_that_lead_out_of_the_folder_are_refused(objects, root, key):
    for use in (lambda: objects.put(key, b"x"), lambda: objects.get(key)):
        with pytest.raises(ValueError, match="names between slashes"):
            use()
    assert not root.exists()


def test_dots_in_names_are_names(objects):
    for key in ("..a", "a..b/c", ".hidden/...", "a/b.tmp-1"):
        objects.put(key, b"x")
    expected = [".hidden/...", "..a", "a..b/c", "a/b.tmp-1"]
    assert list(objects.keys("")) == sorted(expected)


def test_a_write_that_stops_half_way_leaves_the_object_and_no_leftover(objects, root):
    objects.put(KEY, b"before")
    with (
        file_size_limit(1000),
        pytest.raises(UnavailableError, match=r"part\.gz: File too large\. Raise"),
    ):
        objects.put(KEY, b"x" * 5000)
    assert objects.get(KEY) == b"before"
    assert files(root) == [KEY]


def test_leftovers_of_a_crash_are_not_objects_and_go_when_tidied(objects, root):
    objects.put(KEY, b"whole")
    for leftover in (".tmp-17-1", "raw-data/2024/.tmp-17-2"):
        (root / leftover).write_bytes(b"ha")
    assert list(objects.keys("")) == [KEY]
    objects.remove_leftovers()
    assert files(root) == [KEY]
    assert objects.get(KEY) == b"whole"


def test_there_may_be_nothing_to_tidy(objects, root):
    objects.remove_leftovers()
    assert not root.exists()


def test_a_file_in_the_way_of_a_folder_is_named_with_the_way_out(objects, root):
    objects.put("raw-data", b"a file")
    with pytest.raises(UnavailableError, match="Move away the file"):
        objects.put("raw-data/x", b"1")
    with pytest.raises(UnavailableError, match="Move away the file"):
        objects.put("raw-data/x/y", b"1")


def test_a_folder_in_the_way_of_a_file_is_named_with_the_way_out(objects, root):
    objects.put("raw-data/x", b"1")
    with pytest.raises(UnavailableError, match="Move away the folder"):
        objects.put("raw-data", b"a file")
    assert list(objects.keys("")) == ["raw-data/x"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named_with_the_way_out(objects, root):
    root.mkdir(mode=0o500)
    with pytest.raises(UnavailableError, match=r"Permission denied\. Make it readable"):
        objects.put(KEY, b"1")


def test_threads_that_store_the_same_key_leave_one_whole_object(objects, root):
    versions = [bytes([n]) * 200_000 for n in range(8)]
    threads = [Thread(target=objects.put, args=(KEY, data)) for data in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert objects.get(KEY) in versions
    assert files(root) == [KEY]
