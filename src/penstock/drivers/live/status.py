"""What the live feeds are doing: counters that cost little, and their snapshots.

The counters belong to the thread that reads the sockets; only it may look at them.
Snapshots are frozen and may go anywhere.
"""

from collections import Counter, deque
from math import ceil
from typing import Literal

from msgspec import Struct, field

__all__ = [
    "ConnectionCounts",
    "ConnectionStatus",
    "SourceStatus",
    "State",
    "TickerCounts",
    "TickerStatus",
]

State = Literal["connecting", "live", "stale", "refused", "failed", "closed"]

# Of the newest trades of a ticker: enough for a 99th percentile of five trades.
_SAMPLE = 512
# Kinds of errors that are told apart; a venue's complaint may hold a number that is
# new each time.
_REASONS = 32
_OTHERS = "others"


class ConnectionStatus(Struct, frozen=True, kw_only=True):
    """One websocket, over all the connections that it has had.

    Attributes:
        name: The feed's, with a number where it has several connections.
        feed: Its name in FEEDS, or its source's.
        venue: The venue of its tickers.
        host: Whom it talks to.
        symbols: What it asked for.
        state: `stale`: open, but nothing comes; `refused`: of all symbols; `failed`:
            ended by a mistake of ours; `closed`: ended as was asked for.
        frame_age_s: Since the last message; None before the first.
        connects: Connections made; all but the first are reconnects or renewals.
        down_s: Time without a connection, after the first.
        messages: Received.
        missed: Messages that the venue's counter shows as lost.
        repeated: Trades that the venue repeated of itself, as on subscribing.
        unreadable: Messages that could not be read, or not wholly.
        errors: What ended connections and what the venue complained of, and how often.
        refused: Symbols that the venue will not feed, with its reason.
        last_error: The newest of `errors`, in full.
        unchecked: Why it could not be found out which symbols the venue knows; empty
            where it could, or need not.
    """

    name: str
    feed: str
    venue: str
    host: str
    symbols: tuple[str, ...]
    state: State
    frame_age_s: float | None
    connects: int
    down_s: float
    messages: int
    missed: int
    repeated: int
    unreadable: int
    errors: dict[str, int]
    refused: dict[str, str]
    last_error: str
    unchecked: str = ""

    @property
    def reconnects(self) -> int:
        """Connections made after the first."""
        return max(self.connects - 1, 0)


class TickerStatus(Struct, frozen=True, kw_only=True):
    """One ticker, whatever it comes by.

    Attributes:
        ticker: venue:SYMBOL.
        trade_age_s: Since the last trade was received; None before the first.
        is_stale: Whether that is longer than is usual at the venue, or, before the
            first, the time since it was first subscribed to.
        trades: Passed on, backfilled ones included.
        backfilled: Of these, how many were fetched.
        gaps: How often trades were missing in the end.
        missing: How many.
        duplicates: Trades that came again, or after they had been given up.
        held: Trades that wait for a missing one now.
        outages: How often nothing came for a while where missing trades cannot be
            counted, so that any number may be missing; a start that goes on from an
            earlier run is one.
        blind_s: How long these lasted, where that is known.
        odd: Trades left out because their ids or times are far from all others.
        resets: How often the venue began its ids anew.
        latency_p50_us: Received minus made, of the newest trades that came as they
            were made; None before the first.  Negative where our clock is slow.
        latency_p99_us: Likewise.
    """

    ticker: str
    trade_age_s: float | None
    is_stale: bool
    trades: int
    backfilled: int
    gaps: int
    missing: int
    duplicates: int
    held: int
    latency_p50_us: int | None
    latency_p99_us: int | None
    outages: int = 0
    blind_s: float = 0.0
    odd: int = 0
    resets: int = 0


class SourceStatus(Struct, frozen=True, kw_only=True):
    """All of a live source, at one moment.

    Attributes:
        connections: In the order in which they were asked for.
        tickers: Sorted by name.
        queued: Trades received and not yet taken.
        max_queued: At how many reading stops.
        pauses: How often it did.
        requests: Requests for past trades.
        request_errors: Those that failed, by reason.
    """

    connections: tuple[ConnectionStatus, ...]
    tickers: tuple[TickerStatus, ...]
    queued: int
    max_queued: int
    pauses: int
    requests: int
    request_errors: dict[str, int]


class TickerCounts(Struct):
    """A ticker's counters; see `TickerStatus`.

    Attributes:
        since_s: When it was first subscribed to.
        seen_s: When its last trade came.
    """

    since_s: float | None = None
    seen_s: float | None = None
    trades: int = 0
    backfilled: int = 0
    gaps: int = 0
    missing: int = 0
    duplicates: int = 0
    outages: int = 0
    blind_s: float = 0.0
    odd: int = 0
    resets: int = 0
    latencies_us: deque[int] = field(default_factory=lambda: deque(maxlen=_SAMPLE))

    def status(
        self, ticker: str, now_s: float, *, quiet_s: float, held: int
    ) -> TickerStatus:
        """Return a snapshot."""
        age_s = None if self.seen_s is None else now_s - self.seen_s
        since_s = self.since_s if self.seen_s is None else self.seen_s
        sample = sorted(self.latencies_us)
        return TickerStatus(
            ticker=ticker,
            trade_age_s=age_s,
            is_stale=since_s is not None and now_s - since_s > quiet_s,
            trades=self.trades,
            backfilled=self.backfilled,
            gaps=self.gaps,
            missing=self.missing,
            duplicates=self.duplicates,
            held=held,
            latency_p50_us=_percentile(sample, 0.50),
            latency_p99_us=_percentile(sample, 0.99),
            outages=self.outages,
            blind_s=self.blind_s,
            odd=self.odd,
            resets=self.resets,
        )


class ConnectionCounts(Struct):
    """A connection's counters; see `ConnectionStatus`.

    Attributes:
        heard_s: When the last message came.
        lost_s: When the connection was lost; None while there is one, and before the
            first.
    """

    state: State = "connecting"
    heard_s: float | None = None
    lost_s: float | None = None
    connects: int = 0
    down_s: float = 0.0
    messages: int = 0
    missed: int = 0
    repeated: int = 0
    unreadable: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    last_error: str = ""
    unchecked: str = ""

    def connected(self, now_s: float) -> None:
        """Note that there is a connection."""
        self.state = "live"
        self.connects += 1
        if self.lost_s is not None:
            self.down_s += now_s - self.lost_s
            self.lost_s = None

    def lost(self, now_s: float) -> None:
        """Note that there is none any more."""
        self.state = "connecting"
        if self.lost_s is None and self.connects:
            self.lost_s = now_s

    def failed(self, kind: str, text: str, times: int = 1) -> None:
        """Count an error under `kind`, which should be one of few; keep its words."""
        is_known = kind in self.errors or len(self.errors) < _REASONS
        self.errors[kind if is_known else _OTHERS] += times
        self.last_error = text


def _percentile(ordered: list[int], share: float) -> int | None:
    """Return the smallest value that at least `share` of all do not exceed.

    >>> _percentile([1, 2, 3, 4], 0.5), _percentile([], 0.5)
    (2, None)
    """
    return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else None
