"""The pipeline's properties on many examples, where the unit tests try a few."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pipeline_properties

pytestmark = pytest.mark.slow

chances = st.randoms(use_true_random=True)
many = settings(max_examples=300)


@many
@given(chances, st.integers(1, 40), st.integers(1, 2000))
def test_division_into_batches_changes_nothing(chance, size, record_bytes):
    pipeline_properties.is_the_same_in_any_division(chance, size, record_bytes)


@many
@given(chances)
def test_redelivery_of_what_was_done_changes_nothing(chance):
    pipeline_properties.is_the_same_when_redelivered(chance)


@pytest.mark.parametrize("seed", range(5))
def test_a_crash_at_any_call_changes_nothing(seed):
    seeded = Random(seed)  # noqa: S311 (only for records)
    pipeline_properties.is_the_same_after_a_crash_anywhere(seeded, trades=25)


@many
@given(chances)
def test_many_crashes_change_nothing(chance):
    pipeline_properties.is_the_same_after_many_crashes(chance)


@many
@given(chances)
def test_stores_that_refuse_or_lose_answers_change_nothing(chance):
    pipeline_properties.is_the_same_when_stores_refuse(chance)


@many
@given(chances)
def test_a_second_worker_at_any_moment_changes_nothing(chance):
    pipeline_properties.is_the_same_with_a_rival(chance)
