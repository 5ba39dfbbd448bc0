"""The values that travel through penstock: frozen data with units in its names.

Times are integer microseconds since the epoch, UTC (`_us`).  Prices and sizes of
market data are float64, which carries every decimal of up to 15 significant digits
exactly there and back; money that penstock computes itself is Decimal.

Nothing here does I/O or reads a clock.
"""

import re
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import astuple

__all__ = [
    "MAX_AMOUNT",
    "MAX_NAME_LENGTH",
    "MAX_SEQ",
    "MAX_TIME_US",
    "SYMBOL",
    "VENUE",
    "Alert",
    "Bar",
    "CompletedTrade",
    "DeadLetter",
    "Delivery",
    "HistoryRow",
    "Position",
    "Side",
    "TickerState",
    "Trade",
    "Window",
    "ticker_of",
]

Side = Literal["buy", "sell"]

# Prices and sizes stop here, so that no sum or product of them can become infinite,
# which JSON cannot write.
MAX_AMOUNT = 1e18
# The year 2255, so that a time x 1024 still fits the 63 bits of a `seq`.
MAX_TIME_US = 2**53 - 1
MAX_SEQ = 2**63 - 1

VENUE = re.compile(r"[a-z0-9][a-z0-9._-]*")
SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._]*-[A-Z0-9._]+")

_Price = Annotated[float, Meta(gt=0, le=MAX_AMOUNT)]
_Size = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)]
_Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
_Gap = Annotated[int, Meta(ge=0, lt=2**31)]  # so that no sum of them overflows a store
_Time = Annotated[int, Meta(ge=0, le=MAX_TIME_US)]
# Short names bound a line to well under a record.
MAX_NAME_LENGTH = 64

_Name = Annotated[str, Meta(max_length=MAX_NAME_LENGTH)]
_Id = Annotated[str, Meta(max_length=128)]


def ticker_of(venue: str, symbol: str) -> str:
    """Name a symbol at a venue, as the stream's partition key does.

    >>> ticker_of("coinbase", "BTC-USD")
    'coinbase:BTC-USD'
    """
    return f"{venue}:{symbol}"


class Trade(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, eq=False):
    """One trade of a venue, or one polled price: a line on the wire.

    Attributes:
        venue: Lower case, with the market type where a venue has several.
        symbol: BASE-QUOTE in upper case.
        price: In the quote currency; above 0.
        size: In the base currency; 0 where unknown, as for a polled price.
        side: The taker's side.
        event_us: The venue's clock.
        received_us: Our clock.  Their difference may be negative.
        trade_id: The venue's id.
        seq: Strictly increasing per ticker; 0 where absent.
        gap: Trades known to be missing before this one.
        backfilled: Fetched afterwards, to fill a gap.
    """

    venue: _Name
    symbol: _Name
    price: _Price
    size: _Size
    side: Side | None = None
    event_us: _Time
    received_us: _Time
    trade_id: _Id | None = None
    seq: _Seq = 0
    gap: _Gap = 0
    backfilled: bool = False

    @property
    def ticker(self) -> str:
        """The partition key, `venue:SYMBOL`."""
        return f"{self.venue}:{self.symbol}"

    def __eq__(self, other: object) -> bool:
        # By value, also where the codec decoded into a ticker's own subclass.
        if not isinstance(other, Trade):
            return NotImplemented
        return astuple(self) == astuple(other)

    def __hash__(self) -> int:
        return hash(astuple(self))


class Bar(Struct, frozen=True, kw_only=True, gc=False):
    """What traded in one interval, aligned to the epoch by event time.

    Attributes:
        ticker: venue:SYMBOL.
        start_us: First microsecond of the interval.
        interval_us: Its length.
        open: Price of the first trade in stream order; `close` of the last.
        volume: Sum of sizes, in the base currency.
        notional: Sum of price x size, in the quote currency: VWAP's numerator.
        trades: How many trades.
        gaps: How many trades are known to be missing.
    """

    ticker: str
    start_us: int
    interval_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    notional: float
    trades: int
    gaps: int

    @property
    def vwap(self) -> float | None:
        """Volume-weighted average price; None where no size is known."""
        return self.notional / self.volume if self.volume else None


class Window(Struct, frozen=True, gc=False):
    """Bucket maxima of a look-back window.

    Attributes:
        newest: Epoch-aligned number of the newest bucket.
        maxima: Highest price of each bucket, oldest first, ending with `newest`;
            0.0 for a bucket without a trade.
    """

    newest: int
    maxima: tuple[float, ...]


class Alert(Struct, frozen=True, kw_only=True, tag="alert"):
    """A rule that fired; once per episode.

    Attributes:
        id: Pure function of ticker, rule and the firing trade.
        ticker: venue:SYMBOL.
        rule: The rule's id, such as `below:85000` or `drop:0.05:5m`.
        price: The firing trade's price.
        level: The price that it had to reach.
        high: The window's high at that moment, for `drop` rules.
        event_us: The firing trade's time.
    """

    id: str
    ticker: str
    rule: str
    price: float
    level: float
    high: float | None = None
    event_us: int


class Position(Struct, frozen=True, kw_only=True):
    """An open paper position; amounts in the quote currency unless said otherwise.

    Attributes:
        id: Pure function of the ticker and the entering trade.
        ticker: venue:SYMBOL.
        quantity: In the base currency, rounded down to 8 decimals.
        entry_price: The fill: the trade's price worsened by slippage.
        entry_fee: Fee paid on entry.
        entry_us: The entering trade's time.
    """

    id: str
    ticker: str
    quantity: Decimal
    entry_price: Decimal
    entry_fee: Decimal
    entry_us: int


class CompletedTrade(Struct, frozen=True, kw_only=True, tag="completed"):
    """A position that was closed.

    Attributes:
        id: Pure function of the ticker and the closing trade.
        position_id: The position that it closed.
        reason: Why it was closed.
        fees: Entry and exit fee together.
        profit: quantity x (exit_price - entry_price) - fees.
        return_: profit / (quantity x entry_price); 0.05 is five percent.
    """

    id: str
    position_id: str
    ticker: str
    reason: Literal["take_profit", "stop_loss"]
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    entry_us: int
    exit_us: int
    fees: Decimal
    profit: Decimal
    return_: Decimal


Delivery = Alert | CompletedTrade


class TickerState(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """All that the step remembers of a ticker: small, and bounded whatever the rate.

    One with fields that are not known is another version's, which has put something
    there that the next commit would lose: it cannot be decoded.

    Attributes:
        version: Counts commits; a commit names the version it started from.
        stream_position: Sequence number of the last record folded in.
        last_seq: Highest `seq` applied.
        trades, late, gaps: Totals since the beginning.
        last_price, last_us: Of the last trade applied on time.
        row: The open history row, where history is finer than bars.
        bar: The open bar.
        windows: Look-back windows by their length in microseconds.
        fired: Ids of the alert rules that have fired and not yet re-armed, sorted.
        position: The open position, None when flat.
        sold_us: Event time of the last sale, 0 before the first.
        outbox: Committed and not yet known to be delivered.
    """

    ticker: str
    version: int = 0
    stream_position: int = 0
    last_seq: int = 0
    trades: int = 0
    late: int = 0
    gaps: int = 0
    last_price: float = 0.0
    last_us: int = 0
    row: Bar | None = None
    bar: Bar | None = None
    windows: dict[int, Window] = {}
    fired: tuple[str, ...] = ()
    position: Position | None = None
    sold_us: int = 0
    outbox: tuple[Delivery, ...] = ()


class HistoryRow(Struct, frozen=True, kw_only=True, gc=False):
    """One row of the history table, under (series, last_refreshed).

    Attributes:
        series: The ticker at `history.resolution`; `ticker@1m` for bars.
        last_refreshed: ISO 8601 UTC with microseconds: the interval's start, or the
            trade's time with `#<trade id>` appended.
        price: The last price of the interval.
    """

    series: str
    last_refreshed: str
    price: float
    open: float
    high: float
    low: float
    volume: float
    notional: float
    trades: int
    gaps: int


class DeadLetter(Struct, frozen=True, kw_only=True):
    """Bytes that are not a valid trade, kept with what is needed to try them again.

    Attributes:
        id: Where the bytes stood: pure function of the source and place in it.
        key: The record's partition key, or the ticker where it is known; "" if not.
        reason: What was wrong, in words.
        data: The bytes as they came.
        arrival_us: When they arrived.
        version: Penstock's version.
    """

    id: str
    key: str
    reason: str
    data: bytes
    arrival_us: int
    version: str
