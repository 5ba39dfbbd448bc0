"""What a feed is: one venue's protocol without I/O, frames in, trades out.

A driver owns the socket or the file: it sends what `to_send` gives, hands every frame
to `receive`, and does what it likes with the trades.  A feed never waits, reads a
clock, opens anything or numbers trades that the venue does not number.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from penstock.errors import BadRecordError
from penstock.model import Trade

__all__ = [
    "BadFrameError",
    "Feed",
    "Frame",
    "Newest",
    "Notes",
    "encode",
    "excerpt",
    "read",
    "read_each",
    "refuse",
    "restore",
    "words",
]

Frame = str | bytes
_T = TypeVar("_T")

# What may be a venue's name of a market: BTC-USD, XBT/USD.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9/-]*")
_SPENT = 1024
_SHOWN = 60  # characters of something bad that a message quotes


class BadFrameError(BadRecordError):
    """A frame is none of the venue's messages, or something in it is no trade.

    Keep the frame as a dead letter and go on with `trades`.

    Attributes:
        reasons: What is wrong, one sentence per fault.
        trades: The frame's good trades, in order, which are not given again.
    """

    def __init__(self, *reasons: str, trades: Sequence[Trade] = ()) -> None:
        self.reasons, self.trades = reasons, list(trades)
        super().__init__(*reasons)

    def __str__(self) -> str:
        more = len(self.reasons) - 1
        return self.reasons[0] + (f" (and {more} more like it)" if more else "")


class Notes(Struct):
    """What a feed noticed beside the trades, since it was made.

    Attributes:
        refused: Symbols that the venue will not feed, with its reason.
        errors: The venue's complaints that name no symbol, and how often they came.
        ignored: Messages that the feed has no use for, by type.
        repeated: Trades seen again, such as twins on another channel, snapshots.
        late: Trades that came after a newer one of their symbol and were left out;
            the jump in the ids has shown them as missing.
        rounded: Numbers of more than 15 significant digits, of which 15 were kept.
        missed: Messages that the venue sent and that have not arrived, where it counts;
            falls when one comes late.
        spent: Newest ids that the venue spent on what is no trade, with their symbols;
            for who counts ids to take away.
        closing: The venue said that it will close this connection: open another now.
    """

    refused: dict[str, str] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    late: int = 0
    rounded: int = 0
    missed: int = 0
    spent: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=_SPENT))
    closing: bool = False


class Feed(Protocol):
    """One venue's protocol, for any number of its symbols.

    Made with the symbols to subscribe to, as BASE-QUOTE; with none it subscribes to
    nothing and takes whatever comes, for captures.  Trades of symbols that were not
    asked for are passed on all the same.
    """

    @property
    def venue(self) -> str:
        """The venue's name in tickers."""

    @property
    def contiguous(self) -> bool:
        """Whether `seq` rises by exactly one per ticker, so that a jump is a loss."""

    @property
    def notes(self) -> Notes:
        """What was noticed so far."""

    def to_send(self) -> list[str]:
        """Return the frames to send now, each of them once."""

    def reset(self) -> None:
        """Start on a new connection: subscribe again, but not to what was refused.

        Which trades were passed on is not forgotten, so what the venue repeats on
        connecting comes out only where it is new.
        """

    def again(self, symbols: Sequence[str]) -> list[str]:
        """Return the frames that ask for `symbols` once more, refused ones included."""

    def receive(self, frame: Frame, received_us: int) -> list[Trade]:
        """Read a frame and return its trades, oldest first per symbol.

        `seq` is the venue's id where the venue numbers its trades, else 0; `gap` is
        left to who knows what came before.  `side` is the taker's.

        Raises:
            BadFrameError: The frame, or something in it, cannot be read; the
                exception holds the trades that can.
        """


class Newest:
    """The newest trade passed on per symbol, by `seq`, and so what is a repeat.

    Args:
        notes: Where repeated and late trades are counted.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._seq: dict[str, int] = {}

    def of(self, symbol: str) -> int:
        """Return the seq of the newest trade passed on, 0 before the first."""
        return self._seq.get(symbol, 0)

    def admit(self, trades: Iterable[Trade], *, history: bool = False) -> list[Trade]:
        """Return those of `trades` that are newer than all before.

        Args:
            trades: Oldest first per symbol.
            history: Whether the venue sends past trades here, so that an old one is
                a repeat and not a latecomer.
        """
        new = []
        for trade in trades:
            last = self._seq.get(trade.symbol, 0)
            if trade.seq > last:
                self._seq[trade.symbol] = trade.seq
                new.append(trade)
            elif history or trade.seq == last:
                self._notes.repeated += 1
            else:
                self._notes.late += 1
        return new


def read(decoder: Decoder[_T], data: Frame | Raw) -> _T:
    """Decode JSON.

    Raises:
        BadFrameError: It is malformed or of another shape; says where.
    """
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as e:
        raise BadFrameError(f"{e}; found {excerpt(data)}") from e


def read_each(
    items: list[Raw], reader: Callable[[Raw], Trade]
) -> tuple[list[Trade], list[str]]:
    """Read a message's trades one by one; return the good ones, and what is wrong."""
    trades: list[Trade] = []
    faults: list[str] = []
    for item in items:
        try:
            trades.append(reader(item))
        except BadFrameError as e:
            faults.extend(e.reasons)
    return trades, faults


def refuse(
    notes: Notes, names: dict[str, str], reason: str, natives: Iterable[str]
) -> bool:
    """Note that the venue refused something, and drop it from `names`.

    Args:
        notes: Where to note it: by symbol, or as an error where none is named.
        names: What was asked for: the venue's name to the symbol.
        reason: The venue's words.
        natives: The venue's names that it may be about.

    Returns:
        Whether it is about something that was asked for.
    """
    named = [names.pop(native) for native in natives if native in names]
    notes.refused.update(dict.fromkeys(named, reason))
    if not named:
        notes.errors[reason] += 1
    return bool(named)


def restore(notes: Notes, names: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """Forget that any of `wanted` were refused; return the venue's names of them.

    Args:
        notes: Where it was noted.
        names: What is asked for: the venue's name to the symbol.
        wanted: What is to be asked for once more, likewise.
    """
    names |= wanted
    for symbol in wanted.values():
        notes.refused.pop(symbol, None)
    return list(wanted)


def words(text: str) -> list[str]:
    """Return what may be names of markets in a venue's complaint.

    >>> words("FOO-USD is not valid")
    ['FOO-USD', 'is', 'not', 'valid']
    """
    return _WORD.findall(text)


def encode(message: object) -> str:
    """Write a message as a frame to send."""
    return msgspec.json.encode(message).decode()


def excerpt(data: Frame | Raw) -> str:
    """Quote the beginning of something bad."""
    shown = data[: _SHOWN + 1] if isinstance(data, str) else bytes(data)[: _SHOWN + 1]
    return repr(shown[:_SHOWN]) + ("..." if len(shown) > _SHOWN else "")
