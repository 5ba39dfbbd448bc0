"""Sources that keep no count of what they do, with one: prices over REST, and ccxt.

Both become what a live source is: see `sources.Source`.
"""

import random
import time
from collections.abc import Generator, Mapping, Sequence

from penstock.bootstrap import clock_us
from penstock.config import SourceSettings
from penstock.drivers.ccxt_source import CcxtSource, load_ccxt
from penstock.drivers.files import BadItem
from penstock.drivers.live import ConnectionStatus, LiveBatch, SourceStatus, Timing
from penstock.drivers.live.status import ConnectionCounts, TickerCounts
from penstock.drivers.poller import PRICES, Clock, Poll, Poller
from penstock.entrypoints.wanted import venue_of
from penstock.errors import (
    BadRecordError,
    PenstockError,
    SourceError,
    UnavailableError,
)
from penstock.feeds.names import CCXT
from penstock.model import Trade

__all__ = ["Polled", "Watched"]


# Without a trade of any symbol that ccxt watches, and after errors.
_QUIET_S = 60.0
_LOST_S = 10.0


class _Counts:
    """What sources without counters of their own have given, per ticker."""

    def __init__(self, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._tickers: dict[str, TickerCounts] = {}

    def add(self, trades: Sequence[Trade]) -> None:
        """Count trades that were received just now."""
        now_s = time.monotonic()
        for trade in trades:
            counts = self._tickers.setdefault(trade.ticker, TickerCounts(since_s=now_s))
            counts.seen_s = now_s
            counts.trades += 1
            counts.latencies_us.append(trade.received_us - trade.event_us)

    def status(self, connection: ConnectionStatus) -> SourceStatus:
        """Return a snapshot, with `connection` as the only one."""
        now_s = time.monotonic()
        tickers = [
            counts.status(ticker, now_s, quiet_s=self._quiet_s, held=0)
            for ticker, counts in sorted(self._tickers.copy().items())
        ]
        return SourceStatus(
            connections=(connection,),
            tickers=tuple(tickers),
            queued=0,
            max_queued=0,
            pauses=0,
            requests=0,
            request_errors={},
        )


def _connection(
    name: str, symbols: Sequence[str], counts: ConnectionCounts, host: str
) -> ConnectionStatus:
    now_s = time.monotonic()
    return ConnectionStatus(
        name=name,
        feed=name,
        venue=venue_of(name),
        host=host,
        symbols=tuple(symbols),
        state=counts.state,
        frame_age_s=None if counts.heard_s is None else now_s - counts.heard_s,
        connects=counts.connects,
        down_s=counts.down_s,
        messages=counts.messages,
        missed=0,
        repeated=counts.repeated,
        unreadable=counts.unreadable,
        errors=dict(counts.errors),
        refused=dict(counts.refused),
        last_error=counts.last_error,
    )


def _heard(counts: ConnectionCounts) -> None:
    now_s = time.monotonic()
    if counts.state == "connecting":
        counts.connected(now_s)
    counts.state, counts.heard_s = "live", now_s


def _judge_silence(counts: ConnectionCounts, after_s: float) -> None:
    is_silent = (
        counts.heard_s is not None and time.monotonic() - counts.heard_s > after_s
    )
    if is_silent and counts.state == "live":
        counts.state = "stale"


def _closed(counts: ConnectionCounts) -> None:
    counts.state, counts.lost_s = "closed", None


class Polled:
    """Prices asked for over REST."""

    def __init__(
        self, kind: str, symbols: Sequence[str], settings: SourceSettings
    ) -> None:
        self._kind, self._symbols = kind, symbols
        self._interval_s = settings.interval_us / 1e6
        self._host = settings.endpoints.get(kind, PRICES[kind].url).partition("//")[2]
        chance = random.Random()  # noqa: S311 (waiting times are no secret)
        self._poller = Poller(
            kind,
            clock=Clock(clock_us, time.monotonic, time.sleep, chance.random),
            base_url=settings.endpoints.get(kind),
        )
        self._counts = _Counts(3 * self._interval_s)
        self._connection = ConnectionCounts()
        self._failing: set[str] = set()  # since the last answer
        self._repeated = 0

    def stop(self) -> None:
        """See `Source.stop`."""
        self._poller.stop()

    def batches(self) -> Generator[LiveBatch, None, None]:
        """See `Source.batches`."""
        with self._poller as poller:
            for poll in poller.poll_every(self._symbols, self._interval_s):
                self._counts.add(poll.trades)
                self._note_answers(poll)
                yield LiveBatch(list(poll.trades), self._faults(poll.failures))
        _closed(self._connection)

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        found = self._connection
        _judge_silence(found, 3 * self._interval_s)
        return self._counts.status(
            _connection(self._kind, self._symbols, found, self._host)
        )

    def _note_answers(self, poll: Poll) -> None:
        # A price that is no newer than the last one is an answer all the same.
        repeated = self._poller.notes.repeated
        answers = len(poll.trades) + repeated - self._repeated
        self._repeated = repeated
        for trade in poll.trades:
            self._connection.refused.pop(trade.symbol, None)
        if answers:
            self._failing.clear()
            self._connection.messages += answers
            _heard(self._connection)
        self._failing |= {
            symbol
            for symbol, error in poll.failures.items()
            if isinstance(error, UnavailableError)
        }
        asked = set(self._symbols) - self._connection.refused.keys()
        if asked and asked <= self._failing:
            self._connection.lost(time.monotonic())

    def _faults(self, failures: Mapping[str, PenstockError]) -> list[BadItem]:
        bad: list[BadItem] = []
        for symbol, error in failures.items():
            text = str(error)
            if isinstance(error, SourceError):
                self._connection.refused[symbol] = text
                continue
            self._connection.failed(type(error).__name__, text)
            if isinstance(error, BadRecordError):
                self._connection.unreadable += 1
                place = f"{self._kind}:{symbol}:{clock_us()}"
                bad.append(BadItem(place, text.encode(), text))
        return bad


class Watched:
    """Trades that ccxt watches."""

    def __init__(self, exchange: str, symbols: Sequence[str]) -> None:
        self._name, self._symbols = f"{CCXT}{exchange}", symbols
        chance = random.Random()  # noqa: S311 (as above)
        self._source = CcxtSource(
            exchange,
            symbols,
            library=load_ccxt(exchange),
            timing=Timing(),
            clock_us=clock_us,
            draw=chance.random,
        )
        self._counts = _Counts(_QUIET_S)
        self._connection = ConnectionCounts()
        self._failures = 0  # when the last trade came

    def stop(self) -> None:
        """See `Source.stop`."""
        self._source.stop()

    def batches(self) -> Generator[LiveBatch, None, None]:
        """See `Source.batches`."""
        for batch in self._source.batches():
            if batch.trades:
                self._counts.add(batch.trades)
                self._connection.messages += 1
                _heard(self._connection)
                self._failures = self._source.errors.total()
            elif self._is_lost():
                self._connection.lost(time.monotonic())
            self._connection.unreadable += len(batch.bad)
            yield batch
        _closed(self._connection)

    def _is_lost(self) -> bool:
        # An error may be one symbol's, while another's trades go on.
        heard_s = self._connection.heard_s
        has_failed = self._source.errors.total() > self._failures
        return has_failed and (
            heard_s is not None and time.monotonic() - heard_s > _LOST_S
        )

    def status(self) -> SourceStatus:
        """See `Source.status`."""
        _judge_silence(self._connection, _QUIET_S)
        self._connection.errors = self._source.errors.copy()
        self._connection.last_error = self._source.last_error
        self._connection.refused = dict(self._source.refused)
        self._connection.repeated = self._source.repeated
        return self._counts.status(
            _connection(self._name, self._symbols, self._connection, "by ccxt")
        )
