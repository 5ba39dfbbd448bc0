"""Dead letters in S3, where two change one object at once, and where it is foreign."""

import pytest

from penstock.aws.dead_letters import S3DeadLetters
from penstock.errors import ConfigError, UnavailableError
from penstock.layout import DEAD_LETTERS, dead_letter_key
from tests.contract.samples import letter

FIRST, SECOND, THIRD = (letter(1, line=n) for n in range(3))
KEY = dead_letter_key(FIRST)


class Objects:
    """A bucket whose tags are versions; `between` runs once, after a read."""

    def __init__(self):
        self.found = {}
        self.version = 0
        self.between = None

    def _store(self, key, data):
        self.version += 1
        self.found[key] = (data, str(self.version))
        return True

    def put_new(self, key, data):
        return key not in self.found and self._store(key, data)

    def replace(self, key, data, tag):
        return self.get_tagged(key)[1] == tag and self._store(key, data)

    def remove(self, key, tag):
        return self.get_tagged(key)[1] == tag and bool(self.found.pop(key))

    def get(self, key):
        return self.get_tagged(key)[0]

    def get_tagged(self, key):
        found = self.found.get(key, (None, ""))
        between, self.between = self.between, None
        if between:
            between()
        return found

    def keys(self, prefix):
        return sorted(key for key in self.found if key.startswith(prefix))


@pytest.fixture
def objects():
    return Objects()


@pytest.fixture
def letters(objects, monkeypatch):
    monkeypatch.setattr("penstock.aws.patience.time.sleep", lambda _: None)
    return S3DeadLetters(objects)


def test_of_two_that_add_to_one_object_at_once_both_keep_theirs(objects, letters):
    letters.put([FIRST])
    objects.between = lambda: letters.put([SECOND])
    letters.put([THIRD])
    assert letters.list() == [FIRST, SECOND, THIRD]


def test_what_comes_while_the_rest_is_removed_stays(objects, letters):
    letters.put([FIRST])
    objects.between = lambda: letters.put([SECOND])
    letters.remove([FIRST.id])
    assert letters.list() == [SECOND]


def test_what_is_put_where_all_was_removed_meanwhile_is_kept(objects, letters):
    letters.put([FIRST])
    objects.between = lambda: letters.remove([FIRST.id])
    letters.put([SECOND])
    assert letters.list() == [SECOND]


def test_an_object_that_changes_each_time_is_given_up(objects, letters, monkeypatch):
    monkeypatch.setattr("penstock.aws.dead_letters.attempts", lambda: range(3))
    letters.put([FIRST])
    objects.replace = lambda *_: False
    with pytest.raises(UnavailableError, match="it changed under every attempt"):
        letters.put([SECOND])
    assert letters.list() == [FIRST]


@pytest.mark.parametrize(
    "data",
    [b"hello", b"", b"\x1f\x8b\x08\x00cut off", b"\x1f\x8b"],
    ids=["text", "empty", "damaged", "cut off"],
)
def test_a_foreign_object_is_passed_over_and_left(objects, letters, data):
    foreign = f"{DEAD_LETTERS}2023/foreign.gz"
    objects.found[foreign] = (data, "0")
    letters.put([FIRST])
    assert letters.list() == [FIRST]
    letters.remove([FIRST.id])
    assert objects.found == {foreign: (data, "0")}


def test_a_foreign_object_of_a_letters_name_is_never_written_over(objects, letters):
    objects.found[KEY] = (b"hello", "0")
    with pytest.raises(ConfigError, match="holds no dead letters"):
        letters.put([FIRST])
    assert objects.found[KEY] == (b"hello", "0")
