"""How `penstock feeds` names what connections and tickers are doing."""

import pytest
from msgspec.structs import replace

from penstock.entrypoints.cli import feeds
from penstock.entrypoints.cli.watch import FeedsStatus
from tests.unit.test_notices import CONNECTION, TICKER, SourceStatus


def found(*connections, ticker=TICKER, **changes):
    fields = {
        "queued": 0,
        "max_queued": 0,
        "pauses": 0,
        "requests": 0,
        "request_errors": {},
    }
    source = SourceStatus(
        connections=connections, tickers=(ticker,), **fields | changes
    )
    return FeedsStatus(written_us=0, command="run", has_ended=False, source=source)


def state_of(*connections, ticker=TICKER, is_running=True):
    status = found(*connections, ticker=ticker)
    return feeds._state(ticker, status, is_running=is_running)


REFUSING = replace(CONNECTION, refused={"BTC-USD": "no"})
OTHER = replace(CONNECTION, name="kraken-v1", feed="kraken-v1", venue="kraken-v1")


@pytest.mark.parametrize(
    ("connections", "state"),
    [
        ((CONNECTION,), "live"),
        ((replace(CONNECTION, state="connecting"),), "connecting"),
        ((replace(CONNECTION, state="refused"), OTHER), "refused"),
        ((REFUSING,), "refused"),
        ((CONNECTION, REFUSING), "live"),  # as by either feed of Coinbase
        # What another venue refuses, or is cut off from, is nothing to it.
        ((CONNECTION, replace(OTHER, refused={"BTC-USD": "no"})), "live"),
        ((CONNECTION, replace(OTHER, state="connecting")), "live"),
    ],
)
def test_a_ticker_is_as_the_connections_that_feed_it(connections, state):
    assert state_of(*connections) == state


@pytest.mark.parametrize(
    ("changes", "is_running", "state"),
    [
        ({"is_stale": True}, True, "stale"),
        ({"trades": 0}, True, "waiting"),
        ({}, False, "ended"),
    ],
)
def test_a_ticker_may_be_quiet_or_over(changes, is_running, state):
    ticker = replace(TICKER, **changes)
    assert state_of(CONNECTION, ticker=ticker, is_running=is_running) == state


def test_what_was_killed_is_not_live(monkeypatch):
    monkeypatch.setattr(feeds, "clock_us", lambda: 5_000_000)
    written = feeds._as_json(found(CONNECTION), is_running=False)
    assert [c["state"] for c in written["connections"]] == ["closed"]
    assert (written["tickers"][0]["state"], written["age_s"]) == ("ended", 5.0)


def test_the_table_says_how_much_waits_and_what_failed(monkeypatch, capsys):
    monkeypatch.setattr(feeds, "clock_us", lambda: 5_000_000)
    status = found(
        CONNECTION,
        queued=1200,
        max_queued=100_000,
        pauses=1,
        requests=7,
        request_errors={"HTTP 503": 2},
    )
    feeds._print(status, is_running=True)
    said = capsys.readouterr().out
    assert (
        "1,200 received and not yet taken, of 100,000 at most; reading paused 1 time; "
        "7 requests for past trades, failed: HTTP 503 (2)"
    ) in said
    # Ages are those of now: 0.1 and 1 s, five seconds ago.
    assert "5.1 s" in said
    assert "6.0 s" in said


def test_what_the_table_has_no_column_for_is_said_below_it(monkeypatch, capsys):
    monkeypatch.setattr(feeds, "clock_us", lambda: 5_000_000)
    ticker = replace(TICKER, outages=2, blind_s=12.34, resets=1, odd=3)
    feeds._print(found(CONNECTION, ticker=ticker), is_running=True)
    assert (
        "kraken:BTC-USD: 2 outages, 12.3 s as far as is known, of which missing trades "
        "cannot be counted; ids began anew 1 time; 3 trades with odd ids or times left "
        "out"
    ) in capsys.readouterr().out
