"""What every DeadLetters must do."""

import pytest

from penstock.errors import UnavailableError
from tests.contract.samples import letter


@pytest.fixture
def dead_letters(backend):
    return backend.dead_letters


def test_an_empty_store_lists_nothing(dead_letters):
    dead_letters.put([])
    dead_letters.remove([])
    assert dead_letters.list() == []


def test_letters_wait_in_order_of_arrival_whenever_they_are_put(dead_letters):
    dead_letters.put([letter(3), letter(1)])
    dead_letters.put([letter(2)])
    assert dead_letters.list() == [letter(1), letter(2), letter(3)]


def test_letters_of_one_record_stay_in_the_order_of_its_lines(dead_letters):
    dead_letters.put([letter(1, line=n) for n in (10, 2, 9)])
    dead_letters.put([letter(1, line=n) for n in (11, 10)])
    assert dead_letters.list() == [letter(1, line=n) for n in (2, 9, 10, 11)]


@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"x" * 10_000_000])
def test_the_bytes_are_kept_whatever_they_are(dead_letters, data):
    dead_letters.put([letter(data=data)])
    (kept,) = dead_letters.list()
    assert kept.data == data


def test_a_letter_of_a_known_id_changes_nothing(dead_letters):
    dead_letters.put([letter(1), letter(2)])
    dead_letters.put([letter(1, reason="another")])
    assert dead_letters.list() == [letter(1), letter(2)]


def test_what_was_put_right_is_forgotten(dead_letters):
    dead_letters.put([letter(n) for n in range(5)])
    dead_letters.remove([letter(1).id, letter(3).id, "an unknown id"])
    assert dead_letters.list() == [letter(0), letter(2), letter(4)]


def test_a_letter_that_was_removed_may_come_again(dead_letters):
    dead_letters.put([letter(1), letter(1, line=5), letter(2)])
    dead_letters.remove([letter(1).id, letter(2).id])
    assert dead_letters.list() == [letter(1, line=5)]
    dead_letters.put([letter(2), letter(1)])
    assert dead_letters.list() == [letter(1), letter(1, line=5), letter(2)]


def test_after_a_refusal_all_can_be_put_again(backend, dead_letters):
    letters = [letter(n) for n in range(3)]
    with backend.refusing(letter(1).id), pytest.raises(UnavailableError):
        dead_letters.put(letters)
    assert letter(1) not in dead_letters.list()
    dead_letters.put(letters)
    assert dead_letters.list() == letters
