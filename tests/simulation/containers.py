"""Containers that read the stream themselves, are killed, and replaced as they run."""

from penstock.entrypoints.processor import PIPELINE
from penstock.errors import UnavailableError
from penstock.memory import MemoryCheckpoints
from tests.simulation.turns import Run, Turns


class StreamPort:
    """The model stream as a port, that does not always answer."""

    def __init__(self, stream, fault):
        self._stream, self._fault = stream, fault
        self._shards = {}

    def shards(self):
        self._fault("shards", "", False)
        self._shards = {shard.name: shard for shard in self._stream.shards}
        return list(self._shards)

    def parents(self, shard):
        return [parent.name for parent in self._shards[shard].parents]

    def read(self, shard, *, after, limit):
        self._fault("read", shard, False)
        return self._shards[shard].after(after, limit)


class Containers(Turns):
    """Runs one container after another, or two at once while one is replaced.

    Attributes:
        make: Makes a container's processor of a stream and checkpoints; set before
            anything runs.
    """

    def __init__(self, chance, happened, stream):
        super().__init__(chance, happened)
        self._stream = stream
        self._checkpoints = MemoryCheckpoints(fault=self.fault)
        self._container = None
        self.make = None

    def poll(self, now_us):
        """Let the container look for records, unless it is at it."""
        if not self.rough and self._chance.random() < 0.05:
            # One whose last checkpoint was refused sees no reason to try again.
            self._container = None
        if self._container is None:
            port = StreamPort(self._stream, self.fault)
            self._container = self.make(port, self._checkpoints)
        container = self._container
        if not any(run.waited_for is container for run in self.runs):
            self.runs.append(Run(lambda: self._pass(container), container))

    def fail_over(self, now_us):
        """Replace the container while it goes on."""
        for run in self.runs:
            if run.waited_for is self._container:
                self._happened["replaced in a pass"] += 1
                run.waited_for = None
        self._container = None
        self.poll(now_us)

    def interrupt(self, run, now_us):
        after = "after" if run.commits else "before"
        self._happened[f"killed {after} a commit"] += 1
        self.runs.remove(run)
        run.end()
        if run.waited_for is self._container:
            self._container = None

    def answer(self, run, now_us):
        if run.result:
            self._happened["passes that found records"] += 1

    def done(self):
        """Whether every record was done with, and nothing runs."""
        return not self.runs and all(
            not shard.records
            or self._checkpoints.position(PIPELINE, shard.name)
            == shard.records[-1].sequence_number
            for shard in self._stream.shards
        )

    def _pass(self, container):
        try:
            return container.advance()
        except UnavailableError:
            self._happened["passes that failed"] += 1
            return 0
