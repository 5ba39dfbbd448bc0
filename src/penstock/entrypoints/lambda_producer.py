"""A schedule -> prices over REST -> the stream.

Two runs for one moment, which a schedule may have, give two prices: each is a ticker's
next one, and none is counted twice.  The function needs a time limit of 30 s: asking
takes 20 s and a last request at most, however the venue behaves.
"""

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TypedDict

from msgspec.structs import replace

from penstock.bootstrap import aws_stream, clock_us
from penstock.codec import Packer
from penstock.config import Settings, StreamSettings
from penstock.drivers.poller import Clock, Poller
from penstock.entrypoints.lambda_context import Context
from penstock.entrypoints.lambda_log import Log, open_log, some
from penstock.entrypoints.lambda_settings import read_settings
from penstock.entrypoints.wanted import symbols_by_source
from penstock.errors import ConfigError, PenstockError, UnavailableError
from penstock.feeds.names import POLLED
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade
from penstock.pipeline import ingest
from penstock.ports import Stream

__all__ = ["Produced", "Producer", "handler", "open_pollers"]

# What a function without settings asks for.
_SOURCE, _SYMBOL = POLLED[0], "BTC-USD"

_Pollers = Mapping[str, tuple[Poller, Sequence[str]]]


class Produced(TypedDict):
    """How many trades are on the stream now, and why others are not, by ticker."""

    trades: int
    failed: dict[str, str]


class Producer:
    """Asks for prices, and appends them.

    Args:
        pollers: By source, each with the symbols to ask it for.
        stream: Where prices go.
        settings: How they are packed.
        log: Told of every run.
        clock_us: Tells the time.
    """

    def __init__(
        self,
        pollers: _Pollers,
        stream: Stream,
        settings: StreamSettings,
        log: Log,
        *,
        clock_us: Callable[[], int],
    ) -> None:
        self._pollers, self._stream, self._log = pollers, stream, log
        self._clock_us = clock_us
        self._sequencer = Sequencer(stream.marks(), contiguous=False)
        # What the stream refuses waits here, and goes first when the function is run
        # again, if that is in this process.
        self._packer = Packer(settings.max_record_bytes, linger_us=0)

    def handle(self, _event: object, context: Context) -> Produced:
        """Ask once, and append what came.

        What a venue refuses is told, and no error: the schedule asks again, and a
        retry would before the venue wants to be asked.

        Raises:
            UnavailableError: The stream refused prices; a retry helps.
        """
        trades: list[Trade] = []
        failures: dict[str, PenstockError] = {}
        for kind, (poller, symbols) in self._pollers.items():
            poll = poller.poll_once(symbols)
            trades += poll.trades
            failures |= {f"{kind}:{s}": error for s, error in poll.failures.items()}
        stored, refusal = self._append(trades)
        self._log.write(
            _level(failures, refusal),
            "prices",
            context,
            metrics={
                "Trades": stored,
                "FailedPrices": len(failures) + self._packer.waiting,
            },
            prices=some({trade.ticker: trade.price for trade in trades}),
            failed=some(failures),
            refused=str(refusal or ""),
        )
        if refusal:
            raise refusal
        return Produced(trades=stored, failed=some(failures))

    def _append(self, trades: Sequence[Trade]) -> tuple[int, UnavailableError | None]:
        try:
            stored = ingest(
                trades,
                sequencer=self._sequencer,
                packer=self._packer,
                stream=self._stream,
                now_us=self._clock_us(),
                flush=True,
            )
        except UnavailableError as e:
            return 0, e
        if self._packer.waiting:
            text = f"the stream refused prices, of which {self._packer.waiting} wait"
            return stored, UnavailableError(text)
        return stored, None


def open_pollers(settings: Settings, clock: Clock) -> _Pollers:
    """Make a poller of each source of the settings, by default of the spot price.

    Raises:
        ConfigError: A source is no price over REST, or has no symbol.
    """
    source = settings.source
    kinds = [kind for kind in source.kinds if kind != "simulated"]
    strange = [kind for kind in kinds if kind not in POLLED]
    if strange:
        raise ConfigError(
            f"[source] kind {strange[0]!r} cannot be asked by a schedule: take "
            f"{' or '.join(POLLED)}, or run `penstock produce --to kinesis`."
        )
    wanted = symbols_by_source(
        replace(
            source,
            kinds=tuple(kinds) or (_SOURCE,),
            symbols=source.symbols or (_SYMBOL,),
        )
    )
    return {
        kind: (Poller(kind, clock=clock, base_url=source.endpoints.get(kind)), symbols)
        for kind, symbols in wanted.items()
    }


def _level(failures: Mapping[str, PenstockError], refusal: object) -> str:
    if refusal or any(isinstance(e, ConfigError) for e in failures.values()):
        return "error"
    return "warning" if failures else "info"


@cache
def _producer() -> Producer:
    settings = read_settings(os.environ)
    chance = random.Random()  # noqa: S311 (waiting times are no secret)
    clock = Clock(clock_us, time.monotonic, time.sleep, chance.random)
    return Producer(
        open_pollers(settings, clock),
        aws_stream(settings),
        settings.stream,
        open_log(os.environ),
        clock_us=clock_us,
    )


def handler(event: object, context: Context) -> Produced:
    """Ask for prices, as `Producer.handle`; the first event makes the clients.

    An event in which `check` is true does that alone: so a deployment is tried.

    Raises:
        ConfigError: The settings cannot be used.
    """
    producer = _producer()
    if isinstance(event, Mapping) and event.get("check"):
        return Produced(trades=0, failed={})
    return producer.handle(event, context)
