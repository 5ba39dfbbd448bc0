"""From the sockets to the inbox: trades are put in order, missing ones are fetched.

Everything here happens in the event loop's thread.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from penstock.drivers.files.batch import BadItem
from penstock.drivers.live.backfill import Backfill
from penstock.drivers.live.endpoints import Timing
from penstock.drivers.live.gaps import GapKeeper
from penstock.drivers.live.inbox import Inbox
from penstock.drivers.live.track import Wanted
from penstock.errors import BadRecordError, UnavailableError
from penstock.model import Trade

__all__ = ["Flow"]


class Flow:
    """What all connections share.

    Args:
        keeper: Puts trades in order.
        backfill: Fetches what is missing.
        inbox: Where trades go.
        timing: How long to wait.
        clock_s: A clock that never goes back.

    Attributes:
        keeper: See above.
        has_given: Whether any trade went on.
        pauses: How often reading stopped because nobody took the trades.
    """

    def __init__(
        self,
        keeper: GapKeeper,
        backfill: Backfill,
        inbox: Inbox,
        timing: Timing,
        clock_s: Callable[[], float],
    ) -> None:
        self.keeper, self._backfill, self._inbox = keeper, backfill, inbox
        self._timing, self._clock_s = timing, clock_s
        self._fetching: set[asyncio.Task[None]] = set()
        self.has_given, self.pauses = False, 0

    def deliver(self, trades: Sequence[Trade], *, contiguous: bool) -> bool:
        """Take trades as they arrived; return whether any was new."""
        before = self.keeper.arrived
        self._pass_on(self.keeper.take(trades, self._clock_s(), contiguous=contiguous))
        return self.keeper.arrived > before

    def deliver_spent(self, venue: str, ids: Iterable[tuple[str, int]]) -> None:
        """Take ids that the venue spent on no trade, with their symbols."""
        for symbol, number in ids:
            self._pass_on(self.keeper.spent(venue, symbol, [number], self._clock_s()))

    def deliver_bad(self, item: BadItem) -> None:
        """Take what could not be read."""
        self._inbox.put_bad([item])

    @property
    def is_full(self) -> bool:
        """Whether reading has to stop until trades were taken."""
        return self._inbox.is_full

    async def wait_for_room(self) -> None:
        """Wait until trades were taken."""
        self.pauses += 1
        while not self._inbox.has_room:
            await asyncio.sleep(self._timing.tick_s)

    def tick(self) -> None:
        """Do what is due: let trades go on, and ask for missing ones."""
        now_s = self._clock_s()
        self._pass_on(self.keeper.due(now_s))
        for wanted in self.keeper.wanted(now_s):
            task = asyncio.create_task(self._fetch(wanted))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)

    async def finish(self, within_s: float) -> None:
        """Wait for what is missing, for so long, and let everything go on."""
        deadline_s = self._clock_s() + within_s
        while self.keeper.is_waiting and self._clock_s() < deadline_s:
            self.tick()
            await asyncio.sleep(self._timing.tick_s)
        tasks = list(self._fetching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pass_on(self.keeper.flush())

    async def _fetch(self, wanted: Wanted) -> None:
        try:
            async with asyncio.timeout(self._timing.patience_s):
                async for page in self._backfill.pages(wanted):
                    now_s = self._clock_s()
                    self._pass_on(
                        self.keeper.fill(wanted, page.trades, now_s, page.spent)
                    )
                    if self.is_full:
                        await self.wait_for_room()
        except (UnavailableError, BadRecordError, TimeoutError):
            pass  # counted where it happened; asked again, or marked as a gap
        finally:
            self.keeper.answered(wanted, self._clock_s())

    def _pass_on(self, trades: list[Trade]) -> None:
        if trades:
            self._inbox.put(trades)
            self.has_given = True
