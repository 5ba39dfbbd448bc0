"""Mistakes, each of which the simulation must find: what it is worth is shown here.

Each mutant is a way to break the code, on purpose, for as long as it is entered.
"""

from contextlib import contextmanager
from unittest.mock import patch

from msgspec.structs import replace

from penstock import pipeline
from penstock.errors import UnavailableError
from penstock.memory import MemoryHistory
from tests.simulation.containers import StreamPort
from tests.simulation.distributed import RIGHT, consumer
from tests.simulation.stores import CountedStates


class BlindStates(CountedStates):
    """Commits whatever it is given."""

    def _commit(self, state):
        self.fault("commit", state.ticker, False)
        self._states[state.ticker] = state
        self.fault("commit", state.ticker, True)


class LastWriteWins(MemoryHistory):
    """Lets an older row replace one that counts more trades."""

    def put(self, rows):
        series = dict.fromkeys(row.series for row in rows)
        refused = {name for name in series if self._refuses(name, done=False)}
        for row in rows:
            if row.series not in refused:
                kept = self._series.setdefault(row.series, {})
                kept[row.last_refreshed] = row
        return refused | {name for name in series if self._refuses(name, done=True)}


def _answering(change):
    """A handler whose answer is changed; `change` gets it and the event's numbers."""

    def made(ports, rules, clock_us):
        right = consumer(ports, rules, clock_us)

        def handler(event, context):
            answer = right(event, context)["batchItemFailures"]
            numbers = [r["kinesis"]["sequenceNumber"] for r in event["Records"]]
            return {"batchItemFailures": change(answer, numbers)}

        return handler

    return replace(RIGHT, handler=made)


def _next_number(answer, numbers):
    if not answer:
        return answer
    place = numbers.index(answer[0]["itemIdentifier"]) + 1
    return [{"itemIdentifier": n} for n in numbers[place : place + 1]]


def _last_number(answer, numbers):
    return [{"itemIdentifier": numbers[-1]}] if answer else answer


VARIANTS = {
    "names the last record instead of the first failed": _answering(_last_number),
    "names the record after the first failed": _answering(_next_number),
    "answers that all went well": _answering(lambda answer, numbers: []),
    "commits without the condition": replace(RIGHT, states=BlindStates),
    "an older history row replaces a newer": replace(RIGHT, history=LastWriteWins),
    "the mapping does not heed failures": replace(RIGHT, reports_failures=False),
    "the mapping gives up after three retries": replace(RIGHT, max_retries=3),
    "children of a shard do not wait for it": replace(RIGHT, parents_first=False),
    "aggregates mix keys under parallelization": replace(RIGHT, mixes_keys=True),
}


@contextmanager
def delivers_before_the_commit():
    def commit(works, ports, result):
        for work in works.values():
            outbox = (*work.folded.alerts, *work.folded.completed)
            try:
                pipeline._send(replace(work.folded.state, outbox=outbox), ports)
            except UnavailableError:
                continue
        return right(works, ports, result)

    right = pipeline._commit
    with patch.object(pipeline, "_commit", commit):
        yield


@contextmanager
def empties_the_outbox_before_it_delivers():
    def deliver(states, ports):
        full = {t: s for t, s in states.items() if s.outbox}
        emptied = [pipeline._next_version(s, outbox=()) for s in full.values()]
        refused = ports.states.commit(emptied) if emptied else {}
        for ticker, state in full.items():
            if ticker not in refused:
                pipeline._send(state, ports)
        return {s.ticker: s for s in emptied if s.ticker not in refused}, {}

    with patch.object(pipeline, "deliver", deliver):
        yield


@contextmanager
def does_not_put_alerts_into_the_outbox():
    right = pipeline._next_version

    def next_version(state, outbox):
        kept = tuple(item for item in outbox if not hasattr(item, "rule"))
        return right(state, outbox=kept)

    with patch.object(pipeline, "_next_version", next_version):
        yield


@contextmanager
def writes_history_after_the_commit():
    right_history, right_commit = pipeline._write_history, pipeline._commit

    def commit(works, ports, result):
        stale = right_commit(works, ports, result)
        rules = commit.rules
        right_history(works, ports, rules, result)
        return stale

    def write_history(works, ports, rules, result):
        commit.rules = rules

    with (
        patch.object(pipeline, "_write_history", write_history),
        patch.object(pipeline, "_commit", commit),
    ):
        yield


@contextmanager
def keeps_letters_after_the_commit():
    right_letters, right_commit = pipeline._keep_letters, pipeline._commit

    def commit(works, ports, result):
        stale = right_commit(works, ports, result)
        right_letters(works, ports, result)
        return stale

    with (
        patch.object(pipeline, "_keep_letters", lambda works, ports, result: None),
        patch.object(pipeline, "_commit", commit),
    ):
        yield


@contextmanager
def takes_a_refused_commit_for_done():
    right = pipeline._commit

    def commit(works, ports, result):
        stale = right(works, ports, result)
        result.failed.clear()
        return stale

    with patch.object(pipeline, "_commit", commit):
        yield


@contextmanager
def does_not_fold_again_when_stale():
    right = pipeline._commit

    def commit(works, ports, result):
        right(works, ports, result)
        return []

    with patch.object(pipeline, "_commit", commit):
        yield


@contextmanager
def forgets_which_trades_it_has_seen():
    right = pipeline.decode_record

    def decode_record(data, ticker):
        trades, bad = right(data, ticker)
        return [replace(trade, seq=0) for trade in trades], bad

    with patch.object(pipeline, "decode_record", decode_record):
        yield


@contextmanager
def begins_with_shards_whose_parents_are_not_done():
    with patch.object(StreamPort, "parents", lambda self, shard: []):
        yield


@contextmanager
def takes_a_shard_that_was_read_for_done():
    ended = set()

    def read(self, shard, *, after, limit):
        records = right(self, shard, after=after, limit=limit)
        last = self._shards[shard].records[-1:]
        if self._shards[shard].closed and records[-1:] == last:
            ended.add((id(self), shard))
        return records

    def parents(self, shard):
        names = [parent.name for parent in self._shards[shard].parents]
        return [name for name in names if (id(self), name) not in ended]

    right = StreamPort.read
    with (
        patch.object(StreamPort, "read", read),
        patch.object(StreamPort, "parents", parents),
    ):
        yield


PATCHES = [
    delivers_before_the_commit,
    empties_the_outbox_before_it_delivers,
    does_not_put_alerts_into_the_outbox,
    writes_history_after_the_commit,
    keeps_letters_after_the_commit,
    takes_a_refused_commit_for_done,
    does_not_fold_again_when_stale,
    forgets_which_trades_it_has_seen,
]
CONTAINER_PATCHES = [
    begins_with_shards_whose_parents_are_not_done,
    takes_a_shard_that_was_read_for_done,
]
