"""Every number of infra/facts.json reaches its places in the templates, and no other.

The templates are synthesised twice, the second time with every number another.  What
differs between them is then exactly what PLACES names, and has the other number there:
all numbers are distinct, before and after, so that none passes for another.
"""

from math import prod

import pytest

from tests.infra.places import PLACES
from tests.infra.templates import CHANGED, FACTS, others, walk


def number(facts, expression):
    def factor(word):
        if word.isdigit():
            return int(word)
        found = facts
        for key in word.split("."):
            found = found[key]
        return found

    return prod(factor(word) for word in expression.split(" * "))


@pytest.fixture(scope="module")
def changed(ours, theirs):
    """What differs, by stack and place: the value from our facts, and from others."""
    found = {}
    for job in CHANGED:
        for name, template in ours.stacks(job).items():
            before = dict(walk(template["Resources"]))
            after = dict(walk(theirs.stacks(job)[name]["Resources"]))
            assert before.keys() == after.keys()
            for place, value in before.items():
                if value != after[place]:
                    resource, _, rest = place.partition(".Properties.")
                    key = (name.removesuffix("-dev"), f"{resource} {rest}")
                    found[key] = (str(value), str(after[place]))
    return found


def test_numbers_reach_their_places_and_no_other(changed):
    other = others(FACTS)
    assert changed == {
        (stack, place): (str(number(FACTS, fact)), str(number(other, fact)))
        for stack, facts in PLACES.items()
        for fact, places in facts.items()
        for place in places
    }


def test_every_number_has_a_place():
    placed = {
        word
        for facts in PLACES.values()
        for fact in facts
        for word in fact.split(" * ")
    }
    assert {p for p, v in walk(FACTS) if isinstance(v, int)} <= placed


def test_other_facts_have_other_numbers_and_again_distinct_ones():
    before = {p: v for p, v in walk(FACTS) if isinstance(v, int)}
    after = {p: v for p, v in walk(others(FACTS)) if isinstance(v, int)}
    assert before.keys() == after.keys()
    assert len(set(after.values())) == len(after)
    assert all(before[p] != after[p] for p in before)
