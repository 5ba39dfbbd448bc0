"""A market made up from a seed: the same seed makes the same trades, everywhere.

Prices have fat tails and volatility that clusters, activity follows the hour of the
day, and now and then a symbol crashes within a minute or two and recovers, mostly to
above where it fell from.  It never reads a clock: time is counted from `start_us`.

`random.Random` is safe here: for an integer seed, its `random()` gives the same
numbers in every Python version and on every machine, by its documentation.  Everything
else is +, -, *, / and sqrt, which IEEE 754 rounds in one way only.  So nothing here may
use log, exp, ** or the other distributions of `random` (the C library's, which differ
in the last digit), nor `sum` of floats (which Python 3.12 made more exact).
"""

from collections.abc import Callable, Iterator, Sequence
from math import isfinite, sqrt
from random import Random
from typing import NamedTuple
from zlib import crc32

from penstock.errors import ConfigError
from penstock.model import SYMBOL, Trade

__all__ = ["SYMBOLS", "SimulatedMarket"]

_Draw = Callable[[], float]  # uniform from 0 to below 1


class _Instrument(NamedTuple):
    """How a symbol trades.

    Attributes:
        price: Where it starts.
        decimals: Of its price: the tick is 10 ** -decimals.
        share: Of the market's trades, relative to the others.
        restlessness: Its volatility, relative to Bitcoin's.
    """

    price: float
    decimals: int
    share: int
    restlessness: float


_KNOWN = {
    "BTC-USD": _Instrument(87_000.0, 2, 8, 1.0),
    "ETH-USD": _Instrument(3_100.0, 2, 5, 1.2),
    "SOL-USD": _Instrument(185.0, 2, 3, 1.6),
    "DOGE-USD": _Instrument(0.38, 5, 2, 1.8),
    "XRP-USD": _Instrument(2.2, 4, 2, 1.5),
}

SYMBOLS: tuple[str, ...] = tuple(_KNOWN)

# Trades in each hour of the day, UTC, in percent of the mean: quiet after midnight,
# busiest while Europe and America are both awake.
_ACTIVITY_PERCENT = (
    *(75, 70, 65, 60, 60, 65, 75, 90),
    *(100, 105, 100, 100, 110, 135, 155, 155),
    *(145, 130, 115, 105, 100, 95, 100, 90),
)
_HOUR_US = 3_600_000_000


class _Regime(NamedTuple):
    """A spell of the market; trades and volatility are relative to the mean."""

    mean_us: float
    activity: float
    volatility: float


# Four fifths of the time calm: 0.8 x 0.8 + 0.2 x 1.8 keeps the mean rate.
_CALM = _Regime(480e6, 0.8, 1.0)
_WILD = _Regime(120e6, 1.8, 3.0)

_VOLATILITY = 7e-5  # of Bitcoin's price over a calm second: some 40 % a year
_PULL_S = 3_600.0  # prices forget a crash or a rally at about this pace
_HALF_SPREAD = 5e-5
_SIZE_UNITS = 1_000_000  # sizes have six decimals
_TYPICAL_NOTIONAL = 150.0  # median, in the quote currency

_CRASH_MEAN_US = 240e6
_OVERSHOOTS = 0.75  # this part of the crashes ends above where it fell from
# Seven percent down in two seconds raises a 5 % alert and buys the first 1 % dip, at
# some 0.99; four seconds later that position is up by more than 5 % and is sold.
_FIRST_CRASH = ((2e6, 0.93), (6e6, 1.055))


class SimulatedMarket:
    """A seeded market; iterating it yields its trades, for ever, from the beginning.

    Trades carry no `seq`, so that it is assigned from their time: a market that is
    started again later goes on rising, whereas counting from 1 would make its trades
    look like ones already seen.  Their `trade_id` counts from 1 per symbol.

    Args:
        seed: Any two of the same absolute value make the same market.
        start_us: Event time of the beginning; trades follow it in order of event time.
        rate_per_s: Mean number of trades per second of event time, over all symbols
            and a whole day.  Who wants them as fast as possible just does not wait.
        symbols: BASE-QUOTE; those that are not in SYMBOLS get a price made from their
            name.
        first_crash_us: How long after `start_us` the first of `symbols` falls by 7 %
            in 2 s, to be 5.5 % up 4 s later; None for not at all.  Crashes at random
            come every four minutes or so in any case.
        time_scale: How many times faster than event time the market lives: its
            volatility, spells, hours and crashes, but neither the rate nor the first
            crash.

    Raises:
        ConfigError: `rate_per_s` or `time_scale` is not a finite number above 0, or
            `symbols` is empty, or names one twice or not as BASE-QUOTE.
    """

    def __init__(
        self,
        *,
        seed: int,
        start_us: int,
        rate_per_s: float = 200.0,
        symbols: Sequence[str] = SYMBOLS,
        first_crash_us: int | None = 2_000_000,
        time_scale: float = 1.0,
    ) -> None:
        for name, value in (("rate_per_s", rate_per_s), ("time_scale", time_scale)):
            if not (isfinite(value) and value > 0):
                raise ConfigError(
                    f"simulated market: {name} must be a finite number above 0, "
                    f"such as 200; found {value!r}"
                )
        well_named = all(map(SYMBOL.fullmatch, symbols))
        if not symbols or len(set(symbols)) < len(symbols) or not well_named:
            raise ConfigError(
                "simulated market: symbols must name each symbol once, and at least "
                f"one, such as {', '.join(SYMBOLS[:2])}; found {list(symbols)!r}"
            )
        self._seed = seed
        self._start_us = start_us
        self._rate_per_s = rate_per_s
        self._symbols = tuple(symbols)
        self._first_crash_us = first_crash_us
        self._time_scale = time_scale

    def __iter__(self) -> Iterator[Trade]:
        # S311 is about secrets; this is the one generator that repeats itself.
        draw = Random(self._seed).random  # noqa: S311
        weather = _Weather(draw, self._start_us, self._rate_per_s, self._time_scale)
        shocks, sizes = _shocks(draw), _sizes(draw)
        books = [
            _Book(symbol, weather, shocks, sizes, self._start_us)
            for symbol in self._symbols
        ]
        if self._first_crash_us is not None:
            books[0].fall(float(self._first_crash_us), _FIRST_CRASH)
        by_share = [book for book in books for _ in range(book.share)]
        n = len(by_share)
        elapsed_us = 0.0
        while True:
            # The product of three draws has mean 1/8 and comes in bursts a little
            # more than trades at random do (as theirs do); no logarithm is needed.
            elapsed_us += weather.gap_us * 8.0 * draw() * draw() * draw()
            if elapsed_us >= weather.until_us:
                weather.turn(elapsed_us, books)
            yield by_share[int(draw() * n)].trade(elapsed_us)


class _Weather:
    """What all symbols share: the spell, the hour, and when the next crash is due.

    Attributes:
        gap_us: Mean time between trades now.
        volatility: Now, relative to the mean; includes the time scale.
        until_us: When one of them changes, in microseconds since the start.
    """

    def __init__(
        self, draw: _Draw, start_us: int, rate_per_s: float, time_scale: float
    ) -> None:
        self.draw = draw
        self.time_scale = time_scale
        self._start_us = start_us
        self._mean_gap_us = 1e6 / rate_per_s
        self._regime = _CALM
        self._regime_ends_us = self._spell(_CALM.mean_us)
        self._crash_us = self._spell(_CRASH_MEAN_US)
        self._settle(0.0)

    def turn(self, elapsed_us: float, books: "Sequence[_Book]") -> None:
        """Bring the weather to `elapsed_us`, crashing one of `books` if it is due."""
        while self._regime_ends_us <= elapsed_us:
            self._regime = _WILD if self._regime is _CALM else _CALM
            self._regime_ends_us += self._spell(self._regime.mean_us)
        while self._crash_us <= elapsed_us:
            book = books[int(self.draw() * len(books))]
            book.fall(self._crash_us, self._crash())
            self._crash_us += self._spell(_CRASH_MEAN_US)
        self._settle(elapsed_us)

    def _settle(self, elapsed_us: float) -> None:
        day_us = self._start_us + int(elapsed_us * self.time_scale)
        hour, into_us = divmod(day_us, _HOUR_US)
        activity = self._regime.activity * _ACTIVITY_PERCENT[hour % 24] / 100.0
        self.gap_us = self._mean_gap_us / activity
        self.volatility = self._regime.volatility * sqrt(self.time_scale)
        hour_ends_us = elapsed_us + (_HOUR_US - into_us) / self.time_scale
        self.until_us = min(self._regime_ends_us, self._crash_us, hour_ends_us)

    def _spell(self, mean_us: float) -> float:
        return 4.0 * mean_us * self.draw() * self.draw() / self.time_scale

    def _crash(self) -> tuple[tuple[float, float], ...]:
        """Draw a crash: how long after its start which part of the price is left."""
        draw = self.draw
        fall_us = (20.0 + 70.0 * draw()) * 1e6 / self.time_scale
        lie_us = 20.0 * draw() * 1e6 / self.time_scale
        rise_us = (60.0 + 180.0 * draw()) * 1e6 / self.time_scale
        low = 0.9 + 0.055 * draw()
        # 4.5 % above is enough for a dip bought on the way down to be 5 % up.
        overshoots = draw() < _OVERSHOOTS
        high = 1.045 + 0.03 * draw() if overshoots else 0.96 + 0.04 * draw()
        lain_us = fall_us + lie_us
        return ((fall_us, low), (lain_us, low), (lain_us + rise_us, high))


class _Book:
    """One symbol: its price and its trades."""

    def __init__(
        self,
        symbol: str,
        weather: _Weather,
        shocks: Sequence[float],
        sizes: Sequence[float],
        start_us: int,
    ) -> None:
        instrument = _KNOWN.get(symbol) or _invented(symbol)
        self.share = instrument.share
        self._symbol, self._weather, self._start_us = symbol, weather, start_us
        self._shocks, self._sizes, self._draw = shocks, sizes, weather.draw
        self._mid = self._home = self._quote = instrument.price
        self._restlessness = _VOLATILITY * instrument.restlessness
        self._scale = 10**instrument.decimals
        self._last_us = self._from_us = 0.0
        self._from_factor = 1.0
        self._legs: list[tuple[float, float]] = []
        self._trades = 0

    def fall(self, start_us: float, crash: Sequence[tuple[float, float]]) -> None:
        """Begin `crash` at `start_us`, unless one goes on."""
        if not self._legs:
            self._from_us, self._from_factor = start_us, 1.0
            self._legs = [(start_us + after_us, part) for after_us, part in crash]

    def trade(self, elapsed_us: float) -> Trade:
        """Make the trade at `elapsed_us`, which no later call may precede."""
        draw = self._draw
        quote = self._move(elapsed_us)
        # Takers follow the price: they buy more often where it has just risen.
        is_buy = draw() < (0.65 if quote > self._quote else 0.35)
        self._quote = quote
        price = quote * (1.0 + _HALF_SPREAD if is_buy else 1.0 - _HALF_SPREAD)
        ticks = int(price * self._scale + 0.5) or 1
        notional = self._sizes[int(draw() * len(self._sizes))] * (0.5 + draw())
        self._trades += 1
        event_us = self._start_us + int(elapsed_us)
        # Dividing whole numbers gives the float nearest to the decimal; int first.
        return Trade(
            venue="simulated",
            symbol=self._symbol,
            price=ticks / self._scale,
            size=(int(notional * _SIZE_UNITS / price) or 1) / _SIZE_UNITS,
            side="buy" if is_buy else "sell",
            event_us=event_us,
            received_us=event_us + 400 + int(4_000.0 * draw() * draw()),
            trade_id=str(self._trades),
        )

    def _move(self, elapsed_us: float) -> float:
        idle_s = (elapsed_us - self._last_us) / 1e6
        self._last_us = elapsed_us
        weather, mid = self._weather, self._mid
        shock = self._shocks[int(self._draw() * len(self._shocks))]
        move = self._restlessness * weather.volatility * sqrt(idle_s) * shock
        mid += mid * max(move, -0.5)  # however long the silence, no price turns 0
        mid += (self._home - mid) * min(idle_s * weather.time_scale / _PULL_S, 1.0)
        self._mid = mid
        return mid * self._part_left(elapsed_us) if self._legs else mid

    def _part_left(self, elapsed_us: float) -> float:
        while self._legs and self._legs[0][0] <= elapsed_us:
            self._from_us, self._from_factor = self._legs.pop(0)
        if not self._legs:  # over: what it has done to the price stays
            self._mid *= self._from_factor
            return self._from_factor
        if elapsed_us <= self._from_us:
            return 1.0
        end_us, part = self._legs[0]
        done = (elapsed_us - self._from_us) / (end_us - self._from_us)
        return self._from_factor + (part - self._from_factor) * done


def _invented(symbol: str) -> _Instrument:
    """Make up a symbol's price, of five digits, from its name."""
    number = crc32(symbol.encode())
    decimals = 1 + number // 90_000 % 5
    ticks = 10_000 + number % 90_000
    return _Instrument(ticks / 10**decimals, decimals, 2, 1.0 + number % 11 / 10.0)


def _shocks(draw: _Draw) -> list[float]:
    """Draw moves of mean 0 and variance 1 or so, by Student's t of 4 degrees."""
    shocks: list[float] = []
    for _ in range(2048):
        a, b, c, d = _normal(draw), _normal(draw), _normal(draw), _normal(draw)
        spread = a * a + b * b + c * c + d * d
        shock = _normal(draw) * sqrt(2.0 / (spread + 0.1))  # 0.1 bounds it
        shocks += (shock, -shock)  # in pairs: no drift
    return shocks


def _sizes(draw: _Draw) -> list[float]:
    """Draw notionals, lognormal about the typical one."""
    return [_TYPICAL_NOTIONAL * _exp(1.6 * _normal(draw)) for _ in range(1024)]


def _normal(draw: _Draw) -> float:
    """Draw from mean 0 and variance 1, nearly normal: six uniforms have 1/2."""
    six = draw() + draw() + draw() + draw() + draw() + draw()
    return (six - 3.0) * sqrt(2.0)


def _exp(x: float) -> float:
    """Compute e to the x by (1 + x/1024) ** 1024, in ten squarings."""
    y = 1.0 + x / 1024.0
    for _ in range(10):
        y *= y
    return y
