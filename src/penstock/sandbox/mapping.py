"""A Lambda event source mapping over one Kinesis shard, as a pure state machine.

Records go in, what is due comes out, and the outcome of each invocation goes in again:

    mapping.add(records, now_us)
    for item in mapping.due(now_us):        # Invocation | Discarded
        ...                                 # invoke, or tell the failure destination
    mapping.finish(invocation, outcome, now_us)

The rules are those that AWS documents (Lambda's guide: "with-kinesis",
"services-kinesis-parameters", "services-kinesis-batchfailurereporting",
"kinesis-on-failure-destination").  Where it documents nothing, the stricter reading is
taken, so that a test does not pass that would fail on AWS; the comments say where.

Reads no clock, does no I/O, draws no chance.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import takewhile
from typing import Any, Literal
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from penstock.ports import Record
from penstock.sandbox.settings import MappingSettings

__all__ = [
    "FAILED",
    "THROTTLED",
    "Condition",
    "Discarded",
    "Invocation",
    "NoAnswer",
    "ShardMapping",
    "failed_at",
]


class NoAnswer(Enum):
    """How an invocation ends that returns nothing."""

    FAILED = "failed"
    THROTTLED = "throttled"


FAILED = NoAnswer.FAILED
"""The function raised, timed out, or was killed."""

THROTTLED = NoAnswer.THROTTLED
"""The function was not invoked: nothing is counted against the batch."""

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]

# AWS retries with a growing pause and documents no numbers.  Ours are short, because
# whoever waits for them is a test.
_FIRST_PAUSE_US = 100_000
_LONGEST_PAUSE_US = 10_000_000

# An entry of an event without its key and data: 560 bytes with everyday names, and
# not above this with the longest that AWS allows.
_ENTRY_BYTES = 1024


class Invocation(Struct, frozen=True, kw_only=True):
    """A batch that is to be invoked now; hand it back to `ShardMapping.finish`.

    Attributes:
        lane: Which of the shard's concurrent batches it is.
        records: In stream order; never empty.
        invoke_count: How often these records have been invoked, this time included.
        retries: How many of those consumed the retry quota.
    """

    lane: int
    records: tuple[Record, ...]
    invoke_count: int
    retries: int


class Discarded(Struct, frozen=True, kw_only=True):
    """Records that are given up: they belong to the failure destination.

    Attributes:
        records: In stream order; never empty.
        condition: Why, in AWS's word.
        invoke_count: How often they were invoked.
        function_failed: The last invocation raised or timed out; False where it
            answered with failures, or where there was none.
    """

    records: tuple[Record, ...]
    condition: Condition
    invoke_count: int
    function_failed: bool


class _Batch(Struct, frozen=True, kw_only=True):
    # Records that have been invoked before, or are a part of such.
    records: tuple[Record, ...]
    invoke_count: int = 0
    retries: int = 0
    pauses: int = 0
    not_before_us: int = 0
    function_failed: bool = False


class _Arrived(Struct, frozen=True):
    record: Record
    size: int
    since_us: int


class _Lane:
    """The batches of one lane, of which one runs at a time."""

    __slots__ = ("again", "arrived", "running")

    def __init__(self) -> None:
        self.again: deque[_Batch] = deque()  # before everything in `arrived`
        self.arrived: deque[_Arrived] = deque()
        self.running: _Batch | None = None


class ShardMapping:
    """The mapping's state for one shard.

    Attributes:
        settings: What the mapping was deployed with.
        checkpoint: Everything up to this sequence number is done or discarded, 0
            before the first record.  Save it after what `due` gave is dealt with, and
            start from it after a restart.
    """

    def __init__(self, settings: MappingSettings, *, checkpoint: int = 0) -> None:
        """Begin after `checkpoint`; records up to it are ignored by `add`."""
        self.settings = settings
        self.checkpoint = checkpoint
        self._lanes = [_Lane() for _ in range(settings.lanes)]
        self._last = checkpoint
        self._outstanding: deque[int] = deque()
        self._done: set[int] = set()

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing runs: a closed shard's children may begin."""
        return not self._outstanding

    @property
    def waiting(self) -> int:
        """How many records are not done; a reader stops for a while when it is many."""
        return len(self._outstanding)

    def add(self, records: Sequence[Record], now_us: int) -> None:
        """Take in what was read from the shard, in stream order.

        Records that were added before are ignored, so that a reader may overlap.
        """
        for record in records:
            if record.sequence_number <= self._last:
                continue
            self._last = record.sequence_number
            self._outstanding.append(record.sequence_number)
            # A key always has the same lane, and with it its order.
            lane = self._lanes[crc32(record.key.encode()) % len(self._lanes)]
            lane.arrived.append(_Arrived(record, _event_bytes(record), now_us))

    def due(self, now_us: int) -> list[Invocation | Discarded]:
        """Return what is to be invoked or discarded now; each is returned once."""
        items: list[Invocation | Discarded] = []
        for number, lane in enumerate(self._lanes):
            if lane.running is not None:
                continue
            items += self._exhaust(lane)
            items += self._expire(lane, now_us)
            batch = self._next(lane, now_us)
            if batch is not None:
                lane.running = batch
                items.append(_invocation(number, batch))
        return items

    def due_us(self) -> int | None:
        """Return when `due` will next have something; None where nothing waits.

        An invocation that runs is not waited for: its `finish` may bring more.
        """
        times = [
            time
            for lane in self._lanes
            if lane.running is None and (time := self._due_us(lane)) is not None
        ]
        return min(times, default=None)

    def finish(self, invocation: Invocation, outcome: Any, now_us: int) -> None:  # noqa: ANN401 (a function returns what it likes)
        """Say how `invocation` ended; `due` then has what follows.

        Args:
            invocation: What `due` returned.
            outcome: `FAILED`, `THROTTLED`, or what the function returned, decoded.
            now_us: When it ended.

        Raises:
            ValueError: It was finished before, or is another mapping's.
        """
        lane = self._lanes[invocation.lane]
        batch, lane.running = lane.running, None
        if batch is None or batch.records is not invocation.records:
            raise ValueError("this invocation is not running")
        if outcome is THROTTLED:
            lane.again.appendleft(_paused(batch, now_us))
            return
        batch = replace(
            batch,
            invoke_count=invocation.invoke_count,
            function_failed=outcome is FAILED,
        )
        at = self._failed_at(outcome, batch)
        if at is None:
            self._settle(batch.records)
        else:
            self._settle(batch.records[:at])
            lane.again.extendleft(reversed(self._again(batch, at, now_us)))

    def _failed_at(self, outcome: Any, batch: _Batch) -> int | None:  # noqa: ANN401 (as `finish`)
        if outcome is FAILED:
            return 0
        # Unless it was asked for, nobody reads what the function returns.
        if not self.settings.reports_failures:
            return None
        return failed_at(outcome, batch.records)

    def _again(self, batch: _Batch, at: int, now_us: int) -> list[_Batch]:
        """Return what is tried again of a batch that failed at record `at`."""
        rest = batch.records[at:]
        if not self.settings.bisect or len(batch.records) == 1:
            # AWS does not say that progress renews the quota: here it does not.
            again = replace(batch, records=rest, retries=batch.retries + 1)
            return [_paused(again, now_us)]
        if at > 0:
            return [_paused(_Batch(records=rest), now_us)]
        # A response that names the first record has nothing to split off there, and
        # is halved as an error is.
        half = (len(rest) + 1) // 2
        return [_paused(_Batch(records=r), now_us) for r in (rest[:half], rest[half:])]

    def _expire(self, lane: _Lane, now_us: int) -> list[Discarded]:
        # Before every invocation, one after a throttle included.
        if self.settings.max_age_us < 0:
            return []
        oldest_us = now_us - self.settings.max_age_us
        items = []
        while lane.again and (old := _expired(lane.again[0].records, oldest_us)):
            batch = lane.again.popleft()
            items.append(self._discard(batch, old, "RecordAgeExceeded"))
            if rest := batch.records[len(old) :]:
                lane.again.appendleft(replace(batch, records=rest))
        if not lane.again:
            old = _expired((a.record for a in lane.arrived), oldest_us)
            for _ in old:
                lane.arrived.popleft()
            if old:
                items.append(
                    self._discard(_Batch(records=old), old, "RecordAgeExceeded")
                )
        return items

    def _exhaust(self, lane: _Lane) -> list[Discarded]:
        # Only the first can be: the others of a split batch have not been tried.
        if not lane.again or not self._is_exhausted(lane.again[0]):
            return []
        batch = lane.again.popleft()
        return [self._discard(batch, batch.records, "RetryAttemptsExhausted")]

    def _is_exhausted(self, batch: _Batch) -> bool:
        return 0 <= self.settings.max_retries < batch.retries

    def _discard(
        self, batch: _Batch, records: tuple[Record, ...], condition: Condition
    ) -> Discarded:
        self._settle(records)
        return Discarded(
            records=records,
            condition=condition,
            invoke_count=batch.invoke_count,
            function_failed=batch.function_failed,
        )

    def _settle(self, records: Sequence[Record]) -> None:
        self._done.update(r.sequence_number for r in records)
        while self._outstanding and self._outstanding[0] in self._done:
            self.checkpoint = self._outstanding.popleft()
            self._done.remove(self.checkpoint)

    def _next(self, lane: _Lane, now_us: int) -> _Batch | None:
        due_us = self._due_us(lane)
        if due_us is None or due_us > now_us:
            return None
        if lane.again:
            return lane.again.popleft()
        count, _ = self._gathered(lane)
        return _Batch(
            records=tuple(lane.arrived.popleft().record for _ in range(count))
        )

    def _due_us(self, lane: _Lane) -> int | None:
        if lane.again:
            first = lane.again[0]
            return 0 if self._is_exhausted(first) else first.not_before_us
        if not lane.arrived:
            return None
        _, full = self._gathered(lane)
        return 0 if full else lane.arrived[0].since_us + self.settings.window_us

    def _gathered(self, lane: _Lane) -> tuple[int, bool]:
        """Return how many records the next batch holds, and whether it is full."""
        size = 0
        for count, arrived in enumerate(lane.arrived):
            size += arrived.size
            if count and size > self.settings.payload_bytes:
                return count, True
            if count + 1 == self.settings.batch_size:
                return count + 1, True
        return len(lane.arrived), False


def failed_at(response: Any, records: Sequence[Record]) -> int | None:  # noqa: ANN401 (a function returns what it likes)
    """Return from which of `records` on a response asks for a retry, None for none.

    Success: no response, an empty one, an absent or null or empty
    `batchItemFailures`.  0, the whole batch: an `itemIdentifier` that is empty, null,
    absent, or not a sequence number of the batch; and, stricter than AWS documents, a
    response of another shape.  Otherwise the lowest of those named.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    if response is None:
        return None
    if not isinstance(response, Mapping):
        return 0
    failures = response.get("batchItemFailures")
    if failures is None or failures == []:
        return None
    if not isinstance(failures, list):
        return 0
    places = {str(r.sequence_number): place for place, r in enumerate(records)}
    try:
        return min(places[item["itemIdentifier"]] for item in failures)
    except (KeyError, TypeError):
        return 0


def _invocation(lane: int, batch: _Batch) -> Invocation:
    return Invocation(
        lane=lane,
        records=batch.records,
        invoke_count=batch.invoke_count + 1,
        retries=batch.retries,
    )


def _expired(records: Iterable[Record], oldest_us: int) -> tuple[Record, ...]:
    return tuple(takewhile(lambda r: r.arrival_us < oldest_us, records))


def _event_bytes(record: Record) -> int:
    # Never too few: base64, and a key that is all escapes.
    return 4 * (len(record.data) + 2) // 3 + 6 * len(record.key) + _ENTRY_BYTES


def _paused(batch: _Batch, now_us: int) -> _Batch:
    pause_us = min(_FIRST_PAUSE_US << min(batch.pauses, 10), _LONGEST_PAUSE_US)
    return replace(batch, pauses=batch.pauses + 1, not_before_us=now_us + pause_us)
