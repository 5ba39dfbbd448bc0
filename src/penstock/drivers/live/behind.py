"""Symbols of which a venue speaks in heartbeats, but brings no trades.

Pure: no I/O and no clock.
"""

from collections import Counter, deque
from collections.abc import Mapping

from penstock.drivers.live.faults import DeadError
from penstock.drivers.live.gaps import GapKeeper

__all__ = ["Behind"]

# A symbol whose trades have to be asked for as often, so soon after one another, is
# not fed any more, whatever the venue says.
_STRIKES = 3
_STRIKES_SPAN = 12  # silences
_MOST_DOUBLINGS = 6


class Behind:
    """Watches how far a line's trades are behind what its heartbeats speak of.

    A heartbeat is believed until nothing comes of it: neither a trade nor, over REST,
    one that the line should have brought.  The longer that goes on, the more seldom
    the venue is asked because of it; and it is no reason to give up a connection.

    Args:
        venue: Whose.
        keeper: Has missing trades fetched.
        silence_s: How long trades may lag behind.
    """

    def __init__(self, venue: str, keeper: GapKeeper, silence_s: float) -> None:
        self._venue, self._keeper, self._silence_s = venue, keeper, silence_s
        self._since_s: dict[str, float] = {}
        self._doubts: Counter[str] = Counter()
        self._doubted_until_s: dict[str, float] = {}
        self._strikes: dict[str, deque[float]] = {}

    def look(
        self, behind: Mapping[str, int], newest: Mapping[str, int], now_s: float
    ) -> list[str]:
        """Have looked for what is missing; return the symbols to subscribe to again.

        Args:
            behind: By symbol, how many ids its newest trade is behind.
            newest: By symbol, the id of the newest trade that the line brought.
            now_s: The time.

        Raises:
            DeadError: A symbol is not fed any more.
        """
        for symbol in self._since_s.keys() - behind.keys():
            del self._since_s[symbol], self._doubts[symbol]
        overdue = []
        for symbol, ids in behind.items():
            last = newest.get(symbol, 0)
            if now_s >= self._doubted_until_s.get(symbol, 0.0):
                self._keeper.heard_of(self._venue, symbol, last + ids, now_s)
            since_s = self._since_s.setdefault(symbol, now_s)
            if now_s - since_s > self._silence_s * 2 ** self._doubts[symbol]:
                self._since_s[symbol] = now_s
                self._judge(symbol, last, now_s)
                overdue.append(symbol)
        return overdue

    def _judge(self, symbol: str, last: int, now_s: float) -> None:
        if self._keeper.last_of(self._venue, symbol) > last:
            self._doubts[symbol] = 0
            self._strike(symbol, now_s)
            return
        self._doubts[symbol] = min(self._doubts[symbol] + 1, _MOST_DOUBLINGS)
        doubted_s = self._silence_s * 2 ** self._doubts[symbol]
        self._doubted_until_s[symbol] = now_s + doubted_s

    def _strike(self, symbol: str, now_s: float) -> None:
        strikes = self._strikes.setdefault(symbol, deque(maxlen=_STRIKES))
        strikes.append(now_s)
        span_s = _STRIKES_SPAN * self._silence_s
        if len(strikes) == _STRIKES and now_s - strikes[0] < span_s:
            raise DeadError(
                "symbol not fed", f"heartbeats go on, but trades of {symbol} do not"
            )
