"""The SQLite file: full disks, foreign programs, damage, versions."""

import resource
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from penstock.errors import ConfigError, UnavailableError
from penstock.local.alerts import LocalAlerts
from penstock.local.database import open_database, read_database
from penstock.local.dead_letters import LocalDeadLetters
from penstock.local.history import LocalHistory
from penstock.local.states import LocalStates
from penstock.local.stream import LocalStream
from tests.contract.samples import BTC, alert, entry, letter, position, row, state

MANY = [f"coinbase:T{n:03}-USD" for n in range(300)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "penstock.db"


@pytest.fixture
def database(path):
    with closing(open_database(path, durability="full")) as database:
        yield database


def writers(database):
    for durable in (True, False):
        with database.writing(durable=durable) as connection:
            yield connection


@contextmanager
def no_more_pages(database):
    """Let SQLite find the disk full where the file would have to grow."""
    for connection in writers(database):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    for connection in writers(database):
        connection.execute("PRAGMA max_page_count = 1000000")


@contextmanager
def no_more_bytes(_database):
    """Let the system refuse every write to a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextmanager
def held_by_another(database):
    """Let a foreign program write; ours has little patience."""
    for connection in writers(database):
        connection.execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(database.path)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        yield


troubles = pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (no_more_pages, r"disk is full\. Free some space"),
        (no_more_bytes, r"disk I/O error\. Look for free space"),
        (held_by_another, r"locked\. Close whatever else has it open"),
    ],
    ids=["full", "no bytes", "held"],
)


@troubles
def test_an_append_is_whole_or_not_at_all(database, trouble, words):
    stream = LocalStream(database, shards=2, clock=lambda: 1)
    entries = [entry(key, "x" * 5000, last_seq=7) for key in MANY]
    with trouble(database), pytest.raises(UnavailableError, match=words) as caught:
        stream.append(entries)
    assert str(caught.value).startswith(f"{database.path}: ")
    assert [stream.read(s, after=0, limit=9) for s in stream.shards()] == [[], []]
    assert stream.marks() == {}
    assert stream.append(entries) == []
    assert stream.marks() == dict.fromkeys(MANY, 7)


@troubles
def test_a_commit_that_fails_leaves_states_cache_and_positions(
    database, trouble, words
):
    states = LocalStates(database, cached=True)
    first = {t: state(t, 1, position=position(t)) for t in MANY}
    states.commit(list(first.values()))
    second = [state(t, 2, fired=("x" * 5000,)) for t in MANY]
    with trouble(database):
        refused = states.commit(second)
        assert states.load(MANY) == first
    assert {type(e) for e in refused.values()} == {UnavailableError}
    assert sorted(refused) == MANY
    assert LocalStates(database, cached=False).load(MANY) == first
    assert states.positions() == [position(t) for t in MANY]
    assert states.commit(second) == {}
    assert states.load(MANY) == {s.ticker: s for s in second}
    assert states.positions() == []


@troubles
def test_history_that_fails_is_not_written(database, trouble, words):
    history = LocalHistory(database)
    rows = [row(series, f"{n:05}") for series in (BTC, *MANY) for n in range(20)]
    with trouble(database):
        assert history.put(rows) == {BTC, *MANY}
    assert [r for series in (BTC, *MANY) for r in history.query(series)] == []
    assert history.put(rows) == set()
    assert len(history.query(BTC)) == 20


@troubles
def test_alerts_and_letters_that_fail_are_not_kept(database, trouble, words):
    alerts, letters = LocalAlerts(database), LocalDeadLetters(database)
    many = [alert(n) for n in range(500)]
    with trouble(database):
        with pytest.raises(UnavailableError, match=words):
            alerts.notify(many)
        with pytest.raises(UnavailableError, match=words):
            letters.put([letter(n, data=b"x" * 5000) for n in range(100)])
    assert alerts.list() == letters.list() == []
    alerts.notify(many)
    assert len(alerts.list()) == 500


def test_alerts_are_listed_newest_first_by_ticker_and_limit(database):
    alerts = LocalAlerts(database)
    eth = alert(2, ticker="coinbase:ETH-USD")
    twins = [alert(n, event_us=1_700_000_000_000_009) for n in (9, 10)]
    alerts.notify([alert(3), eth, alert(1)])
    alerts.notify(twins)
    newest_first = [twins[1], twins[0], alert(3), eth, alert(1)]
    assert alerts.list() == newest_first
    assert alerts.list(limit=3) == newest_first[:3]
    assert alerts.list(BTC, limit=4) == [a for a in newest_first if a != eth]
    assert alerts.list("kraken:BTC-USD") == []


def test_an_error_in_the_block_takes_the_transaction_back(database):
    def write_and_fail():
        with database.writing() as connection:
            connection.execute("INSERT INTO marks VALUES ('a', 1)")
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with database.writing() as connection:
        connection.execute("INSERT INTO marks VALUES ('b', 2)")
    with database.reading() as connection:
        rows = connection.execute("SELECT key, last_seq FROM marks")
        assert list(map(tuple, rows)) == [("b", 2)]


def test_mistakes_of_ours_are_not_called_something_else(database):
    with pytest.raises(sqlite3.OperationalError), database.writing() as connection:
        connection.execute("SELECT no_such_column FROM marks")
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.execute("INSERT INTO marks VALUES ('a', NULL)")


PASSING = {"BUSY", "LOCKED", "PROTOCOL", "FULL", "IOERR", "NOMEM"}
LASTING = {"CORRUPT", "NOTADB", "CANTOPEN", "READONLY", "PERM", "AUTH"}
MISTAKES = {
    *("ABORT", "CONSTRAINT", "EMPTY", "ERROR", "FORMAT", "INTERNAL", "INTERRUPT"),
    *("MISMATCH", "MISUSE", "NOLFS", "NOTFOUND", "NOTICE", "RANGE", "SCHEMA"),
    *("TOOBIG", "WARNING"),
}


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (PASSING, UnavailableError),
        (LASTING, ConfigError),
        (MISTAKES, sqlite3.DatabaseError),
    ],
)
def test_every_result_code_has_its_fate(database, names, kind):
    for name in names:
        error = sqlite3.DatabaseError(name)
        error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}") | 3 << 8
        with pytest.raises(kind, match=name), database.reading():
            raise error


def test_no_result_code_is_forgotten():
    names = PASSING | LASTING | MISTAKES
    assert {getattr(sqlite3, f"SQLITE_{n}") for n in names} == set(range(1, 29))


def test_durable_transactions_reach_the_disk_and_the_others_follow(database):
    modes = [
        connection.execute("PRAGMA synchronous").fetchone()[0]
        for connection in writers(database)
    ]
    full, normal = 2, 1
    assert modes == [full, normal]


def test_normal_durability_is_for_all(path):
    with closing(open_database(path, durability="normal")) as database:
        modes = [
            connection.execute("PRAGMA synchronous").fetchone()[0]
            for connection in writers(database)
        ]
    assert modes == [1, 1]


def test_what_is_no_database_is_refused_and_left_alone(path):
    path.write_bytes(b"price,size\n" * 1000)
    with pytest.raises(ConfigError, match=r"not a database\. Restore a copy"):
        open_database(path, durability="full")
    with pytest.raises(ConfigError, match=r"not a database\. Restore a copy"):
        read_database(path)
    assert path.read_bytes() == b"price,size\n" * 1000


def test_damage_is_told_with_the_way_out(path):
    with closing(open_database(path, durability="full")) as database:
        LocalHistory(database).put([row(BTC, f"{n:05}") for n in range(5000)])
    content = bytearray(path.read_bytes())
    content[16_384:] = b"\x5a" * (len(content) - 16_384)
    path.write_bytes(content)
    with (
        closing(open_database(path, durability="full")) as database,
        pytest.raises(ConfigError, match=r"malformed.*replay the archive"),
    ):
        LocalHistory(database).query(BTC)


def test_a_newer_schema_is_refused_and_left_alone(path):
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"newer penstock: found schema version 99"):
        open_database(path, durability="full")
    with pytest.raises(ConfigError, match=r"newer penstock: found schema version 99"):
        read_database(path)
    assert path.read_bytes() == before


def test_a_file_system_without_write_ahead_log_is_refused():
    in_memory = Path(":memory:")  # SQLite's own name for what has none either
    with pytest.raises(ConfigError, match="Put the data directory on a local disk"):
        open_database(in_memory, durability="full")


def test_an_empty_file_is_a_new_database(path):
    path.touch()
    with closing(open_database(path, durability="full")) as database:
        assert LocalHistory(database).query(BTC) == []


def run_at_once(*works):
    with ThreadPoolExecutor(len(works)) as threads:
        for running in [threads.submit(work) for work in works]:
            running.result()


def test_threads_write_read_and_trim_side_by_side(database):
    tickers, rounds = MANY[:20], range(1, 61)
    stream = LocalStream(database, shards=1, clock=lambda: 1)
    states = LocalStates(database, cached=True)
    (shard,) = stream.shards()
    seen = []

    def write():
        for n in rounds:
            stream.append([entry(ticker, str(n)) for ticker in tickers])

    def commit():
        for n in rounds:
            assert states.commit([state(ticker, n) for ticker in tickers]) == {}

    def consume():
        after = 0
        while len(seen) < len(tickers) * len(rounds):
            for record in stream.read(shard, after=after, limit=50):
                seen.append((int(record.data), record.key))
                after = record.sequence_number
            stream.checkpoint("trades", shard, after)
            stream.trim(retention_us=0, now_us=2, consumers=["trades"])

    run_at_once(write, commit, consume)
    assert seen == [(n, ticker) for n in rounds for ticker in tickers]
    assert states.load(tickers) == {t: state(t, rounds[-1]) for t in tickers}
    assert stream.read(shard, after=0, limit=1) == []
