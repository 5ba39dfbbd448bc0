"""The consumer that decides: reads a stream in batches, and has them processed.

Knows the stream by its port alone, whichever it is.
"""

from collections.abc import Callable

from penstock.engine.rules import Rules
from penstock.entrypoints.kpl import unpack
from penstock.errors import UnavailableError
from penstock.pipeline import BatchResult, Ports, deliver, process_batch
from penstock.ports import Checkpoints, Stream

__all__ = ["PIPELINE", "Processor"]

PIPELINE = "pipeline"


class Processor:
    """Reads each shard after its checkpoint.

    Args:
        stream: What is read; asked each time for its shards, of which there may be
            others by then.
        checkpoints: How far it has come, in this run and the ones before.
        ports: Where state, history, alerts, objects and dead letters go.
        rules: What decides.
        watch: Told of every batch.
        batch_records: How many are read of a shard at a time.  The default is enough to
            share a commit among some thousands of trades, and few enough that on one
            machine a commit follows an append within milliseconds.
    """

    def __init__(
        self,
        stream: Stream,
        checkpoints: Checkpoints,
        ports: Ports,
        rules: Rules,
        watch: Callable[[BatchResult], None],
        *,
        batch_records: int = 200,
    ) -> None:
        self._stream, self._checkpoints = stream, checkpoints
        self._ports, self._rules, self._watch = ports, rules, watch
        self._batch_records = batch_records
        self._done: dict[str, int] = {}  # by shard that has been begun
        self._drained: set[str] = set()  # shards that had nothing more

    def advance(self) -> int:
        """Process the next records of each shard; return how many there were.

        Raises:
            UnavailableError: Of the first ticker that failed; what the others'
                records did is committed, and the failed ones' come again.
        """
        records_seen, failures = 0, list[UnavailableError]()
        for shard in self._stream.shards():
            if self._has_begun(shard):
                records_seen += self._advance(shard, failures)
        for error in failures:
            raise error
        return records_seen

    def _has_begun(self, shard: str) -> bool:
        # A ticker's records in the shards that this one was made from come first: to
        # one that has gone on without them they are old.
        if shard in self._done:
            return True
        position = self._checkpoints.position(PIPELINE, shard)
        if not position and not self._drained.issuperset(self._stream.parents(shard)):
            return False
        self._done[shard] = position
        return True

    def _advance(self, shard: str, failures: list[UnavailableError]) -> int:
        records = self._stream.read(
            shard, after=self._done[shard], limit=self._batch_records
        )
        if not records:
            self._drained.add(shard)
            return 0
        self._drained.discard(shard)
        parts = [part for record in records for part in unpack(record)]
        result = process_batch(parts, self._ports, self._rules)
        self._watch(result)
        last = records[-1].sequence_number
        self._done[shard] = last if result.resume_at is None else result.resume_at - 1
        self._checkpoints.checkpoint(PIPELINE, shard, self._done[shard])
        failures.extend(result.failed.values())
        return len(records)

    def sweep(self) -> None:
        """Deliver what earlier batches could not.

        Raises:
            UnavailableError: The states did not answer.
        """
        tickers = self._ports.states.undelivered()
        if tickers:
            deliver(self._ports.states.load(tickers), self._ports)
