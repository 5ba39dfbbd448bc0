"""What must hold of process_batch for any records, division, crash and rival.

Plain functions: tests/unit tries them on a few examples, tests/simulation on many.
Each takes `chance`, a `random.Random` that makes the records and decides what happens.
"""

from penstock.errors import UnavailableError
from penstock.pipeline import deliver
from tests.worlds import World, records_of

COUNTS = ("applied", "duplicates", "late", "gaps", "new_bars")


class Crash(Exception):
    """The process ends here."""


def is_the_same_in_any_division(chance, size, record_bytes):
    """Batches of any size leave the same, and tell the same together."""
    records = records_of(chance, record_bytes=record_bytes)
    expected, results = undisturbed(records)
    world = World()
    others = world.process_all(records, size)
    assert world.left() == expected.left()
    for count in (*COUNTS, "dead_letters"):
        assert total(others, count) == total(results, count), count
    for field in ("alerts", "opened", "completed"):
        assert named(others, field) == named(results, field)


def is_the_same_when_redelivered(chance):
    """Going back over what was done, by any distance at any time, changes nothing."""
    records = records_of(chance)
    expected, results = undisturbed(records)
    world, done, others = World(), 0, []
    while done < len(records):
        start = chance.randint(0, done)
        done = max(done, chance.randint(start, min(len(records), done + 9)))
        others.append(world.process(records[start:done]))
    assert world.left() == expected.left()
    # Garbage under a key without a ticker has no state to tell that it came before,
    # so dead letters are kept once, and may be counted more than once.
    for count in COUNTS:
        assert total(others, count) == total(results, count), count
    assert named(others, "alerts") == named(results, "alerts")


def is_the_same_after_a_crash_anywhere(chance, trades):
    """A crash at any one call of a port, and everything again, changes nothing."""
    records = records_of(chance, trades=trades)
    expected, _ = undisturbed(records)
    place, crashes = 0, 0
    while crashes == place:
        world = World()
        world.fault = Faults({place}, Crash)
        try:
            world.process_all(records)
        except Crash:
            crashes += 1
            world.fault = None
            world.process_all(records)
            assert world.left() == expected.left()
        place += 1
    return crashes


def is_the_same_after_many_crashes(chance):
    """Crash after crash, each time back to some checkpoint, changes nothing."""
    records = records_of(chance)
    expected, _ = undisturbed(records)
    world, done = World(), 0
    while done < len(records):
        world.fault = Faults({chance.randint(0, 60)}, Crash)
        try:
            world.process(records[done : done + 7])
            done += 7
        except Crash:
            done = chance.randint(0, done)  # where the last checkpoint was
    world.fault = None
    assert world.left() == expected.left()


def is_the_same_when_stores_refuse(chance):
    """Stores that refuse, or lose answers, and batches that resume, change nothing."""
    records = records_of(chance)
    expected, results = undisturbed(records)
    numbers = [r.sequence_number for r in records]
    world, at, others = World(), 0, []
    while at < len(records):
        places = chance.sample(range(60), chance.randint(0, 3))
        world.fault = Faults(places, UnavailableError)
        result = world.process(records[at : at + 7])
        others.append(result)
        done = result.resume_at is None
        at = at + 7 if done else numbers.index(result.resume_at)
    world.fault = None
    # What the last batch could not deliver, the sweeper does.
    waiting = world.ports.states.undelivered()
    deliver(world.ports.states.load(waiting), world.ports)
    assert world.left() == expected.left()
    # A commit whose answer was lost is never told of.
    assert total(others, "applied") <= total(results, "applied")
    assert set(named(others, "alerts")) <= set(named(results, "alerts"))


def is_the_same_with_a_rival(chance):
    """A second worker at any moment changes nothing.

    A zombie that lost its shard goes on with older records in the middle of a batch,
    or the shard's new owner is ahead of this one.
    """
    records = records_of(chance)
    expected, results = undisturbed(records)
    world, others = World(), []
    for start in range(0, len(records), 7):
        older, newer = chance.randint(0, start), chance.randint(start, start + 9)
        world.fault = _at(
            chance.randint(1, 80),
            lambda: others.append(world.process(records[older:newer])),  # noqa: B023 (called before the next round)
        )
        others.append(world.process(records[start : start + 7]))
    world.fault = None
    assert world.left() == expected.left()
    assert total(others, "applied") == total(results, "applied")
    assert named(others, "alerts") == named(results, "alerts")


class Faults:
    """A fault that raises `error` at each of the given calls, counted from 0."""

    def __init__(self, places, error):
        self.places, self.error, self.calls = set(places), error, 0

    def __call__(self, operation, key, done):
        number, self.calls = self.calls, self.calls + 1
        if number in self.places:
            raise self.error(f"{operation} {key}")


def undisturbed(records):
    """The world and the results that one batch after another leaves."""
    world = World()
    return world, world.process_all(records)


def total(results, count):
    return sum(getattr(result, count) for result in results)


def named(results, field):
    return sorted(item.id for result in results for item in getattr(result, field))


def _at(moment, act):
    # A fault that does no harm itself, but acts at the moment's call.
    calls = iter(range(moment, -1_000_000, -1))

    def fault(operation, key, done):
        if next(calls) == 0:
            act()

    return fault
