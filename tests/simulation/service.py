"""Lambda as a model: event source mappings, invocations, and all that befalls them."""

from functools import partial

from penstock.sandbox.events import kinesis_event
from penstock.sandbox.mapping import FAILED, THROTTLED, Discarded, ShardMapping
from tests.simulation.turns import Run, Turns

STREAM_ARN = "arn:aws:kinesis:eu-west-3:123456789012:stream/trades"
ROLE_ARN = "arn:aws:iam::123456789012:role/consumer"


class Context:
    """What Lambda tells a function: now and then, that its time runs out."""

    aws_request_id = "c9b8fa9f-5a7f-4ae1-af9c-0c604cde93a5"

    def __init__(self, chance):
        self._left_ms = chance.choice([900, 60_000, 60_000])

    def get_remaining_time_in_millis(self):
        self._left_ms -= 100
        return self._left_ms


class Reader:
    """One shard's mapping, and how far it has read."""

    def __init__(self, shard, settings):
        self.shard, self._settings = shard, settings
        self.mapping = ShardMapping(settings)
        self._read = 0
        self._saved = [0]

    @property
    def done(self):
        records = self.shard.records
        return self.mapping.idle and (
            not records or records[-1].sequence_number <= self._read
        )

    def read(self, limit, now_us):
        records = self.shard.after(self._read, limit)
        self.mapping.add(records, now_us)
        if records:
            self._read = records[-1].sequence_number

    def save(self):
        if self.mapping.checkpoint > self._saved[-1]:
            self._saved.append(self.mapping.checkpoint)

    def fail_over(self, chance):
        """Begin again elsewhere, at a checkpoint that may be an older one."""
        self._read = chance.choice(self._saved[-3:])
        self.mapping = ShardMapping(self._settings, checkpoint=self._read)


class Service(Turns):
    """Runs a function over a stream.

    Attributes:
        handler: The function's; set before anything runs.
    """

    def __init__(self, chance, happened, stream, settings, *, parents_first=True):
        super().__init__(chance, happened)
        self._stream, self._settings = stream, settings
        self._parents_first = parents_first
        self._readers, self._finished, self._begun = [], set(), 0
        self.handler = None

    def poll(self, now_us):
        """Let a shard's mapping read, and invoke the function with what is due."""
        reader = self._a_reader()
        reader.read(self.choice((1, 3, 100)), now_us)
        self._invoke(reader, now_us)

    def _invoke(self, reader, now_us):
        mapping = reader.mapping
        for invocation in mapping.due(now_us):
            if isinstance(invocation, Discarded):
                continue  # lost, unless nothing is given up
            if self.rough and self._chance.random() < 0.1:
                self._happened["throttled"] += 1
                mapping.finish(invocation, THROTTLED, now_us)
                continue
            event = kinesis_event(
                invocation.records, stream_arn=STREAM_ARN, role_arn=ROLE_ARN
            )
            self._happened["invoked"] += 1
            self._happened["invoked again"] += invocation.invoke_count > 1
            call = partial(self.handler, event, Context(self._chance))
            self.runs.append(Run(call, (mapping, invocation)))
        reader.save()

    def fail_over(self, now_us):
        """Move a shard to another poller, which knows of no running invocation."""
        reader = self._a_reader()
        running = [
            run
            for run in self.runs
            if run.waited_for and run.waited_for[0] is reader.mapping
        ]
        if not running and self._chance.random() < 0.8:
            return  # the others are the more interesting
        for run in running:
            self._happened["zombies of another poller"] += 1
            run.waited_for = None
        self._happened["failed over"] += 1
        reader.fail_over(self._chance)
        reader.read(100, now_us)
        self._invoke(reader, now_us)

    def done(self):
        """Whether every record was done with, and nothing runs."""
        return (
            not self.runs
            and all(reader.done for reader in self._readers)
            and not self._unread()
        )

    def _a_reader(self):
        # Of a shard that has something left, or may have.
        readers = self._readers
        for reader in [r for r in readers if r.shard.closed and r.done]:
            readers.remove(reader)
            self._finished.add(reader.shard)
        if self._begun < len(self._stream.shards):
            for shard in self._unread():
                if self._may_begin(shard):
                    self._begun += 1
                    readers.append(Reader(shard, self._settings))
        return self.choice(readers)

    def _unread(self):
        read = self._finished | {reader.shard for reader in self._readers}
        return [shard for shard in self._stream.shards if shard not in read]

    def _may_begin(self, shard):
        return not self._parents_first or self._finished.issuperset(shard.parents)

    def interrupt(self, run, now_us):
        after = "after" if run.commits else "before"
        kinds = ("crashed", "timed out", "zombies") if run.waited_for else ("crashed",)
        kind = self.choice(kinds)
        self._happened[f"{kind} {after} a commit"] += 1
        self._finish(run, FAILED, now_us)
        if kind != "zombies":
            self.runs.remove(run)
            run.end()

    def answer(self, run, now_us):
        if run.waited_for is None:
            return
        if self.rough and self._chance.random() < 0.05:
            self._happened["timed out before the answer"] += 1
            self._finish(run, FAILED, now_us)
            return
        partly = bool(run.result["batchItemFailures"])
        self._happened["answered with failures" if partly else "answered"] += 1
        self._finish(run, run.result, now_us)

    def _finish(self, run, outcome, now_us):
        # Told once: what goes on after this is a zombie.
        waited_for, run.waited_for = run.waited_for, None
        if waited_for is not None:
            mapping, invocation = waited_for
            mapping.finish(invocation, outcome, now_us)
