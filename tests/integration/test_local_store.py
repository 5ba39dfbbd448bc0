"""A data directory: one process that works, others that look on, and sudden ends."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from penstock.errors import BusyError, ConfigError
from penstock.local import open_local, read_local
from tests.commands import Process
from tests.contract.samples import (
    BTC,
    ETH,
    SOL,
    alert,
    entry,
    letter,
    position,
    row,
    state,
)

KEYS = [BTC, ETH, SOL]

# Appends, commits, checkpoints and stores in step, and says which step each has done.
# Begins with the first step that is not stored.
WORK = """
import sys
from pathlib import Path
from penstock.local import open_local
from penstock.model import TickerState
from penstock.ports import Entry

keys = sys.argv[2:]
with open_local(Path(sys.argv[1]), shards=1, durability="full", clock=lambda: 1) as s:
    (shard,) = s.stream.shards()
    print("ready", flush=True)
    step = int((s.objects.get("raw-data/latest") or b"0\\n")[:9])
    while True:
        step += 1
        text = f"{step:08}\\n".encode()
        entries = [Entry(k, text * 500, step, 500) for k in keys]
        if max(s.stream.marks().values(), default=0) < step:
            assert not s.stream.append(entries)
        print("appended", step, flush=True)
        versions = {t: state.version for t, state in s.states.load(keys).items()}
        if max(versions.values(), default=0) < step:
            states = [TickerState(ticker=k, version=step) for k in keys]
            assert not s.states.commit(states)
        print("committed", step, flush=True)
        s.stream.checkpoint("trades", shard, step)
        print("checkpointed", step, flush=True)
        s.objects.put("raw-data/latest", text * 100_000)
        print("stored", step, flush=True)
"""


@contextmanager
def another_process(data_dir):
    with Process(
        [sys.executable, "-c", WORK, data_dir, *KEYS],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "ready\n"
        yield child


def opened(data_dir, shards=1):
    return open_local(data_dir, shards=shards, durability="full", clock=lambda: 1)


def test_all_of_it_is_there_when_opened_again(tmp_path):
    for _ in range(2):
        with opened(tmp_path / "new" / "data") as store:
            store.stream.append([entry(BTC, last_seq=5)])
            store.states.commit([state(BTC, position=position())])
            store.history.put([row()])
            store.alerts.notify([alert()])
            store.dead_letters.put([letter()])
            store.objects.put("raw-data/a", b"1")
    with opened(tmp_path / "new" / "data") as store:
        assert store.stream.marks() == {BTC: 5}
        assert store.states.load([BTC]) == {BTC: state(BTC, position=position())}
        assert store.history.query(BTC) == [row()]
        assert store.alerts.list() == [alert()]
        assert store.dead_letters.list() == [letter()]
        assert store.objects.get("raw-data/a") == b"1"


def test_a_second_process_is_told_who_works_there(tmp_path):
    with another_process(tmp_path) as child:
        with pytest.raises(BusyError) as caught:
            opened(tmp_path)
        text = str(caught.value)
        assert f"{tmp_path} is in use by process {child.pid} (-c " in text
        assert "Stop it, or pass another --data-dir." in text
    opened(tmp_path).close()


def test_the_same_process_cannot_open_it_twice(tmp_path):
    with opened(tmp_path), pytest.raises(BusyError, match=str(os.getpid())):
        opened(tmp_path)
    opened(tmp_path).close()


def test_a_failed_opening_lets_others_in(tmp_path):
    opened(tmp_path, shards=1).close()
    with pytest.raises(ConfigError, match="1 shards"):
        opened(tmp_path, shards=4)
    opened(tmp_path, shards=1).close()


def test_a_data_directory_that_cannot_be_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()
    for data_dir in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="pass another --data-dir"):
            opened(data_dir)


def test_leftovers_in_the_archive_are_tidied_by_who_works(tmp_path):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / ".tmp-1-1").touch()
    opened(tmp_path).close()
    assert list((tmp_path / "archive").iterdir()) == []


@pytest.mark.parametrize("content", [None, b""], ids=["no file", "an empty file"])
def test_there_is_nothing_to_read_before_the_first_run(tmp_path, content):
    if content is not None:
        (tmp_path / "penstock.db").write_bytes(content)
    with (
        pytest.raises(ConfigError, match=r"Start `penstock run`"),
        read_local(tmp_path),
    ):
        pass
    assert not (tmp_path / "lock").exists()


def test_readers_see_what_another_process_commits(tmp_path):
    with another_process(tmp_path) as child, read_local(tmp_path) as reader:
        said = {"stored": 0}
        while said["stored"] < 3:
            word, step = child.stdout.readline().split()
            said[word] = int(step)
            if word == "committed":
                versions = {s.version for s in reader.states.load(KEYS).values()}
                assert len(versions) == 1
                assert versions.pop() >= said[word]
        assert reader.states.tickers() == KEYS
        assert reader.objects.get("raw-data/latest") is not None


def test_readers_change_nothing(tmp_path):
    opened(tmp_path).close()
    with read_local(tmp_path) as reader:
        for write in (
            lambda: reader.states.commit([state()]),
            lambda: reader.history.put([row()]),
            lambda: reader.alerts.notify([alert()]),
            lambda: reader.dead_letters.put([letter()]),
        ):
            with pytest.raises(ConfigError, match="opened for reading only"):
                write()
        assert reader.states.tickers() == []


def steps_of(store, key):
    """Read which steps wrote a key's records."""
    (shard,) = store.stream.shards()
    records = store.stream.read(shard, after=0, limit=100_000)
    return [int(r.data.partition(b"\n")[0]) for r in records if r.key == key]


def last_words(child):
    """Return the last step that each word was said of, without a broken last line."""
    lines = child.stdout.read().split("\n")[:-1]
    return {word: int(step) for word, step in map(str.split, lines)}


@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03, 0.07, 0.13, 0.2])
def test_nothing_acknowledged_is_lost_by_a_sudden_end(tmp_path, delay_s):
    before = 0
    for _ in range(2):
        with another_process(tmp_path) as child:
            time.sleep(delay_s)
            child.send_signal(signal.SIGKILL)
            said = last_words(child)
        with read_local(tmp_path) as reader:
            versions = {s.version for s in reader.states.load(KEYS).values()} or {0}
        with opened(tmp_path) as store:
            (shard,) = store.stream.shards()
            marks = store.stream.marks()
            (last,) = {marks.get(key, 0) for key in KEYS}
            assert all(steps_of(store, key) == [*range(1, last + 1)] for key in KEYS)
            reached = {
                "appended": last,
                "committed": max(versions),
                "checkpointed": store.stream.position("trades", shard),
                "stored": int((store.objects.get("raw-data/latest") or b"0\n")[:9]),
            }
        for word, step in reached.items():
            assert said.get(word, before) <= step <= last
        assert len(versions) == 1
        assert last <= said.get("stored", before) + 1
        before = reached["stored"]
