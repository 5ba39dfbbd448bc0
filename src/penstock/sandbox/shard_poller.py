"""Serves one shard of one mapping, in a thread: reads, invokes, tells of failures.

What is due when is `ShardMapping`'s to say.  Up to as many invocations run at once as
the mapping has lanes; the thread alone touches the mapping's state.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from penstock.ports import Record
from penstock.sandbox.clients import Clients
from penstock.sandbox.deployed import Deployed
from penstock.sandbox.destinations import send
from penstock.sandbox.events import failure_message, kinesis_event
from penstock.sandbox.functions import Answer, invoke
from penstock.sandbox.mapping import (
    FAILED,
    THROTTLED,
    Discarded,
    Invocation,
    ShardMapping,
    failed_at,
)
from penstock.sandbox.shards import ShardReader

__all__ = ["ShardPoller", "Tally"]

# Lambda looks at each shard once a second; what waits here is a person or a test.
_READ_EVERY_S = 0.2
_MOST_READ = 10_000  # of one GetRecords
_AFTER_ERROR_S = 1.0


class Tally(Struct):
    """What a thread has done, for whoever looks.

    Attributes:
        invocations: How many were made.
        failures: How many of them raised, timed out or answered with failures.
        discarded: Records that were given up.
        waiting: Records that were read and are not done.
        problem: The last thing that went wrong, since the last success.
    """

    invocations: int = 0
    failures: int = 0
    discarded: int = 0
    waiting: int = 0
    problem: str | None = None


class ShardPoller(threading.Thread):
    """The thread.

    Attributes:
        deployed: The mapping that it serves.
        checkpoint: Everything up to this sequence number is done, and told of.
        tally: What it has done.
        is_done: The shard is closed, and all of it is done.
    """

    def __init__(
        self,
        clients: Clients,
        deployed: Deployed,
        reader: ShardReader,
        *,
        checkpoint: int,
        role_arn: str,
        clock_us: Callable[[], int],
    ) -> None:
        """Serve what `reader` reads.

        Args:
            clients: Of where the function and the destination are.
            deployed: The mapping.
            reader: Of the shard, after the checkpoint.
            checkpoint: Everything up to this sequence number is done.
            role_arn: The function's execution role.
            clock_us: The time.
        """
        super().__init__(daemon=True)
        self.deployed = deployed
        self.checkpoint = checkpoint
        self.tally = Tally()
        self.is_done = False
        self._mapping = ShardMapping(deployed.settings, checkpoint=checkpoint)
        self._clients = clients
        self._filters = deployed.filters
        self._reader = reader
        self._role_arn = role_arn
        self._clock_us = clock_us
        self._stopping = threading.Event()
        self._ended: SimpleQueue[tuple[Invocation, Answer] | None] = SimpleQueue()
        self._requests: dict[int, str] = {}
        self._read_after_s = 0.0

    def stop(self) -> None:
        """Begin no more invocations; the thread ends when those that run have ended."""
        self._stopping.set()
        self._ended.put(None)

    def run(self) -> None:
        """Serve the shard until it is done, or `stop` is called."""
        with ThreadPoolExecutor(self.deployed.settings.lanes) as pool:
            while not self._stopping.is_set() and not self.is_done:
                try:
                    self._read()
                    self._dispatch(pool)
                except (ClientError, BotoCoreError) as e:
                    self.tally.problem = str(e)
                    self._read_after_s = time.monotonic() + _AFTER_ERROR_S
                self.is_done = self._reader.ended and self._mapping.idle
                self._finish(wait_s=0 if self.is_done else self._wait_s())
        self._finish(wait_s=0)

    def _read(self) -> None:
        if time.monotonic() < self._read_after_s or not self._has_room():
            return
        records = self._reader.read(_MOST_READ)
        self._mapping.add([r for r in records if self._filters.match(r)], self._now())
        if not records:
            self._read_after_s = time.monotonic() + _READ_EVERY_S

    def _has_room(self) -> bool:
        settings = self.deployed.settings
        return self._mapping.waiting < 2 * settings.batch_size * settings.lanes

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        for item in self._mapping.due(self._now()):
            if isinstance(item, Discarded):
                self._give_up(item)
            else:
                self.tally.invocations += 1
                pool.submit(self._invoke, item)

    def _invoke(self, invocation: Invocation) -> None:
        # In a thread of the pool: whatever happens here, the outcome must come.
        answer = Answer(outcome=FAILED, problem="the poller failed")
        try:
            client = self._clients("lambda")
            event = self._event(invocation.records)
            answer = invoke(client, self.deployed.function_arn, event)
        finally:
            self._ended.put((invocation, answer))

    def _wait_s(self) -> float:
        """Return how long nothing is to be done, unless an invocation ends."""
        until_s = _AFTER_ERROR_S
        if self._has_room() and not self._reader.ended:
            until_s = min(until_s, self._read_after_s - time.monotonic())
        due_us = self._mapping.due_us()
        if due_us is not None:
            until_s = min(until_s, (due_us - self._now()) / 1e6)
        return max(until_s, 0)

    def _finish(self, *, wait_s: float) -> None:
        """Take in what has ended, after waiting for the first."""
        try:
            ended = (
                self._ended.get(timeout=wait_s) if wait_s else self._ended.get(False)
            )
            while True:
                if ended:
                    self._take_in(*ended)
                ended = self._ended.get(block=False)
        except Empty:
            pass
        # What was given up on the way has been told of by now.
        self.checkpoint = self._mapping.checkpoint
        self.tally.waiting = self._mapping.waiting

    def _take_in(self, invocation: Invocation, answer: Answer) -> None:
        self._mapping.finish(invocation, answer.outcome, self._now())
        numbers = [r.sequence_number for r in invocation.records]
        if self._is_success(invocation, answer):
            self.tally.problem = None
            for number in numbers:
                self._requests.pop(number, None)
        else:
            self.tally.failures += answer.outcome is not THROTTLED
            self.tally.problem = answer.problem or "answered with failed records"
            self._requests |= dict.fromkeys(numbers, answer.request_id)

    def _is_success(self, invocation: Invocation, answer: Answer) -> bool:
        if answer.outcome in (FAILED, THROTTLED):
            return False
        heeded = self.deployed.settings.reports_failures
        return not heeded or failed_at(answer.outcome, invocation.records) is None

    def _give_up(self, discarded: Discarded) -> None:
        self.tally.discarded += len(discarded.records)
        requests = [
            self._requests.pop(r.sequence_number, "") for r in discarded.records
        ]
        arn = self.deployed.destination
        if arn is None:
            return
        now_us = self._now()
        message = failure_message(
            discarded,
            function_arn=self.deployed.function_arn,
            stream_arn=self.deployed.stream_arn,
            request_id=requests[0] or str(uuid4()),
            now_us=now_us,
        )
        try:
            send(
                self._clients,
                arn,
                message,
                self._event(discarded.records),
                mapping_uuid=self.deployed.uuid,
                now_us=now_us,
            )
        except (ClientError, BotoCoreError, ValueError) as e:
            # As on AWS it is lost, and a metric there says so.
            self.tally.problem = f"the failure destination took nothing: {e}"

    def _event(self, records: tuple[Record, ...]) -> dict[str, Any]:
        return kinesis_event(
            records, stream_arn=self.deployed.stream_arn, role_arn=self._role_arn
        )

    def _now(self) -> int:
        return self._clock_us()
