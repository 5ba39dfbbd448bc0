"""Verifying says that all is well, or what the first difference is."""

import sqlite3
from decimal import Decimal

import pytest
from msgspec.structs import replace

from penstock.bootstrap import open_store
from penstock.codec import Packer
from penstock.errors import ConfigError
from penstock.feeds.sequence import Sequencer
from penstock.pipeline import ingest
from tests.embedded import LIVELY, START_US, check, market, run, settings

TRADES = market(4000)
BTC = "simulated:BTC-USD"
FIRST_BAR = "2023-11-14T22:14:00.000000Z"
NEWEST_ROW = f"SELECT series, max(last_refreshed) FROM history WHERE series = '{BTC}'"
ALTERED = [
    (
        "UPDATE states SET data = json_set(data, '$.last_price', 1.0)"
        f" WHERE ticker = '{BTC}'",
        f"{BTC}: last_price should be",
    ),
    (
        f"UPDATE history SET price = 2 WHERE (series, last_refreshed) = ({NEWEST_ROW})",
        "price=2.0",
    ),
    (
        "UPDATE history SET high = 1e9"
        f" WHERE series = '{BTC}@1m' AND last_refreshed = '{FIRST_BAR}'",
        f"{BTC}@1m: the history row of {FIRST_BAR} should be",
    ),
    (
        "INSERT INTO history SELECT series, '2023-11-14T22:14:00.500000Z', price,"
        " open, high, low, volume, notional, trades, gaps FROM history"
        f" WHERE series = '{BTC}' LIMIT 1",
        f"{BTC}: there should be no history row 2023-11-14T22:14:00.500000Z",
    ),
    ("DELETE FROM alerts WHERE arrival = 2", "; found None"),
    (f"DELETE FROM states WHERE ticker = '{BTC}'", "archived trades are in no state"),
    (
        f"INSERT INTO positions VALUES ('{BTC}', 'stray', '1', '1', '0', 0)",
        f"{BTC}: the listed position should be None; found Position(id='stray'",
    ),
]


@pytest.fixture
def wanted(tmp_path):
    """A data directory that a run has filled."""
    filled = settings(tmp_path)
    run(filled, TRADES)
    return filled


def alter(wanted, statement):
    database = sqlite3.connect(wanted.data_dir / "penstock.db")
    with database:
        assert database.execute(statement).rowcount == 1
    database.close()


def test_an_untouched_directory_verifies(wanted):
    verdict = check(wanted)
    assert (verdict.difference, verdict.trades, verdict.tickers) == (None, 4000, 5)


@pytest.mark.parametrize(("statement", "difference"), ALTERED)
def test_what_was_altered_is_named(wanted, statement, difference):
    alter(wanted, statement)
    assert difference in check(wanted).difference


def test_a_missing_completed_trade_is_named(wanted):
    path = next((wanted.data_dir / "archive" / "completed-trades").rglob("*.gz"))
    path.unlink()
    assert "CompletedTrade(" in check(wanted).difference


def test_a_missing_raw_object_is_a_difference(wanted):
    next((wanted.data_dir / "archive" / "raw-data").rglob("*.gz")).unlink()
    assert check(wanted).difference is not None


def test_a_damaged_raw_object_is_named(wanted):
    path = next((wanted.data_dir / "archive" / "raw-data").rglob("*.gz"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ConfigError, match=f"{path.name} in the archive is damaged"):
        check(wanted)


def test_rules_that_change_on_the_way_are_followed(wanted):
    rules = replace(
        LIVELY,
        bar_us=300_000_000,
        history="tick",
        strategy=replace(LIVELY.strategy, take_profit=Decimal("0.0005")),
    )
    changed = replace(wanted, rules=rules)
    run(changed, [replace(t, event_us=t.event_us + 60_000_000) for t in TRADES])
    run(wanted, [replace(t, event_us=t.event_us + 3_600_000_000) for t in TRADES])
    verdict = check(wanted)
    assert (verdict.difference, verdict.trades) == (None, 12_000)


def test_what_is_appended_and_not_processed_yet_is_no_difference(wanted):
    later = [replace(t, event_us=t.event_us + 10**9) for t in TRADES[:50]]
    with open_store(wanted) as store:
        ingest(
            later,
            sequencer=Sequencer(store.stream.marks(), contiguous=False),
            packer=Packer(5000, 0),
            stream=store.stream,
            now_us=START_US,
            flush=True,
        )
    verdict = check(wanted)
    assert (verdict.difference, verdict.waiting) == (None, 50)
