"""Which format a file is taken for, and what is said when that is not clear."""

import pytest

from penstock.drivers.files import open_file
from penstock.errors import SourceError

BINANCE = (
    b'1723161254087896999 {"stream":"btcusdt@trade","data":{"e":"trade","E":1,'
    b'"s":"BTCUSDT","t":12,"p":"1","q":"2","T":1723161255342,"m":true}}\n'
)
FUTURES = (
    b'1723161254087896999 {"stream":"btcusdt@trade","data":{"e":"trade","E":1,'
    b'"T":1723161255342,"s":"BTCUSDT","t":12,"p":"1","q":"2","X":"MARKET","m":true}}\n'
)
COINBASE = b'1618677817.061845: {"type":"subscriptions","channels":[]}\n'
ADVANCED = (
    b'1618677817.061845: {"channel":"market_trades","client_id":"","timestamp":"x",'
    b'"sequence_num":0,"events":[]}\n'
)
KRAKEN = b'1618677817.061845: {"channel":"heartbeat"}\n'
KRAKEN_V1 = b'1618677817.061845: {"event":"heartbeat"}\n'


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "trades"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (BINANCE, "binance"),
        (BINANCE + FUTURES, "binance-usdm"),
        (COINBASE, "coinbase"),
        (ADVANCED, "coinbase-advanced"),
        (KRAKEN, "kraken"),
        (KRAKEN_V1, "kraken"),
        (b"configuration: {}\nwss://x <-> 1.0\nbroken\n" + KRAKEN_V1, "kraken"),
        (b'{"t":"header","data":"' + b"x" * 2_000_000 + b'"}\n' + COINBASE, "coinbase"),
    ],
)
def test_frames_are_told_by_their_shape(file, content, name):
    with open_file(file(content)) as source:
        assert source.format_name == name


def test_frames_of_two_venues_are_not_guessed_at(file):
    path = file(KRAKEN + BINANCE)
    with pytest.raises(
        SourceError,
        match=r"trades: may be in one of several formats; it begins b'1618677817.*"
        r"\.\.\.\. Pass --format NAME, one of: binance, kraken\.",
    ):
        open_file(path)
    with open_file(path, format_name="binance") as source:
        (batch,) = source
    assert len(batch.trades) == 1


@pytest.mark.parametrize("content", [b"hello\n", b"\x00\x01\x02", b"a,b\n1,2\n", b"{}"])
def test_what_cannot_be_told_lists_the_formats(file, content):
    with pytest.raises(
        SourceError, match=r"in no format known; it begins b'.*one of: penstock, record"
    ):
        open_file(file(content))


def test_an_unknown_format_names_the_nearest(file):
    with pytest.raises(
        SourceError,
        match=r"unknown format 'bitcoinchart'\. Did you mean 'bitcoincharts'\? Known f",
    ):
        open_file(file(b""), format_name="bitcoinchart")


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        (BINANCE, "penstock", "It looks like binance: pass --format binance"),
        (BINANCE, "csv", "It looks like binance: pass --format binance"),
        (BINANCE, "coinbase", "It looks like binance: pass --format binance"),
        (COINBASE, "coinbase-advanced", "It looks like coinbase: pass --format coinb"),
        (b"1315922016,5.8,1.0\n", "tardis", "It looks like bitcoincharts: pass --for"),
        (b"1315922016,5.8,1.0\n", "penstock", "It looks like bitcoincharts: pass --f"),
        (b'[[1,"2",null,"buy",1,2,2]]', "ccxt", "It looks like freqtrade: pass --fo"),
    ],
)
def test_a_wrong_format_is_told_from_damage(file, content, said, hint):
    with pytest.raises(SourceError, match=hint):
        open_file(
            file(content),
            format_name=said,
            **({"symbol": "A-B"} if said in ("csv", "tardis") else {}),
        )


def test_ten_faults_and_no_trade_are_too_many(file):
    with pytest.raises(
        SourceError,
        match=r"no trade in format 'penstock' at its beginning: trades:1: not a trade",
    ):
        open_file(file(b"nonsense\n" * 10), format_name="penstock")
    with open_file(file(b"nonsense\n" * 9), format_name="penstock") as source:
        (batch,) = source
    assert len(batch.bad) == 9


def test_the_futures_feed_may_read_what_looks_like_spot(file):
    book = b'1723161254087896999 {"stream":"x@bookTicker","data":{"u":1}}\n'
    with open_file(file(book + FUTURES), format_name="binance-usdm") as source:
        (batch,) = source
    assert batch.trades[0].ticker == "binance-usdm:BTC-USDT"
