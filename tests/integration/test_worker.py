"""The embedded pipeline, from a source to what is left on the disk."""

import pytest
from msgspec.structs import replace

from penstock.bootstrap import open_store
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.worker import Worker
from penstock.errors import BusyError, ConfigError
from penstock.model import DeadLetter
from tests.embedded import check, dump, in_batches, market, run, settings

TRADES = market(6000)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What one undisturbed run leaves."""
    wanted = settings(tmp_path_factory.mktemp("reference"))
    results = run(wanted, TRADES)
    assert sum(r.applied for r in results) == 6000
    assert sum(len(r.completed) for r in results) > 3
    assert sum(len(r.alerts) for r in results) > 3
    return dump(wanted)


@pytest.mark.parametrize(("batch", "shards"), [(1, 1), (37, 3), (6000, 5)])
def test_batches_and_shards_change_nothing(tmp_path, reference, batch, shards):
    wanted = settings(tmp_path, shards=shards)
    run(wanted, TRADES, batch=batch)
    assert dump(wanted) == reference
    assert check(wanted).difference is None


def test_a_source_that_begins_again_adds_nothing(tmp_path, reference):
    wanted = settings(tmp_path)
    for end in (1500, 4000, 6000, 6000):
        run(wanted, TRADES[:end])
    assert dump(wanted) == reference


def test_a_worker_that_stopped_early_is_made_up_for_by_the_next(tmp_path, reference):
    wanted = settings(tmp_path)
    with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
        worker.patience_s = 0
        worker.feeder.feed(in_batches(TRADES, 500), contiguous=False)
    run(wanted, [])
    assert dump(wanted) == reference


def test_stop_ends_the_feed_and_loses_nothing_that_was_taken(tmp_path):
    wanted, taken = settings(tmp_path), []

    def source(worker):
        for batch in in_batches(TRADES, 100):
            if len(taken) == 1000:
                worker.feeder.stop()
            taken.extend(batch.trades)
            yield batch

    with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
        worker.feeder.feed(source(worker), contiguous=False)
    kept = sum(len(trades) for trades in dump(wanted)["archive"].values())
    assert kept == len(taken) == 1100


def test_what_a_source_could_not_read_becomes_a_dead_letter(tmp_path):
    wanted = settings(tmp_path)
    letter = DeadLetter(
        id="a.csv:2", key="", reason="no price", data=b"x", arrival_us=0, version="0"
    )
    with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
        batches = (SourceBatch([], [letter]) for _ in range(2))
        worker.feeder.feed(batches, contiguous=True)
        assert worker.feeder.unread == 2
    assert dump(wanted)["dead letters"] == [("a.csv:2", b"x")]


def test_a_second_worker_is_refused_by_name(tmp_path):
    wanted = settings(tmp_path)
    with (
        open_store(wanted),
        pytest.raises(BusyError, match="in use"),
        open_store(wanted),
    ):
        pass


def test_sources_of_one_run_that_share_a_moment_are_numbered_on(tmp_path):
    wanted = settings(tmp_path)
    first, rest = TRADES[:2000], TRADES[2000:]
    moment = first[-1].event_us
    sharing = [replace(t, event_us=moment, symbol="BTC-USD") for t in rest[:3]]
    first = [*first, replace(sharing[0], price=1.0)]
    with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
        worker.feeder.feed(in_batches(first, 1000), contiguous=False)
        worker.feeder.feed(in_batches(sharing, 10), contiguous=False)
        assert worker.feeder.duplicates == 0
        worker.feeder.feed(in_batches(first, 1000), contiguous=False)
        assert worker.feeder.duplicates == 2001


def test_what_waits_is_processed_under_the_rules_it_was_appended_under(tmp_path):
    wanted = settings(tmp_path)
    with open_store(wanted) as store, Worker(store, wanted, lambda _: None) as worker:
        worker.patience_s = 0
        worker.feeder.feed(in_batches(TRADES, 500), contiguous=False)
    others = replace(wanted, rules=replace(wanted.rules, bar_us=300_000_000))
    run(others, [])
    assert check(others).difference is None


@pytest.mark.parametrize("archived", [True, False])
def test_the_log_is_trimmed_by_the_worker(tmp_path, archived):
    wanted = settings(tmp_path)
    run(wanted, TRADES[:100])
    kept = replace(wanted.stream, retention_us=0)
    archive = replace(wanted.archive, enabled=archived)
    run(replace(wanted, stream=kept, archive=archive), [])
    with open_store(wanted) as store:
        left = [store.stream.read(s, after=0, limit=9) for s in store.stream.shards()]
    assert left == [[], []]


def test_an_archive_without_its_database_is_not_added_to(tmp_path):
    wanted = settings(tmp_path)
    run(wanted, TRADES[:100])
    for path in tmp_path.glob("penstock.db*"):
        path.unlink()
    with pytest.raises(ConfigError, match=r"an archive without its penstock\.db"):
        run(wanted, TRADES[:100])
