"""Lambda as a model: event source mappings, invocations, and all that befalls them.

Every call of a port is a place where an invocation may be left and another goes on, or
where it ends.  Greenlets do that, so that the code under test is the code that runs.
"""

from functools import partial

from greenlet import GreenletExit, getcurrent, greenlet

from penstock.errors import UnavailableError
from penstock.sandbox.events import kinesis_event
from penstock.sandbox.mapping import FAILED, THROTTLED, Discarded, ShardMapping

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


class Run:
    """A piece of code on its way, from one call of a port to another.

    Attributes:
        mapping: Who waits for it, None where nobody does, or any more: a zombie.
        commits: How many states it has committed.
        calls: How many calls of ports it may make before somebody else's turn.
    """

    def __init__(self, code, mapping=None, invocation=None):
        self.mapping, self.invocation = mapping, invocation
        self.commits = self.calls = 0
        self.result = None
        self._greenlet = greenlet(code)

    @property
    def over(self):
        return self._greenlet.dead

    def go_on(self, calls):
        self.calls = calls
        result = self._greenlet.switch()
        if self.over:
            self.result = result

    def end(self):
        """Stop it where it is, as a process is stopped."""
        self._greenlet.throw(GreenletExit)


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


class Service:
    """Runs a function over a stream, with trouble while `rough`.

    Attributes:
        rough: Whether anything goes wrong.
        runs: What is under way, zombies included.
    """

    def __init__(self, chance, stream, settings, happened, *, parents_first=True):
        self._chance, self._stream, self._settings = chance, stream, settings
        self._happened, self._parents_first = happened, parents_first
        self._readers, self._finished, self._begun = [], set(), 0
        self._main = getcurrent()
        self._current = None
        self._trouble = chance.choice([0, 0.02, 0.1])
        self._pace = chance.choice([(0, 1, 3, 1000), (0, 1, 2, 4)])
        self.rough = True
        self.runs = []

    def fault(self, operation, key, done):
        """The stores' fault: whose turn it is, and whether the call fails."""
        run = self._current
        if run is None:
            return
        run.commits += operation == "commit" and done
        if not run.calls:
            self._main.switch()
        run.calls -= 1
        if self.rough and self._chance.random() < self._trouble:
            self._happened["answers lost" if done else "refused by a store"] += 1
            raise UnavailableError(f"{operation} {key}: as the simulation has it")

    def poll(self, handler, now_us):
        """Let a shard's mapping read, and invoke `handler` with what is due."""
        reader = self._a_reader()
        reader.read(self._choice((1, 3, 100)), now_us)
        self._invoke(handler, reader, now_us)

    def _invoke(self, handler, reader, now_us):
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
            call = partial(handler, event, Context(self._chance))
            self.runs.append(Run(call, mapping, invocation))
        reader.save()

    def start(self, handler):
        """Invoke something that no mapping waits for."""
        self.runs.append(Run(partial(handler, {}, Context(self._chance))))

    def go_on(self, now_us):
        """Let one of the runs make a few calls, or end it."""
        if not self.runs:
            return
        run = self._choice(self.runs)
        if run.mapping is None:
            run = self._choice(self.runs)  # zombies take their time
        if self.rough and self._chance.random() < (0.2 if run.commits else 0.04):
            self._interrupt(run, now_us)
            return
        self._current = run
        run.go_on(self._choice(self._pace))
        self._current = None
        if run.over:
            self.runs.remove(run)
            self._answer(run, now_us)

    def fail_over(self, handler, now_us):
        """Move a shard to another poller, which knows of no running invocation."""
        reader = self._a_reader()
        running = [run for run in self.runs if run.mapping is reader.mapping]
        if not running and self._chance.random() < 0.8:
            return  # the others are the more interesting
        for run in running:
            self._happened["zombies of another poller"] += 1
            run.mapping = None
        self._happened["failed over"] += 1
        reader.fail_over(self._chance)
        reader.read(100, now_us)
        self._invoke(handler, reader, now_us)

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
        return self._choice(readers)

    def _unread(self):
        read = self._finished | {reader.shard for reader in self._readers}
        return [shard for shard in self._stream.shards if shard not in read]

    def _may_begin(self, shard):
        return not self._parents_first or self._finished.issuperset(shard.parents)

    def _choice(self, items):
        # As `Random.choice`, in a fifth of the time.
        return items[int(self._chance.random() * len(items))]

    def _interrupt(self, run, now_us):
        after = "after" if run.commits else "before"
        kinds = ("crashed", "timed out", "zombies") if run.mapping else ("crashed",)
        kind = self._choice(kinds)
        self._happened[f"{kind} {after} a commit"] += 1
        self._finish(run, FAILED, now_us)
        if kind != "zombies":
            self.runs.remove(run)
            run.end()

    def _answer(self, run, now_us):
        if run.mapping is None:
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
        mapping, run.mapping = run.mapping, None
        if mapping is not None:
            mapping.finish(run.invocation, outcome, now_us)
