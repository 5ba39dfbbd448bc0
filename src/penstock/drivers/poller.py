"""Prices asked for over REST: once, as a schedule wants, or every so often.

For a price a minute of a few symbols; for every trade there are the websockets.  One
connection is kept alive, and one symbol asked for at a time: what fails is tried again
after the others have had their turn, so that no symbol holds up another for longer than
a request takes.  Knows nothing of what becomes of a price.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from http import HTTPStatus
from math import ceil
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Self

import httpx

from penstock import __version__
from penstock.drivers.limits import Bucket, retry_after_s
from penstock.errors import PenstockError, SourceError, UnavailableError
from penstock.feeds import Notes
from penstock.feeds.base import Newest, excerpt
from penstock.feeds.coinbase_rest import read_spot, read_ticker
from penstock.model import SYMBOL, Trade

__all__ = ["PRICES", "Clock", "Poll", "Poller", "PriceApi"]

_PATIENCE_S = 20.0  # of a minute that a schedule may have, and a function's time limit
_ATTEMPTS = 3
_FIRST_PAUSE_S = 0.5  # doubled for each further attempt; half to all of it, by chance
_LONGEST_BYTES = 65_536  # of an answer; a price takes some three hundred
_REFUSED_S = 300.0  # until a symbol that is unknown to the venue is asked for again
_TICK_S = 0.2  # how often whoever takes the prices may look at something else

# Answers that concern every symbol: for how long nothing is asked then, in seconds,
# where the venue does not say.
_PAUSES: Mapping[int, float] = {
    HTTPStatus.TOO_MANY_REQUESTS: 5.0,
    HTTPStatus.IM_A_TEAPOT: 120.0,  # Binance's answer to who goes on after 429
    HTTPStatus.SERVICE_UNAVAILABLE: 0.0,
}


class PriceApi(NamedTuple):
    """Where a kind of price is to be had, and how to read it.

    Attributes:
        url: The address, without a path.
        path: The path, with `{symbol}` in it.
        read: Makes a trade of an answer's body, the symbol and the time of receipt.
        per_s: Requests per second that the venue takes, and less, for there may be
            other programs at the same address.
        burst: Likewise, at once.
    """

    url: str
    path: str
    read: Callable[[bytes, str, int, Notes], Trade]
    per_s: float
    burst: int


PRICES: Mapping[str, PriceApi] = {
    # docs.cdp.coinbase.com/coinbase-app/api-architecture/rate-limiting: 10,000 an
    # hour per key; nothing is said of requests without one.
    "coinbase-spot": PriceApi(
        url="https://api.coinbase.com",
        path="/v2/prices/{symbol}/spot",
        read=read_spot,
        per_s=2.5,
        burst=10,
    ),
    # docs.cdp.coinbase.com/exchange/rest-api/rate-limits: 10 a second per address,
    # bursts to 15.
    "coinbase-ticker": PriceApi(
        url="https://api.exchange.coinbase.com",
        path="/products/{symbol}/ticker",
        read=read_ticker,
        per_s=5,
        burst=10,
    ),
}


class Clock(NamedTuple):
    """What the poller knows of time and chance.

    Attributes:
        wall_us: The time on the wall, in microseconds since the epoch.
        monotonic_s: A clock that never goes back.
        sleep: Waits for so many seconds.
        draw: Gives a number from 0 to below 1, by chance.
    """

    wall_us: Callable[[], int]
    monotonic_s: Callable[[], float]
    sleep: Callable[[float], object]
    draw: Callable[[], float]


class Poll(NamedTuple):
    """What asking brought.

    Attributes:
        trades: One per symbol at most.
        failures: By symbol why it has none.  SourceError: the venue will not have it;
            BadRecordError: what came is no price; UnavailableError: it may next time.
    """

    trades: Sequence[Trade]
    failures: Mapping[str, PenstockError]


_NOTHING = Poll((), {})


class Poller:
    """Asks one venue for prices; use it as a context manager, or close it.

    A trade that was given is not given again; a spot price, which cannot be told from
    the one before, is given every time.

    Args:
        kind: One of PRICES.
        clock: See `Clock`.
        base_url: Instead of the venue's own address.
        request_s: The longest that a request may take.

    Attributes:
        notes: What was noticed beside the prices.
        skipped: Rounds that `poll_every` left out because the one before took so long.

    Raises:
        SourceError: `kind` is none of PRICES, or `base_url` no address.
    """

    def __init__(
        self,
        kind: str,
        *,
        clock: Clock,
        base_url: str | None = None,
        request_s: float = 4.0,
    ) -> None:
        if kind not in PRICES:
            known = ", ".join(PRICES)
            raise SourceError(f"unknown kind of price {kind!r}. Known: {known}.")
        self._api = PRICES[kind]
        self._url = (base_url or self._api.url).rstrip("/")
        self._clock, self._request_s = clock, request_s
        self._bucket = Bucket(self._api.per_s, self._api.burst)
        self.notes = Notes()
        self.skipped = 0
        self._newest = Newest(self.notes)
        self._failed: set[str] = set()
        self._was_reached = self._is_stopping = False
        try:
            self._client = httpx.Client(
                base_url=self._url,
                timeout=request_s,
                headers={"User-Agent": f"penstock/{__version__}"},
            )
        except httpx.InvalidURL as e:
            raise SourceError(f"{self._url!r} is no address: {e}.") from e
        except (ImportError, ValueError) as e:
            raise SourceError(
                f"the proxy that this machine's environment names cannot be used: {e}"
            ) from e

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; closing again does nothing."""
        self._client.close()

    def stop(self) -> None:
        """Make `poll_every` end soon; safe to call from a signal handler."""
        self._is_stopping = True

    def poll_once(self, symbols: Sequence[str]) -> Poll:
        """Ask for the price of each of `symbols`, BASE-QUOTE, and return what came.

        Never raises for what one symbol, or the venue, does: that is in the failures.
        Takes 20 s at most, and a last request.
        """
        trades: list[Trade] = []
        failures: dict[str, PenstockError] = {}
        for step in self._round(symbols):
            trades += step.trades
            failures |= step.failures
        return Poll(trades, failures)

    def poll_every(self, symbols: Sequence[str], interval_s: float) -> Iterator[Poll]:
        """Ask at once, and then whenever the clock shows a multiple of `interval_s`.

        Yields prices as they come, and empty polls several times a second meanwhile.
        What would be due while a round still lasts is skipped.  A symbol that the
        venue will not have is asked for again every five minutes only.

        Raises:
            UnavailableError: After the first round: the venue cannot be reached.
            SourceError: After the first round: it will have none of `symbols`.
        """
        refused_s: dict[str, float] = {}
        is_first = True
        while not self._is_stopping:
            now_s, now_us = self._clock.monotonic_s(), self._clock.wall_us()
            failures: dict[str, PenstockError] = {}
            for step in self._round(
                [s for s in symbols if refused_s.get(s, now_s) <= now_s]
            ):
                failures |= step.failures
                yield step
            if is_first and len(failures) == len(set(symbols)):
                self._check_start(failures)
            is_first = False
            took_s = self._clock.monotonic_s() - now_s
            refused_s |= {
                symbol: now_s + _REFUSED_S
                for symbol, error in failures.items()
                if isinstance(error, SourceError)
            }
            # By the time on the wall at the beginning, and then by the clock that
            # never goes back: where the former jumps, one round is early or late.
            rounds, wait_s = _until_next(now_us, took_s, interval_s)
            self.skipped += rounds - 1
            yield from self._wait(now_s + took_s + wait_s)

    def _check_start(self, failures: Mapping[str, PenstockError]) -> None:
        first = next(iter(failures.values()))
        if all(isinstance(error, SourceError) for error in failures.values()):
            raise SourceError(" ".join(map(str, failures.values()))) from first
        if not self._was_reached:
            raise UnavailableError(
                f"{first} Is this machine online, and may it go there? "
                "`--source simulated` needs no network."
            ) from first

    def _round(self, symbols: Sequence[str]) -> Iterator[Poll]:
        now_s = self._clock.monotonic_s()
        deadline_s = now_s + _PATIENCE_S
        # Who failed last time comes last, and so holds nobody up.
        ordered = sorted(dict.fromkeys(symbols), key=self._failed.__contains__)
        self._failed = set()
        due = [(now_s, n, _Job(symbol)) for n, symbol in enumerate(ordered)]
        while due:
            due_s, n, job = heappop(due)
            now_s = self._clock.monotonic_s()
            start_s = max(due_s, now_s + self._bucket.paused_s(now_s))
            if start_s > deadline_s:
                yield self._failure(job, job.error or self._not_asked())
                continue
            yield from self._wait(start_s)
            now_s = self._clock.monotonic_s()
            yield from self._wait(now_s + self._bucket.wait_s(now_s))
            if self._is_stopping:
                return
            yield (yield from self._attempt(job))
            if job.again_s is not None:
                heappush(due, (job.again_s, n, job))

    def _wait(self, until_s: float) -> Iterator[Poll]:
        while not self._is_stopping:
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0:
                return
            self._clock.sleep(min(left_s, _TICK_S))
            yield _NOTHING

    def _attempt(self, job: "_Job") -> Generator[Poll, None, Poll]:
        job.attempts += 1
        job.again_s = None
        try:
            trade = yield from self._ask_aside(job.symbol)
        except UnavailableError as e:
            job.error = e
            if job.attempts == _ATTEMPTS:
                return self._failure(job, e)
            job.again_s = self._clock.monotonic_s() + self._pause_s(job.attempts)
            return _NOTHING
        except PenstockError as e:
            return self._failure(job, e)
        # A quotation has no number to be known by.
        return Poll(self._newest.admit([trade]) if trade.seq else [trade], {})

    def _failure(self, job: "_Job", error: PenstockError) -> Poll:
        self._failed.add(job.symbol)
        return Poll((), {job.symbol: error})

    def _pause_s(self, attempts: int) -> float:
        longest_s: float = _FIRST_PAUSE_S * 2 ** (attempts - 1)
        return longest_s * (1 + self._clock.draw()) / 2

    def _ask_aside(self, symbol: str) -> Generator[Poll, None, Trade]:
        # In a thread that can be left behind: nothing limits how long looking up a
        # name may take, and a stop must not wait for it.
        outcome: SimpleQueue[Trade | Exception] = SimpleQueue()

        def ask() -> None:
            try:
                outcome.put(self._ask(symbol))
            except Exception as e:  # raised again below, in who asked
                outcome.put(e)

        Thread(target=ask, name=f"ask {symbol}", daemon=True).start()
        for _ in range(ceil(self._request_s / _TICK_S)):
            try:
                result = outcome.get(timeout=_TICK_S)
            except Empty:
                yield _NOTHING
                continue
            if isinstance(result, Trade):
                return result
            raise result
        raise UnavailableError(f"{self._url}: no answer within {self._request_s:g} s.")

    def _ask(self, symbol: str) -> Trade:
        if not SYMBOL.fullmatch(symbol):
            raise SourceError(
                "a symbol is BASE-QUOTE in upper case, such as BTC-USD; "
                f"found {symbol!r}."
            )
        path = self._api.path.format(symbol=symbol)
        try:
            with self._client.stream("GET", path) as response:
                body = self._body(response)
        except httpx.HTTPError as e:
            reason = str(e) or type(e).__name__
            raise UnavailableError(f"{self._url}{path}: {reason}.") from e
        self._was_reached = True
        self._check(response, body, symbol)
        return self._api.read(body, symbol, self._clock.wall_us(), self.notes)

    def _body(self, response: httpx.Response) -> bytes:
        # httpx limits the time for each piece, of which there may be many.
        deadline_s = self._clock.monotonic_s() + self._request_s
        body = b""
        for piece in response.iter_bytes():
            body += piece
            if self._clock.monotonic_s() > deadline_s or len(body) > _LONGEST_BYTES:
                raise httpx.ReadTimeout("the answer does not come to an end")
        return body

    def _check(self, response: httpx.Response, body: bytes, symbol: str) -> None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return
        said = f"{response.url} answered HTTP {status}: {excerpt(body)}."
        if status in _PAUSES:
            asked_s = retry_after_s(response.headers, self._clock.wall_us())
            pause_s = _PAUSES[status] if asked_s is None else asked_s
            self._bucket.pause(pause_s, self._clock.monotonic_s())
            raise UnavailableError(said)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnavailableError(said)
        raise SourceError(f"there is no price of {symbol}: {said}")

    def _not_asked(self) -> UnavailableError:
        return UnavailableError(f"{self._url} was not asked: there was no time left.")


def _until_next(began_us: int, took_s: float, interval_s: float) -> tuple[int, float]:
    """Tell how many multiples of an interval on, and in how long, the next round is.

    >>> _until_next(10_300_000, 0.1, 1.0), _until_next(11_000_000, 2.5, 1.0)
    ((1, 0.6), (3, 0.5))
    """
    interval_us = round(interval_s * 1e6)
    took_us = round(took_s * 1e6)
    # A clock that is being put right may show the multiple a little late; it is the
    # round that has just been, and not one to come.
    first = (began_us + interval_us // 10) // interval_us
    next_one = max((began_us + took_us) // interval_us, first) + 1
    return next_one - first, (next_one * interval_us - began_us - took_us) / 1e6


class _Job:
    """One symbol's part of a round.

    Attributes:
        again_s: When to try again; None for not.
    """

    __slots__ = ("again_s", "attempts", "error", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.attempts = 0
        self.again_s: float | None = None
        self.error: UnavailableError | None = None
