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

from penstock.sandbox.clients import Clients
from penstock.sandbox.deployed import Deployed, list_mappings
from penstock.sandbox.positions import Position, Positions
from penstock.sandbox.served import MappingStatus, ServedMapping
from penstock.sandbox.shard_poller import ShardPoller

__all__ = ["Poller"]

# How soon a mapping that was deployed is served, and a new shard is read.
_LOOK_EVERY_S = 0.2
_POSITIONS = "positions.json"


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
        self._served: dict[str, ServedMapping] = {}
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
        for served in self._served.values():
            self._leaving += served.stop()
        for thread in self._leaving:
            thread.join()
        for served in self._served.values():
            served.note()
        self._positions.save()

    def status(self) -> list[MappingStatus]:
        """Return how each mapping is doing."""
        return [served.status() for served in self._served.values()]

    def look(self) -> None:
        """Find what was deployed, changed or deleted, and which shards may begin."""
        try:
            found = {d.uuid: d for d in list_mappings(self._clients("lambda"))}
            for deployed in found.values():
                self._take_on(deployed)
            self.problem = None
        except (ClientError, BotoCoreError) as e:
            self.problem = str(e)
            return
        for uuid in self._positions.of.keys() - found.keys():
            self._let_go(uuid)
        for served in self._served.values():
            served.tend()
        self._leaving = [thread for thread in self._leaving if thread.is_alive()]
        self._positions.save()

    def _take_on(self, deployed: Deployed) -> None:
        position = self._positions.of.get(deployed.uuid)
        if position is None:
            if not deployed.is_enabled:
                return  # it is off because somebody wants it off
            position = Position(start_us=deployed.start_us)
            # Saved first: off and unknown, nobody would ever serve it.
            self._positions.of[deployed.uuid] = position
            self._positions.save()
        if deployed.is_enabled:
            client = self._clients("lambda")
            client.update_event_source_mapping(UUID=deployed.uuid, Enabled=False)
        if deployed.uuid in self._served:
            self._served[deployed.uuid].deployed = deployed
        else:
            self._served[deployed.uuid] = ServedMapping(
                self._clients, deployed, position, self._clock_us
            )

    def _let_go(self, uuid: str) -> None:
        del self._positions.of[uuid]
        if served := self._served.pop(uuid, None):
            self._leaving += served.stop()
