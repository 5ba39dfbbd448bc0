"""One mapping that is served: a thread for each shard whose turn it is."""

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from penstock.errors import ConfigError
from penstock.sandbox.clients import Clients
from penstock.sandbox.deployed import Deployed
from penstock.sandbox.positions import Position
from penstock.sandbox.shard_poller import ShardPoller, Tally
from penstock.sandbox.shards import Shard, ShardReader, list_shards, ready

__all__ = ["MappingStatus", "ServedMapping"]


class MappingStatus(Struct, frozen=True, kw_only=True):
    """How one mapping is doing.

    Attributes:
        uuid: Its id.
        function_arn: What is invoked.
        stream_arn: What is read.
        shards: How many shards are being read.
        tally: Of all shards together.
    """

    uuid: str
    function_arn: str
    stream_arn: str
    shards: int
    tally: Tally


class ServedMapping:
    """The mapping.

    Attributes:
        deployed: How it is deployed by now; `tend` looks at it.
    """

    def __init__(
        self,
        clients: Clients,
        deployed: Deployed,
        position: Position,
        clock_us: Callable[[], int],
    ) -> None:
        """Serve nothing yet; `tend` does.

        Args:
            clients: Of the emulator.
            deployed: How it is deployed.
            position: Where it goes on; kept up to date.
            clock_us: The time.
        """
        self.deployed = deployed
        self._clients = clients
        self._position = position
        self._clock_us = clock_us
        self._threads: dict[str, ShardPoller] = {}
        self._past = Tally()  # of threads that have ended
        self._problem: str | None = None

    def tend(self) -> None:
        """Note how far the threads have come, and begin those that may begin."""
        self.note()
        try:
            self._begin()
            self._problem = None
        except (ClientError, BotoCoreError, ConfigError) as e:
            self._problem = str(e)

    def note(self) -> None:
        """Note how far the threads have come, and take leave of those that ended."""
        for name, thread in list(self._threads.items()):
            if not _is_same(thread.deployed, self.deployed):
                thread.stop()
            has_ended = not thread.is_alive()  # asked first: until then it comes on
            if thread.checkpoint:
                self._position.checkpoints[name] = thread.checkpoint
            if has_ended:
                del self._threads[name]
                _add(self._past, thread.tally)
                if thread.is_done:
                    self._position.done.add(name)

    def stop(self) -> list[ShardPoller]:
        """Begin no more invocations; return the threads, which end in their time."""
        for thread in self._threads.values():
            thread.stop()
        return list(self._threads.values())

    def status(self) -> MappingStatus:
        """Return how it is doing."""
        tally = Tally(problem=self._problem)
        for one in [self._past, *(t.tally for t in self._threads.values())]:
            _add(tally, one)
        return MappingStatus(
            uuid=self.deployed.uuid,
            function_arn=self.deployed.function_arn,
            stream_arn=self.deployed.stream_arn,
            shards=len(self._threads),
            tally=tally,
        )

    def _begin(self) -> None:
        position = self._position
        shards = list_shards(self._clients("kinesis"), self.deployed.stream_arn)
        listed = {shard.name for shard in shards}
        # What is listed no longer holds up nobody.
        position.done &= listed
        for name in position.checkpoints.keys() - listed - self._threads.keys():
            del position.checkpoints[name]
        for shard in ready(shards, done=position.done, running=self._threads):
            self._threads[shard.name] = self._thread(shard)
            self._threads[shard.name].start()

    def _thread(self, shard: Shard) -> ShardPoller:
        checkpoint = self._position.checkpoints.get(shard.name, 0)
        function = self._clients("lambda").get_function_configuration(
            FunctionName=self.deployed.function_arn
        )
        return ShardPoller(
            self._clients,
            self.deployed,
            ShardReader(
                self._clients("kinesis"),
                self.deployed.stream_arn,
                shard,
                after=checkpoint,
                start_us=self._position.start_us,
            ),
            checkpoint=checkpoint,
            role_arn=function["Role"],
            clock_us=self._clock_us,
        )


def _is_same(one: Deployed, other: Deployed) -> bool:
    """Tell whether both are to be served alike."""
    return (one.settings, one.function_arn, one.destination, one.criteria) == (
        *(other.settings, other.function_arn),
        *(other.destination, other.criteria),
    )


def _add(total: Tally, one: Tally) -> None:
    total.invocations += one.invocations
    total.failures += one.failures
    total.discarded += one.discarded
    total.waiting += one.waiting
    total.problem = one.problem or total.problem
