"""Stores in memory that say when they are told what they must not be told."""

from penstock.errors import StaleStateError
from penstock.layout import completed_key
from penstock.memory import (
    MemoryDeadLetters,
    MemoryHistory,
    MemoryNotifier,
    MemoryObjects,
    MemoryStates,
)
from penstock.model import CompletedTrade
from penstock.pipeline import Ports


class Difference(AssertionError):
    """The simulated world is not what the trades make it."""


class Promised:
    """What committed outboxes have held: nothing else may be delivered."""

    def __init__(self):
        self._names = set()

    def add(self, outbox):
        for item in outbox:
            completed = isinstance(item, CompletedTrade)
            self._names.add(completed_key(item) if completed else item.id)

    def check(self, name):
        if name not in self._names:
            raise Difference(f"{name} was delivered, and was not committed")


class CheckedNotifier(MemoryNotifier):
    """Refuses an alert that was not committed, or that is another one by its id."""

    def __init__(self, promised, happened, *, fault):
        super().__init__(fault=fault)
        self._promised, self._happened = promised, happened

    def notify(self, alerts):
        for alert in alerts:
            self._promised.check(alert.id)
            if alert.id in self.alerts:
                self._happened["delivered twice"] += 1
            if self.alerts.get(alert.id, alert) != alert:
                raise Difference(f"{alert.id}: two alerts of one id")
        super().notify(alerts)


class CheckedObjects(MemoryObjects):
    """The same for the objects of completed trades."""

    def __init__(self, promised, *, fault):
        super().__init__(fault=fault)
        self._promised = promised

    def put(self, key, data):
        self._promised.check(key)
        if self._objects.get(key, data) != data:
            raise Difference(f"{key}: two completed trades of one id")
        super().put(key, data)


class CountedStates(MemoryStates):
    """Counts the commits that somebody else was faster than."""

    def __init__(self, happened, *, fault):
        super().__init__(fault=fault)
        self._happened = happened

    def commit(self, states):
        refused = super().commit(states)
        stale = [isinstance(e, StaleStateError) for e in refused.values()]
        self._happened["stale"] += sum(stale)
        return refused

    def outbox_of(self, ticker):
        """What waits to be delivered; not a call of the port."""
        return self._states[ticker].outbox


class NewestChecked(MemoryHistory):
    """Compares only each series' newest row of a call with what is there.

    As the DynamoDB adapter does, which writes the older ones without a condition.
    """

    def put(self, rows):
        newest = {}
        for row in rows:
            newest[row.series] = max(newest.get(row.series, ""), row.last_refreshed)
        refused = {name for name in newest if self._refuses(name, done=False)}
        for row in rows:
            if row.series in refused:
                continue
            kept = self._series.setdefault(row.series, {})
            known = kept.get(row.last_refreshed)
            checked = row.last_refreshed == newest[row.series] and known is not None
            if not checked or row.trades >= known.trades:
                kept[row.last_refreshed] = row
        return refused | {name for name in newest if self._refuses(name, done=True)}


def checked_ports(fault, promised, happened, *, states, history):
    return Ports(
        states=states(happened, fault=fault),
        history=history(fault=fault),
        objects=CheckedObjects(promised, fault=fault),
        notifier=CheckedNotifier(promised, happened, fault=fault),
        dead_letters=MemoryDeadLetters(fault=fault),
    )
