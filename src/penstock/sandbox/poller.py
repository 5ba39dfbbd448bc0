"""Serves event source mappings as AWS documents it, in the emulator's place.

    with Poller(clients, folder, clock_us) as poller:
        poller.run(stopping)              # until stopping.set(), from anywhere

The emulator's own poller knows no batching window, no retries, no partial failures, no
failure destination and no parallelization.  This one finds the mappings that are
deployed, switches them off for the emulator, and serves them itself, each shard in a
thread of its own: one function's trouble is no other's.  It uses public APIs alone.

A mapping that it serves is listed as Disabled.  It has it until it is deleted; where it
has come to stands in a file, and the next poller on the same folder goes on from there.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct, field

from penstock.errors import ConfigError
from penstock.sandbox.clients import Clients
from penstock.sandbox.deployed import Deployed, list_mappings
from penstock.sandbox.positions import Position, Positions
from penstock.sandbox.shard_poller import ShardPoller, Tally
from penstock.sandbox.shards import Shard, ShardReader, list_shards, ready

__all__ = ["MappingStatus", "Poller"]

# How soon a mapping that was deployed is served, and a new shard is read.
_LOOK_EVERY_S = 0.2
_POSITIONS = "positions.json"


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


class _Served(Struct):
    deployed: Deployed
    position: Position
    problem: str | None = None
    threads: dict[str, ShardPoller] = field(default_factory=dict)
    # What threads that have ended have done.
    past: Tally = field(default_factory=Tally)


class Poller:
    """The poller; one thread's to run."""

    def __init__(
        self, clients: Clients, folder: Path, clock_us: Callable[[], int]
    ) -> None:
        """Go on from the positions in `folder`.

        Args:
            clients: Of the emulator.
            folder: Where positions are kept; one poller at a time has it.
            clock_us: The time, in microseconds since the epoch.
        """
        self._clients = clients
        self._clock_us = clock_us
        self._positions = Positions(folder / _POSITIONS)
        self._served: dict[str, _Served] = {}
        self._leaving: list[ShardPoller] = []
        self.problem: str | None = None
        """Why the emulator could not be asked the last time; None if it could."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(
        self, stopping: threading.Event, on_look: Callable[[], None] = lambda: None
    ) -> None:
        """Serve mappings until `stopping` is set; `on_look` is called at each look."""
        while not stopping.is_set():
            self.look()
            on_look()
            stopping.wait(_LOOK_EVERY_S)

    def close(self) -> None:
        """Let the invocations that run end, and save where each mapping has come to."""
        threads = [
            t for served in self._served.values() for t in served.threads.values()
        ]
        for thread in threads:
            thread.stop()
        for thread in [*threads, *self._leaving]:
            thread.join()
        self._save()

    def status(self) -> list[MappingStatus]:
        """Return how each mapping is doing."""
        return [_status(served) for served in self._served.values()]

    def look(self) -> None:
        """Find what was deployed, changed or deleted, and which shards may begin."""
        try:
            found = {d.uuid: d for d in list_mappings(self._clients("lambda"))}
            for deployed in found.values():
                self._take_on(deployed)
            for uuid in self._positions.of.keys() - found.keys():
                self._let_go(uuid)
            self.problem = None
        except (ClientError, BotoCoreError) as e:
            self.problem = str(e)
            return
        for served in self._served.values():
            self._tend(served)
        self._leaving = [thread for thread in self._leaving if thread.is_alive()]
        self._save()

    def _take_on(self, deployed: Deployed) -> None:
        if deployed.is_enabled:
            client = self._clients("lambda")
            client.update_event_source_mapping(UUID=deployed.uuid, Enabled=False)
        elif deployed.uuid not in self._positions.of:
            return  # it is off because somebody wants it off
        served = self._served.get(deployed.uuid)
        if served:
            served.deployed = deployed
            return
        position = self._positions.of.get(deployed.uuid)
        problem = None
        if position is None:
            position = Position()
            try:
                position.start_us = deployed.start_us
            except ConfigError as e:
                problem = str(e)
            self._positions.of[deployed.uuid] = position
        self._served[deployed.uuid] = _Served(deployed, position, problem)

    def _let_go(self, uuid: str) -> None:
        del self._positions.of[uuid]
        served = self._served.pop(uuid, None)
        for thread in served.threads.values() if served else ():
            thread.stop()
            self._leaving.append(thread)

    def _tend(self, served: _Served) -> None:
        """Reap the mapping's threads, and begin those that may begin."""
        for name, thread in list(served.threads.items()):
            if thread.mapping.checkpoint:
                served.position.checkpoints[name] = thread.mapping.checkpoint
            if _is_other(thread.deployed, served.deployed):
                thread.stop()
            if not thread.is_alive():
                del served.threads[name]
                _add(served.past, thread.tally)
                if thread.is_done:
                    served.position.done.add(name)
        try:
            self._begin(served)
        except (ClientError, BotoCoreError, ConfigError) as e:
            served.problem = str(e)

    def _begin(self, served: _Served) -> None:
        deployed, position = served.deployed, served.position
        shards = list_shards(self._clients("kinesis"), deployed.stream_arn)
        names = {shard.name for shard in shards}
        position.done &= names  # those that are listed no longer hold up nobody
        for name in position.checkpoints.keys() - names - served.threads.keys():
            del position.checkpoints[name]
        for shard in ready(shards, done=position.done, running=served.threads):
            served.threads[shard.name] = self._thread(deployed, position, shard)
            served.threads[shard.name].start()
            served.problem = None

    def _thread(
        self, deployed: Deployed, position: Position, shard: Shard
    ) -> ShardPoller:
        checkpoint = position.checkpoints.get(shard.name, 0)
        function = self._clients("lambda").get_function_configuration(
            FunctionName=deployed.function_arn
        )
        return ShardPoller(
            self._clients,
            deployed,
            ShardReader(
                self._clients("kinesis"),
                deployed.stream_arn,
                shard,
                after=checkpoint,
                start_us=position.start_us,
            ),
            checkpoint=checkpoint,
            role_arn=function["Role"],
            clock_us=self._clock_us,
        )

    def _save(self) -> None:
        for served in self._served.values():
            for name, thread in served.threads.items():
                if thread.mapping.checkpoint:
                    served.position.checkpoints[name] = thread.mapping.checkpoint
        self._positions.save()


def _is_other(before: Deployed, now: Deployed) -> bool:
    return (
        before.settings,
        before.function_arn,
        before.destination,
        before.criteria,
    ) != (
        now.settings,
        now.function_arn,
        now.destination,
        now.criteria,
    )


def _status(served: _Served) -> MappingStatus:
    tally = Tally(problem=served.problem)
    for one in [served.past, *(t.tally for t in served.threads.values())]:
        _add(tally, one)
    tally.waiting = sum(t.tally.waiting for t in served.threads.values())
    return MappingStatus(
        uuid=served.deployed.uuid,
        function_arn=served.deployed.function_arn,
        stream_arn=served.deployed.stream_arn,
        shards=len(served.threads),
        tally=tally,
    )


def _add(total: Tally, one: Tally) -> None:
    total.invocations += one.invocations
    total.failures += one.failures
    total.discarded += one.discarded
    total.problem = one.problem or total.problem
