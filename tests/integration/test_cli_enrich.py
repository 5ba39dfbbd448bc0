"""`penstock lookup` and `penstock enrich`: tables in, events through."""

import gzip
import json
import os

import pytest

from penstock.local import read_local
from tests.commands import penstock, read_json, start

SETTINGS = """
[[lookups]]
table = "users"
key = "user_id"
into = "user"
"""
CLICK = {
    "event_type": "page_view",
    "user_id": "u1",
    "page": "/pricing",
    "timestamp": "2024-11-20T23:40:00Z",
    "session_id": "s1",
}
ADA, BOB = {"user_id": "u1", "name": "Ada"}, {"user_id": "u2", "name": "Bob"}
MTIME_S = 1_732_146_000


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with settings, users and clicks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "penstock.toml").write_text(SETTINGS)
    (tmp_path / "users.csv").write_text("user_id,name\nu1,Ada\nu2,Bob\n")
    write_events(tmp_path / "clicks.ndjson", CLICK, CLICK | {"user_id": "u9"})
    return tmp_path


def write_events(path, *events):
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    os.utime(path, (MTIME_S, MTIME_S))


def stored(folder):
    with read_local(folder / "penstock-data") as reader:
        objects = [reader.objects.get(key) for key in reader.objects.keys("")]
    lines = [line for o in objects for line in gzip.decompress(o).splitlines()]
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("users.csv", "\ufeffuser_id,name\r\nu1,Ada\r\nu2,Bob\r\n"),
        ("users.json", json.dumps([ADA, BOB], indent=1)),
        ("users.ndjson", f"{json.dumps(ADA)}\n{json.dumps(BOB)}\n"),
    ],
)
def test_rows_are_loaded_listed_and_found(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    loaded = read_json("lookup", "load", "users", name)
    assert loaded == {"table": "users", "key": "user_id", "rows": 2}
    assert read_json("lookup", "list", "users") == [ADA, BOB]
    assert read_json("lookup", "list", "users", "--limit", 1) == [ADA]
    assert read_json("lookup", "get", "users", "u2") == [BOB]
    found = penstock("lookup", "get", "users", "u1", "u7", code=1)
    assert "Ada" in found.stdout
    assert found.stderr == "penstock: no row in users: u7\n"


def test_whole_numbers_are_keys_by_their_digits(folder):
    (folder / "users.json").write_text('[{"user_id": 7, "n": 1}]')
    penstock("lookup", "load", "users", "users.json")
    assert read_json("lookup", "get", "users", 7) == [{"user_id": "7", "n": 1}]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("x.csv", "user_id,name\nu1,Ada\n,Bob\n", "row 2 must have text or a whole"),
        ("x.csv", "id,name\nu1,Ada\n", "found None. Its fields: id, name."),
        ("x.csv", "user_id\nu1,Ada\n", "row 1 has more fields than the header"),
        ("x.csv", 'user_id\nu1\n"u2', "row 2: not CSV"),
        ("x.json", '[{"user_id": true}]', "found True"),
        ("x.json", '{"user_id": "u1"}\n[1]\n', "must be an array of JSON objects"),
        ("x.json", '[{"user_id": "u1"}', "must be an array of JSON objects"),
    ],
)
def test_a_table_that_cannot_be_read_is_not_loaded(folder, name, text, complaint):
    (folder / name).write_text(text)
    said = penstock("lookup", "load", "users", name, code=2)
    assert complaint in said.stderr
    assert read_json("lookup", "list", "users") == []


def test_the_key_is_asked_for_where_the_settings_do_not_say(folder):
    (folder / "pages.csv").write_text("page,title\n/,Home\n")
    said = penstock("lookup", "load", "pages", "pages.csv", code=2)
    assert "does not have the table. Pass --key FIELD." in said.stderr
    penstock("lookup", "load", "pages", "pages.csv", "--key", "page")
    row = {"page": "/", "title": "Home"}
    assert read_json("lookup", "list", "pages", "--key", "page") == [row]


def test_events_of_a_file_are_enriched_and_filed_under_its_time(folder):
    penstock("lookup", "load", "users", "users.csv")
    report = read_json("enrich", "clicks.ndjson")
    (key,) = report.pop("objects")
    assert report == {"events": 2, "missing": 1, "dead_letters": 0}
    assert key.startswith("enriched-data/2024/11/20/23/file-clicks.ndjson-")
    first, second = stored(folder)
    assert first.pop("penstock")["missing"] == []
    assert first == CLICK | {"user": ADA}
    assert second["user"] is None
    assert second["penstock"]["missing"] == ["user"]


def test_the_same_file_again_changes_nothing_and_another_of_its_name_adds(folder):
    read_json("enrich", "clicks.ndjson")
    before = stored(folder)
    read_json("enrich", "clicks.ndjson")
    assert stored(folder) == before
    write_events(folder / "clicks.ndjson", CLICK)
    read_json("enrich", "clicks.ndjson")
    ids = [event["penstock"]["id"] for event in stored(folder)]
    assert len(ids) == len({*ids}) == 3


def test_a_large_file_is_several_objects_and_every_event_in_one(folder):
    events = [{"n": n} for n in range(4500)]
    write_events(folder / "many.ndjson", *events)
    with gzip.open("many.ndjson.gz", "wb") as file:
        file.write((folder / "many.ndjson").read_bytes())
    report = read_json("enrich", "many.ndjson.gz")
    assert (report["events"], len(report["objects"])) == (4500, 3)
    assert [event["n"] for event in stored(folder)] == list(range(4500))
    assert stored(folder)[4499]["penstock"]["id"].endswith("/4500/0")


def test_events_come_from_the_standard_input(folder):
    penstock("lookup", "load", "users", "users.csv")
    with (
        (folder / "clicks.ndjson").open("rb") as clicks,
        start("enrich", stdin=clicks, cwd=folder) as process,
    ):
        said, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    assert said.startswith("2 events enriched, into 1 object:\n1 lookup without a row")


def test_bad_lines_become_dead_letters_and_a_cut_off_file_is_told(folder):
    packed = gzip.compress(b'{"n":1}\nbad\n' + os.urandom(1000).hex().encode() + b"\n")
    (folder / "clicks.ndjson.gz").write_bytes(packed[:-300])
    said = penstock("enrich", "clicks.ndjson.gz", code=2)
    assert "clicks.ndjson.gz: " in said.stderr
    assert [event["n"] for event in stored(folder)] == [1]
    letters = read_json("dead-letters")
    assert letters[-1]["id"].endswith("/2/0")


def test_a_missing_file_is_told(folder):
    said = penstock("enrich", "none.ndjson", code=2)
    assert said.stderr == (
        "penstock: none.ndjson: cannot be opened: No such file or directory.\n"
    )


def test_without_lookups_that_is_said(folder):
    (folder / "penstock.toml").write_text("")
    said = penstock("enrich", "clicks.ndjson")
    assert "no [[lookups]] in the settings" in said.stderr
    assert len(stored(folder)) == 2


def test_rows_are_loaded_while_another_process_works_there(folder):
    with start("produce", "--rate", "1", cwd=folder) as process:
        assert '"started"' in process.stdout.readline()
        read_json("lookup", "load", "users", "users.csv")
        assert len(read_json("lookup", "list", "users")) == 2
