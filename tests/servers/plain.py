"""Frames as they were recorded, or made for a purpose, whatever the client says."""

from collections.abc import Sequence

from tests.servers.speech import Speech


class Frames(Speech):
    """Sends the timeline's frames from the moment of connecting."""

    def greet(self) -> list[str]:
        self.cursor = self.market.position
        return []

    def hear(self, text: str) -> list[str]:
        return []

    def take(self, end: int) -> Sequence:
        assert self.cursor is not None
        taken = self.market.items[self.cursor : min(end, self.cursor + 1)]
        self.cursor += len(taken)
        return taken

    def tell(self, trades: Sequence) -> str | bytes:
        return trades[0]
