"""What holds of an event source mapping whatever its settings, and whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.ports import Record
from penstock.sandbox.mapping import (
    FAILED,
    THROTTLED,
    Discarded,
    ShardMapping,
    failed_at,
)
from penstock.sandbox.settings import MappingSettings

KEYS = ("a", "b", "c", "d", "e")
SECOND = 1_000_000

settings = st.builds(
    MappingSettings,
    batch_size=st.integers(1, 7),
    window_us=st.sampled_from([0, 3 * SECOND]),
    max_retries=st.sampled_from([-1, 0, 2]),
    max_age_us=st.sampled_from([-1, 30 * SECOND]),
    bisect=st.booleans(),
    reports_failures=st.just(True),
    lanes=st.integers(1, 3),
    payload_bytes=st.sampled_from([1500, 6_000_000]),
)


class Watched:
    """A mapping, and what became of each record."""

    def __init__(self, wanted, keys):
        self.mapping, self.wanted = ShardMapping(wanted), wanted
        self.records = [Record("s", 10 * n, k, b"", n) for n, k in enumerate(keys, 1)]
        self.settled, self.running = set(), []

    def take(self, now_us):
        """Take what is due, and check that it is in order."""
        for item in self.mapping.due(now_us):
            if isinstance(item, Discarded):
                self._settle(item.records)
            else:
                self._is_in_order(item.records)
                self.running.append(item)
        self._checkpoint_is_behind()

    def finish(self, place, outcome, now_us):
        """End an invocation: with a sentinel, or the place of its first failure."""
        invocation = self.running.pop(place % len(self.running))
        records = invocation.records
        if isinstance(outcome, int):
            names = [r.sequence_number for r in records[outcome:]]
            outcome = {"batchItemFailures": [{"itemIdentifier": str(n)} for n in names]}
            self._settle(records[: failed_at(outcome, records)])
        self.mapping.finish(invocation, outcome, now_us)
        self._checkpoint_is_behind()

    def _settle(self, records):
        numbers = {r.sequence_number for r in records}
        assert not numbers & self.settled
        self.settled |= numbers

    def _is_in_order(self, records):
        assert 0 < len(records) <= self.wanted.batch_size
        numbers = [r.sequence_number for r in records]
        assert numbers == sorted(numbers)
        assert not self.settled.intersection(numbers)
        for record in records:
            earlier = {
                r.sequence_number
                for r in self.records
                if r.key == record.key and r.sequence_number < record.sequence_number
            }
            assert earlier <= self.settled | set(numbers)

    def _checkpoint_is_behind(self):
        undone = [
            r.sequence_number
            for r in self.records
            if r.sequence_number not in self.settled
        ]
        assert self.mapping.checkpoint < min(undone, default=10**9)


@given(
    settings,
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=20),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([FAILED, THROTTLED, 0, 1, 3, 99]),
            st.integers(0, 8 * SECOND),
        ),
        max_size=40,
    ),
)
def test_each_record_is_settled_once_and_in_order(wanted, keys, happenings):
    watched, now_us, added = Watched(wanted, keys), 0, 0
    for place, outcome, later_us in happenings:
        now_us += later_us
        watched.mapping.add(watched.records[added : added + 3], now_us)
        added += 3
        watched.take(now_us)
        if watched.running:
            watched.finish(place, outcome, now_us)
    watched.mapping.add(watched.records[added:], now_us)
    while not watched.mapping.idle:
        now_us += 10 * SECOND
        watched.take(now_us)
        while watched.running:
            watched.finish(0, 99, now_us)
    assert watched.settled == {r.sequence_number for r in watched.records}
    assert watched.mapping.checkpoint == 10 * len(keys)
