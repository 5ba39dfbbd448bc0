"""Alerts and completed trades that are committed and were not delivered -> delivered.

Each batch of a ticker tries its outbox again; this is for a ticker of which no more
batches come.  Run by a schedule, whose event does not matter.
"""

import os
from collections.abc import Sequence
from functools import cache
from typing import TypedDict

from penstock.bootstrap import aws_ports
from penstock.entrypoints.lambda_context import Context, while_there_is_time
from penstock.entrypoints.lambda_log import Log, open_log, some
from penstock.entrypoints.lambda_settings import read_settings
from penstock.errors import UnavailableError
from penstock.pipeline import Ports, deliver

__all__ = ["Sweeper", "Swept", "handler"]

_TICKERS = 25


class Swept(TypedDict):
    """Tickers: delivered, not deliverable now, and left for lack of time."""

    delivered: int
    undelivered: int
    left: int


class Sweeper:
    """Empties outboxes.

    Args:
        ports: Where they are, and what is in them goes.
        log: Told of every sweep.
    """

    def __init__(self, ports: Ports, log: Log) -> None:
        self._ports, self._log = ports, log

    def handle(self, _event: object, context: Context) -> Swept:
        """Deliver what waits, as much as there is time for; the next run does the rest.

        Raises:
            UnavailableError: Nobody knows what waits: the states do not answer.
        """
        tickers = self._ports.states.undelivered()
        delivered = taken = 0
        undelivered: dict[str, UnavailableError] = {}
        for some_tickers in while_there_is_time(tickers, context, size=_TICKERS):
            count, failed = self._deliver(some_tickers)
            delivered += count
            undelivered |= failed
            taken += len(some_tickers)
        left = len(tickers) - taken
        self._log.write(
            "warning" if undelivered or left else "info",
            "swept",
            context,
            metrics={
                "DeliveredTickers": delivered,
                "UndeliveredTickers": len(undelivered) + left,
            },
            undelivered=some(undelivered),
            left=left,
        )
        return Swept(delivered=delivered, undelivered=len(undelivered), left=left)

    def _deliver(
        self, tickers: Sequence[str]
    ) -> tuple[int, dict[str, UnavailableError]]:
        try:
            states = self._ports.states.load(tickers)
        except UnavailableError as e:
            return 0, dict.fromkeys(tickers, e)
        emptied, undelivered = deliver(states, self._ports)
        return len(emptied), undelivered


@cache
def _sweeper() -> Sweeper:
    return Sweeper(aws_ports(read_settings(os.environ)), open_log(os.environ))


def handler(event: object, context: Context) -> Swept:
    """Sweep, as `Sweeper.handle`; the first event makes the clients.

    Raises:
        ConfigError: The settings cannot be used.
    """
    return _sweeper().handle(event, context)
