"""What the live feeds are doing: kept in a file for `penstock feeds`, told in words.

The file is DATA_DIR/feeds.json, written about once a second, whole or not at all.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from penstock.bootstrap import clock_us
from penstock.codec import encode_json
from penstock.drivers.live import ConnectionStatus, SourceStatus, TickerStatus
from penstock.entrypoints.cli.choice import FEEDS_FILE
from penstock.entrypoints.cli.words import counted
from penstock.entrypoints.sources import Source, status_of

__all__ = ["FeedsStatus", "Notices", "read_status", "watching"]

_EVERY_S = 1.0


class FeedsStatus(Struct, frozen=True, kw_only=True):
    """What feeds.json holds.

    Attributes:
        written_us: When it was written.
        command: Which command wrote it.
        has_ended: Whether it was the command's last word.
        source: The feeds.
    """

    written_us: int
    command: str
    has_ended: bool
    source: SourceStatus


@contextmanager
def watching(
    source: Source,
    data_dir: Path,
    command: str,
    *,
    notice: Callable[[str], None],
    each_s: Callable[[SourceStatus], None] | None = None,
) -> Iterator[None]:
    """Keep feeds.json until the end of the block, and tell `notice` what is new.

    `each_s` is called once a second, with the status.
    """
    watch = _Watch(source, data_dir / FEEDS_FILE, command, notice, each_s)
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(_EVERY_S):
            watch.look()

    thread = threading.Thread(target=repeat, name="watch")
    watch.look()
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        watch.look(has_ended=True)


class _Watch:
    """Looks at a source, and tells what it sees."""

    def __init__(
        self,
        source: Source,
        path: Path,
        command: str,
        notice: Callable[[str], None],
        each_s: Callable[[SourceStatus], None] | None,
    ) -> None:
        self._source, self._path, self._command = source, path, command
        self._notice, self._each_s = notice, each_s
        self._notices = Notices()

    def look(self, *, has_ended: bool = False) -> None:
        """Look once."""
        status = status_of(self._source)
        for text in self._notices.of(status):
            self._notice(text)
        if self._each_s:
            self._each_s(status)
        found = FeedsStatus(
            written_us=clock_us(),
            command=self._command,
            has_ended=has_ended,
            source=status,
        )
        try:
            _write(self._path, encode_json(found))
        except OSError as e:
            # The feeds go on: a disk that is full complains of more than this.
            said = f"{self._path} cannot be written: {e.strerror or e}"
            if text := self._notices.once(said):
                self._notice(text)


class Notices:
    """Tells what of a status a person wants to hear, each thing once."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._was_live: dict[str, bool] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._quiet: set[str] = set()

    def of(self, status: SourceStatus) -> Iterator[str]:
        """Yield what is new, in sentences."""
        for connection in status.connections:
            yield from self._connection(connection)
        for ticker in status.tickers:
            yield from self._ticker(ticker)

    def once(self, text: str) -> str:
        """Return `text` the first time; "" after that."""
        if text in self._said:
            return ""
        self._said.add(text)
        return text

    def _connection(self, found: ConnectionStatus) -> Iterator[str]:
        for symbol, reason in found.refused.items():
            if text := self.once(f"{found.name} refused {symbol}: {reason}"):
                yield text
        if found.unchecked:
            text = (
                f"{found.name}: a symbol that the venue does not know would stay "
                f"quiet, for its list is not to be had: {found.unchecked}"
            )
            yield from filter(None, [self.once(text)])
        if found.state == "closed":
            return  # as was asked for, whatever went wrong before
        is_live = found.state in ("live", "stale")
        was_live = self._was_live.get(found.name)
        if is_live and was_live is False:
            yield f"{found.name} is connected again"
        elif not is_live and found.last_error and was_live is not False:
            yield f"{found.name} at {found.host} is not connected: {found.last_error}"
        elif not is_live:
            return  # not reached yet, and nothing known
        self._was_live[found.name] = is_live

    def _ticker(self, found: TickerStatus) -> Iterator[str]:
        if missing := self._more(found, "missing"):
            yield f"{found.ticker}: {counted(missing, 'trade')} missing for good"
        if self._more(found, "outages"):
            yield (
                f"{found.ticker}: trades may be missing from before it was connected; "
                "they cannot be counted"
            )
        if self._more(found, "resets"):
            yield f"{found.ticker}: the venue began its ids anew"
        if odd := self._more(found, "odd"):
            yield (
                f"{found.ticker}: {counted(odd, 'trade')} left out, with ids or times "
                "far from all others"
            )
        if found.is_stale and found.ticker not in self._quiet:
            self._quiet.add(found.ticker)
            yield f"{found.ticker}: no trade for a while"
        elif not found.is_stale:
            self._quiet.discard(found.ticker)

    def _more(self, found: TickerStatus, name: str) -> int:
        """Return by how much a ticker's count has risen."""
        count: int = getattr(found, name)
        more = count - self._counts[found.ticker, name]
        self._counts[found.ticker, name] = count
        return max(more, 0)


def read_status(data_dir: Path) -> FeedsStatus | None:
    """Read feeds.json; None if there is none that can be read."""
    try:
        data = (data_dir / FEEDS_FILE).read_bytes()
        return msgspec.json.decode(data, type=FeedsStatus)
    except (OSError, msgspec.DecodeError):
        return None


def _write(path: Path, data: bytes) -> None:
    # Beside it, and then in its place: who reads sees the old or the new one.
    beside = path.with_suffix(".tmp")
    beside.write_bytes(data)
    beside.replace(path)
