"""What people type, turned into values."""

import pytest

from penstock.entrypoints.cli.options import find_ticker, read_settings, read_time
from penstock.errors import ConfigError

KNOWN = ["coinbase:BTC-USD", "kraken:BTC-USD", "kraken:ETH-EUR"]


@pytest.mark.parametrize(
    ("typed", "ticker"),
    [
        ("kraken:BTC-USD", "kraken:BTC-USD"),
        ("KRAKEN:btc-usd", "kraken:BTC-USD"),
        ("ETH-EUR", "kraken:ETH-EUR"),
        ("eth-eur", "kraken:ETH-EUR"),
    ],
)
def test_a_ticker_is_found_by_its_name_or_by_its_symbol(typed, ticker):
    assert find_ticker(typed, KNOWN) == ticker


@pytest.mark.parametrize(
    ("typed", "known", "message"),
    [
        (
            "BTC-USD",
            KNOWN,
            "BTC-USD is traded at several venues: say which, coinbase:BTC-USD or "
            "kraken:BTC-USD.",
        ),
        (
            "ETH-EU",
            KNOWN,
            "no trades of 'ETH-EU' here. Did you mean kraken:ETH-EUR?",
        ),
        (
            "xyz",
            KNOWN,
            "no trades of 'xyz' here. There are coinbase:BTC-USD, kraken:BTC-USD and "
            "kraken:ETH-EUR.",
        ),
        (
            "xyz",
            [*KNOWN, "kraken:XMR-USD"],
            "no trades of 'xyz' here. There are coinbase:BTC-USD, kraken:BTC-USD, "
            "kraken:ETH-EUR and others.",
        ),
        (
            "BTC-USD",
            [],
            "no trades of 'BTC-USD' here. Nothing is here yet: start `penstock run` or "
            "`penstock replay` first.",
        ),
    ],
)
def test_a_ticker_that_is_not_there_is_told_with_what_is(typed, known, message):
    with pytest.raises(ConfigError) as caught:
        find_ticker(typed, known)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("typed", "time"),
    [
        ("2024-11-20", "2024-11-20T00:00:00.000000Z"),
        ("2024-11-20T23:40", "2024-11-20T23:40:00.000000Z"),
        ("2024-11-20 23:40:01.000001", "2024-11-20T23:40:01.000001Z"),
        ("2024-11-20T23:40:00+05:30", "2024-11-20T18:10:00.000000Z"),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(typed, time):
    assert read_time(typed) == time


@pytest.mark.parametrize("typed", ["yesterday", "", "2024-13-01", "0001-01-01T00+23"])
def test_what_is_no_time_is_refused_with_an_example(typed):
    with pytest.raises(ValueError, match="such as 2024-11-20"):
        read_time(typed)


def test_settings_come_from_the_folder_and_the_data_directory_from_the_option(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert read_settings(None, None).source.seed == 1
    (tmp_path / "penstock.toml").write_text('data_dir = "there"\n[source]\nseed = 7')
    found = read_settings(None, None)
    assert (found.data_dir.name, found.source.seed) == ("there", 7)
    assert read_settings(None, tmp_path / "here").data_dir == tmp_path / "here"
    (tmp_path / "other.toml").write_text("[source]\nseed = 8")
    assert read_settings(tmp_path / "other.toml", None).source.seed == 8


def test_a_settings_file_that_was_named_and_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        read_settings(tmp_path / "nowhere.toml", None)
