"""The step's properties on thousands of examples, where the unit tests try a few."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import step_properties
from tests.strategies import markets, rules, walks

pytestmark = pytest.mark.slow


@settings(max_examples=2000)
@given(markets() | walks(), rules(), st.sets(st.integers(1, 250), max_size=20))
def test_fold_follows_the_rules_however_the_trades_are_divided(trades, applied, cuts):
    step_properties.follows_the_rules(trades, applied, cuts)


@settings(max_examples=1000)
@given(markets(), rules(), st.sets(st.integers(1, 120)))
def test_division_changes_neither_state_nor_effects(trades, applied, cuts):
    step_properties.is_the_same_in_any_division(trades, applied, cuts)


@settings(max_examples=500)
@given(markets(max_size=60), rules(), st.integers(1, 60))
def test_state_survives_being_written_and_read(trades, applied, cut):
    step_properties.survives_being_written(trades, applied, cut)


@settings(max_examples=500)
@given(markets(max_size=60), rules())
def test_records_and_trades_count_once(trades, applied):
    step_properties.counts_once(trades, applied)
