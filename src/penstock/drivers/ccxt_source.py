"""Trades of any exchange that ccxt watches: `--source ccxt:bybit`.

For the exchanges that penstock has no feed of its own for.  ccxt promises less than
those feeds do, and so does this:

* No gap is seen, filled or marked: what is lost while ccxt connects again, or because
  it keeps a limited number of trades, is lost in silence.  Where it hands out as many
  as it keeps, that is counted.
* Ids may be missing, and need not be numbers that rise.  So trades are numbered by
  their time, and one that comes again is known by its id, or not at all.
* Prices and sizes have been through a float; times are in milliseconds.
* Whether `side` is the taker's is up to ccxt.

Nothing of ccxt is imported before it is asked for, which takes seconds.
"""

import asyncio
import importlib
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from penstock.codec import encode_json
from penstock.drivers.files.batch import BadItem
from penstock.drivers.files.documents import ccxt_trade
from penstock.drivers.files.options import Options
from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.inbox import Inbox, LiveBatch
from penstock.errors import BadRecordError, SourceError, UnavailableError
from penstock.feeds import FEEDS, Notes
from penstock.feeds.symbols import native_names, to_kraken
from penstock.model import Trade

__all__ = ["CcxtSource", "Exchange", "Library", "load_ccxt"]

_BATCH_TRADES = 5_000
_WAIT_S = 0.05  # between two batches where nothing comes
_KEPT_TRADES = 10_000  # that ccxt keeps of a symbol until they are taken
_KNOWN_IDS = 2_000  # of a symbol; an exchange repeats up to a thousand on connecting
_FIELDS = ("id", "timestamp", "datetime", "symbol", "side", "price", "amount")
# No retry helps: there is no such market, or it takes a login, or a place to be.
_FINAL = ("BadSymbol", "NotSupported", "AuthenticationError", "RestrictedLocation")


class Exchange(Protocol):
    """What is used of one of ccxt's exchanges."""

    async def watch_trades(self, symbol: str) -> Sequence[Mapping[str, Any]]:
        """Return the trades that came since the last call; wait for one at least."""

    async def close(self) -> None:
        """Close its connections."""


class Library(NamedTuple):
    """What is used of ccxt.

    Attributes:
        make: Makes the exchange, within the event loop that it is to run in.
        final: The exceptions of which no retry makes a success.
    """

    make: Callable[[], Exchange]
    final: tuple[type[Exception], ...]


def load_ccxt(exchange: str) -> Library:
    """Import ccxt and find `exchange`, by its name there.

    Raises:
        SourceError: ccxt is not installed, has no such exchange, or penstock has a
            feed of its own for it.
    """
    if exchange in FEEDS:
        raise SourceError(
            f"there is a feed for {exchange!r} that promises more than ccxt: "
            f"pass --source {exchange}"
        )
    try:
        ccxt = importlib.import_module("ccxt.pro")
    except ModuleNotFoundError as e:
        raise SourceError(
            "--source ccxt:... needs the extra `ccxt`: run pip install 'penstock[ccxt]'"
        ) from e
    if exchange not in ccxt.exchanges:
        close = get_close_matches(exchange, ccxt.exchanges, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SourceError(f"ccxt watches no exchange called {exchange!r}.{hint}")
    options = {"options": {"tradesLimit": _KEPT_TRADES}, "newUpdates": True}
    return Library(
        make=lambda: getattr(ccxt, exchange)(options),
        final=tuple(getattr(ccxt, name) for name in _FINAL),
    )


class CcxtSource:
    """Trades of one exchange, in the order in which ccxt gives them.

    Any thread, and a signal handler, may call `stop`.

    Args:
        exchange: Its name in ccxt, which becomes the venue.
        symbols: BASE-QUOTE, of spot markets.
        library: See `load_ccxt`.
        timing: How long to wait, and how much to keep.
        clock_us: The time on the wall, in microseconds since the epoch.
        draw: Gives a number from 0 to below 1, by chance.

    Attributes:
        contiguous: What `Sequencer` has to know of it: no gap can be seen.
        refused: Symbols that cannot be watched, with the reason.
        errors: What went wrong, by kind, and how often.
        last_error: The newest of these, in full.
        repeated: Trades that came again, and were left out.
        overruns: How often ccxt gave all that it keeps, so that it may have lost some.

    Raises:
        SourceError: A symbol is not BASE-QUOTE, or there is none.
    """

    contiguous = False

    def __init__(
        self,
        exchange: str,
        symbols: Sequence[str],
        *,
        library: Library,
        timing: Timing,
        clock_us: Callable[[], int],
        draw: Callable[[], float],
    ) -> None:
        self._names = native_names(symbols, to_kraken)  # ccxt, too, says BTC/USD
        if not self._names:
            raise SourceError("--source ccxt:... needs a --symbol, such as BTC-USD")
        self._exchange, self._library, self._timing = exchange, library, timing
        self._clock_us, self._draw = clock_us, draw
        self._inbox = Inbox(timing.max_queued)
        self._notes = Notes()
        self._known: dict[str, dict[str, None]] = {name: {} for name in self._names}
        self.refused: dict[str, str] = {}
        self.errors: Counter[str] = Counter()
        self.repeated = self.overruns = 0
        self.last_error = ""
        self._was_reached = False
        self._error: Exception | None = None
        # No event: see `Feeder.stop`.
        self._stopping = self._is_done = False

    def stop(self) -> None:
        """End `batches` soon, after what was received; safe in a signal handler."""
        self._stopping = True

    def batches(self) -> Generator[LiveBatch, None, None]:
        """Watch, and yield what comes; at least every 50 ms, if only empty batches.

        Raises:
            UnavailableError: The exchange could not be reached; says why.
            SourceError: Every symbol was refused; says why.
        """
        thread = threading.Thread(target=self._run, name=f"ccxt {self._exchange}")
        thread.start()
        try:
            while not self._is_done:
                yield self._inbox.take(_BATCH_TRADES, _WAIT_S)
            while self._inbox.fill:
                yield self._inbox.take(_BATCH_TRADES, 0.0)
        finally:
            self._stopping = True
            thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as e:  # raised again by `batches`, in who takes them
            self._error = e
        finally:
            self._is_done = True
            self._inbox.wake()

    async def _main(self) -> None:
        exchange = self._library.make()
        tasks = [
            asyncio.create_task(self._watch(exchange, name)) for name in self._names
        ]
        try:
            await self._serve(tasks)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            closing = asyncio.create_task(exchange.close())
            await asyncio.wait([closing], timeout=self._timing.drain_s)
        for end in ends:
            if isinstance(end, Exception):  # a mistake of ours
                raise end

    async def _serve(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        began_s = asyncio.get_running_loop().time()
        while not self._stopping:
            _, watching = await asyncio.wait(tasks, timeout=self._timing.tick_s)
            if not watching:
                if len(self.refused) == len(self._names):
                    raise self._all_refused()
                return
            elapsed_s = asyncio.get_running_loop().time() - began_s
            if elapsed_s > self._timing.reach_s and not self._was_reached:
                self._check_reached()

    async def _watch(self, exchange: Exchange, name: str) -> None:
        read = ccxt_trade(Options(self._names[name], self._exchange), self._notes)
        failures = 0
        while True:
            try:
                items = await exchange.watch_trades(name)
            except self._library.final as e:
                self._note(e)
                self._was_reached = True
                self.refused[self._names[name]] = str(e)
                return
            except Exception as e:  # of a hundred exchanges' code, any may come
                self._note(e)
                failures += 1
                await asyncio.sleep(self._pause_s(failures))
                continue
            failures, self._was_reached = 0, True
            self._take(name, items, read)
            while self._inbox.is_full:
                await asyncio.sleep(self._timing.tick_s)
            await asyncio.sleep(0)  # what ccxt has at hand already must not starve us

    def _take(
        self,
        name: str,
        items: Sequence[Mapping[str, Any]],
        read: Callable[[bytes], Trade],
    ) -> None:
        received_us = self._clock_us()
        self.overruns += len(items) >= _KEPT_TRADES
        trades: list[Trade] = []
        bad: list[BadItem] = []
        for item in items:
            data = encode_json({key: item.get(key) for key in _FIELDS})
            try:
                trade = read(data)
            except BadRecordError as e:
                bad.append(BadItem(f"ccxt:{self._exchange} {name}", data, str(e)))
                continue
            if trade.trade_id and self._is_known(name, trade.trade_id):
                self.repeated += 1
            else:
                trades.append(replace(trade, received_us=received_us, seq=0))
        if trades:
            self._inbox.put(trades)
        if bad:
            self._inbox.put_bad(bad)

    def _is_known(self, name: str, trade_id: str) -> bool:
        known = self._known[name]
        if trade_id in known:
            return True
        known[trade_id] = None
        if len(known) > _KNOWN_IDS:
            del known[next(iter(known))]
        return False

    def _pause_s(self, failures: int) -> float:
        timing = self._timing
        longest_s = min(timing.backoff_s * 2.0 ** (failures - 1), timing.max_backoff_s)
        return longest_s * (1 + self._draw()) / 2

    def _note(self, error: Exception) -> None:
        self.errors[type(error).__name__] += 1
        self.last_error = f"{type(error).__name__}: {error}"

    def _check_reached(self) -> None:
        if self.errors:
            raise UnavailableError(
                f"{self._exchange} could not be reached by ccxt: {self.last_error}. "
                "Is this machine online, and may it go there? "
                "`--source simulated` needs no network."
            )

    def _all_refused(self) -> SourceError:
        causes = "; ".join(f"{symbol}: {why}" for symbol, why in self.refused.items())
        return SourceError(f"{self._exchange} feeds no symbol: {causes}")
