"""Several sources side by side, with sources that do as they are told."""

import pytest

from penstock.drivers.live import ConnectionStatus, LiveBatch, SourceStatus
from penstock.entrypoints.together import Together
from penstock.errors import SourceError, UnavailableError
from penstock.model import Trade

CONNECTION = ConnectionStatus(
    name="a",
    feed="a",
    venue="a",
    host="a.example",
    symbols=("A-B",),
    state="closed",
    frame_age_s=None,
    connects=0,
    down_s=0.0,
    messages=0,
    missed=0,
    repeated=0,
    unreadable=0,
    errors={},
    refused={},
    last_error="",
)


def trade(seq):
    return Trade(
        venue="v", symbol="A-B", price=1.0, size=1.0, event_us=0, received_us=0, seq=seq
    )


class Scripted:
    """Gives trades until it is stopped, or raises what it is told to."""

    def __init__(self, *, seqs=(), error=None, request_errors=None):
        self.seqs, self.error = list(seqs), error
        self.request_errors = request_errors or {}
        self.is_stopped = False

    def batches(self):
        for seq in self.seqs:
            yield LiveBatch([trade(seq)], [])
        if self.error:
            raise self.error
        while not self.is_stopped:
            yield LiveBatch([], [])

    def stop(self):
        self.is_stopped = True

    def status(self):
        return SourceStatus(
            connections=(CONNECTION,),
            tickers=(),
            queued=1,
            max_queued=10,
            pauses=2,
            requests=3,
            request_errors=self.request_errors,
        )


def together(*makers):
    return Together(makers, retry_s=0.0)


def take_all(source, into):
    """Put the numbers of all trades into a list."""
    for batch in source.batches():
        into += [t.seq for t in batch.trades]


def seqs_until(source, count):
    """Take trades until there are so many, and stop."""
    seqs = []
    for batch in source.batches():
        seqs += [t.seq for t in batch.trades]
        if len(seqs) >= count:
            source.stop()
    return sorted(seqs)


def test_one_that_cannot_be_reached_is_tried_again_until_it_can():
    away = Scripted(error=UnavailableError("away"))
    attempts = iter([away, away, away, Scripted(seqs=[3])])
    source = together(lambda: Scripted(seqs=[1]), lambda: next(attempts))
    assert seqs_until(source, 2) == [1, 3]


@pytest.mark.parametrize(
    ("error", "state"),
    [(SourceError("no such"), "refused"), (ValueError("a mistake"), "failed")],
)
def test_one_that_ends_otherwise_is_told_of_and_the_others_go_on(error, state):
    source = together(lambda: Scripted(seqs=range(20)), lambda: Scripted(error=error))
    states = set()
    seqs = []
    for batch in source.batches():
        seqs += batch.trades
        ended = source.status().connections[1]
        states.add((ended.state, ended.last_error))
        if len(seqs) == 20 and (state, str(error)) in states:
            source.stop()
    assert states <= {("closed", ""), (state, str(error))}


def test_where_none_is_left_that_works_the_first_error_is_raised():
    source = together(
        lambda: Scripted(seqs=[1, 2], error=SourceError("no such")),
        lambda: Scripted(error=UnavailableError("away")),
    )
    with pytest.raises(SourceError, match="no such"):
        list(source.batches())


def test_what_was_given_before_the_end_is_not_lost():
    source = together(
        lambda: Scripted(seqs=range(100), error=SourceError("over")),
        lambda: Scripted(error=SourceError("no such")),
    )
    given = []
    with pytest.raises(SourceError, match="over"):
        take_all(source, given)
    assert given == list(range(100))


def test_the_status_is_the_sum_of_all():
    source = together(
        lambda: Scripted(request_errors={"HTTP 503": 2, "refused": 1}),
        lambda: Scripted(request_errors={"HTTP 503": 3}),
    )
    status = source.status()
    assert status.request_errors == {"HTTP 503": 5, "refused": 1}
    assert (status.queued, status.max_queued, status.pauses) == (2, 20, 4)
    assert len(status.connections) == 2
