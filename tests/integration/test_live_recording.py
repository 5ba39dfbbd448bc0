"""Whatever goes wrong, a recording replays to what the driver passed on."""

import time
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from penstock.bootstrap import clock_us
from penstock.drivers.files import open_file
from penstock.drivers.recorder import Packed, Recorder
from penstock.feeds import FEEDS
from penstock.feeds.sequence import Sequencer
from tests.live import live, symbols_of
from tests.servers import (
    Close,
    Drop,
    Duplicate,
    Inject,
    Reset,
    Status,
    Swap,
    VenueServer,
    made_trades,
)

TRADES = 200
QUIET_S = 0.6

_AT = st.integers(0, TRADES - 1)
_MISSED = st.integers(0, 20)
_FAULTS = st.lists(
    st.one_of(
        st.builds(Reset, at=_AT, missed=_MISSED),
        st.builds(Close, at=_AT, missed=_MISSED),
        st.builds(Drop, at=_AT, messages=st.integers(1, 3)),
        st.builds(Duplicate, at=_AT),
        st.builds(Swap, at=_AT),
        st.builds(Inject, at=_AT, frame=st.sampled_from(["{]", b"\xff\xfe"])),
        st.builds(Status, at=st.integers(0, 2), times=st.integers(1, 3)),
    ),
    max_size=5,
    unique_by=lambda fault: (type(fault), fault.at),
)


@pytest.mark.parametrize("kind", FEEDS)
@with_settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(faults=_FAULTS, files=st.integers(1, 4), happened=st.integers(0, 20))
def test_the_same_trades_and_letters_in_the_same_order(
    tmp_path_factory, kind, faults, files, happened
):
    folder = tmp_path_factory.mktemp("recorded")
    written = Packed(folder / "frames.jsonl.gz", are_many=True)
    recorder = Recorder(written, clock_us)
    made = made_trades(kind, TRADES, symbols=symbols_of(kind))
    with VenueServer(kind, made, faults=faults, happened=happened) as server:
        source = live(kind, server, options={"tap": recorder})
        trades, bad = take(source, recorder, TRADES // files)
    written.close()
    first, again = (Sequencer({}, contiguous=False) for _ in range(2))
    replayed, unread = [], []
    for path in written.paths:
        again.begin_source(contiguous=False)
        with open_file(path) as file:
            for batch in file:
                replayed += again.admit(batch.trades)
                unread += batch.bad
    assert replayed == first.admit(trades)
    assert unread == bad
    assert again.missing == first.missing
    assert len(trades) > TRADES // 4


def take(source, recorder, file_trades):
    """Record until it is quiet, a new file after so many trades; return what came."""
    trades, bad, since_s = [], [], None
    rotated = 0
    with closing(source.batches()) as batches:
        for batch in batches:
            recorder.take(batch.trades, batch.bad)
            trades += batch.trades
            bad += batch.bad
            if len(trades) - rotated > file_trades:
                rotated = len(trades)
                recorder.begin_next()
            if batch.trades or since_s is None:
                since_s = time.monotonic()
            waits = any(ticker.held for ticker in source.status().tickers)
            if trades and not waits and time.monotonic() - since_s > QUIET_S:
                source.stop()
    recorder.flush()
    return trades, bad
