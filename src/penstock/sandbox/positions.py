"""How far each mapping has come in each shard, in one file that a restart reads."""

from pathlib import Path

import msgspec
from msgspec import Struct, field

__all__ = ["Position", "Positions"]


class Position(Struct, kw_only=True):
    """How far one mapping has come.

    Attributes:
        start_us: From when on it reads shards without a checkpoint; None for all.
        checkpoints: By shard: everything up to this sequence number is done.
        done: Shards that are closed, and of which all is done.
    """

    start_us: int | None = None
    checkpoints: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)


class Positions:
    """The positions of all mappings, by the mapping's id."""

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one."""
        self._path = path
        self._saved = path.read_bytes() if path.exists() else b"{}"
        self.of: dict[str, Position] = msgspec.json.decode(
            self._saved, type=dict[str, Position]
        )

    def save(self) -> None:
        """Write the file, unless it says so already."""
        written = msgspec.json.encode(self.of, order="deterministic")
        if written == self._saved:
            return
        new = self._path.with_suffix(".new")
        new.write_bytes(written)
        new.replace(self._path)
        self._saved = written
