"""`penstock verify`: no difference, or the first."""

import sqlite3
from contextlib import closing

import pytest

from tests.commands import penstock, read_json
from tests.embedded import market, run, settings


@pytest.fixture
def data_dir(tmp_path):
    run(settings(tmp_path / "data"), market(3000))
    return tmp_path / "data"


def change(data_dir, statement):
    with closing(sqlite3.connect(data_dir / "penstock.db")) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def test_what_was_rebuilt_is_said(data_dir):
    said = penstock("verify", data_dir=data_dir).stdout
    assert said.startswith("Rebuilt 5 tickers from 3,000 trades in ")
    assert said.endswith("No difference.\n")
    found = read_json("verify", data_dir=data_dir)
    assert found.pop("elapsed_s") > 0
    assert found == {"tickers": 5, "trades": 3000, "waiting": 0, "difference": None}


def test_the_first_difference_is_shown_and_exits_with_1(data_dir):
    change(data_dir, "UPDATE history SET volume = volume + 1 WHERE series LIKE '%@1m'")
    said = penstock("verify", data_dir=data_dir, code=1).stdout
    assert "A difference: simulated:" in said
    assert "the history row of " in said
    found = read_json("verify", data_dir=data_dir, code=1)
    assert "the history row of " in found["difference"]


def test_where_nothing_is_nothing_is_made(tmp_path):
    said = penstock("verify", data_dir=tmp_path / "nowhere", code=2).stderr
    assert "holds no penstock.db to read" in said
    assert not (tmp_path / "nowhere").exists()


def test_without_an_archive_there_is_nothing_to_rebuild_from(data_dir, tmp_path):
    file = tmp_path / "off.toml"
    file.write_text("[archive]\nenabled = false")
    said = penstock("verify", "--config", file, data_dir=data_dir, code=2).stderr
    assert said.startswith("penstock: there is nothing to rebuild from: [archive]")
