"""Real recordings read as files, Parquet, and files that are large or odd."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest
import zstandard

from penstock.codec import encode_trade
from penstock.drivers.files import open_file
from penstock.drivers.files.lines import MAX_KEPT_BYTES
from penstock.errors import SourceError
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade
from tests.recordings import RECORDINGS, needs_recordings

SPOT_1 = "binance-spot-btcusdt-2024-08-08.frames.gz"
SPOT_2 = "binance-spot-btcusdt-2024-08-09.frames.gz"
GOOD = Trade(
    venue="v",
    symbol="BTC-USD",
    price=1.5,
    size=2.0,
    event_us=1_723_161_255_342_000,
    received_us=1_723_161_255_342_000,
)
LINE = encode_trade(GOOD)


def read(path, **options):
    with open_file(path, **options) as source:
        batches = list(source)
    trades = [trade for batch in batches for trade in batch.trades]
    return source, trades, [item for batch in batches for item in batch.bad]


def read_well(path, **options):
    source, trades, bad = read(path, **options)
    assert bad == []
    assert source.warnings == ()
    return source, trades


def prices(trades):
    return min(t.price for t in trades), max(t.price for t in trades)


def missing(source, trades):
    sequencer = Sequencer({}, contiguous=source.contiguous)
    assert len(sequencer.admit(trades)) == len(trades)
    return sequencer.missing


@needs_recordings
class TestRecordings:
    def test_binance_joins_across_midnight(self):
        first, before = read_well(RECORDINGS / SPOT_1)
        second, after = read_well(RECORDINGS / SPOT_2)
        assert (first.format_name, second.format_name) == ("binance", "binance")
        assert (len(before), len(after)) == (9_757, 10_147)
        assert prices(before) == (61_583.22, 61_860.8)
        assert prices(after) == (61_556.04, 61_744.37)
        assert missing(first, before + after) == 0
        assert {t.ticker for t in before + after} == {"binance:BTC-USDT"}
        # The receiving clock was 1.27 s slow.
        assert all(t.received_us < t.event_us for t in before)

    def test_coinbase_gives_each_trade_once(self):
        source, trades = read_well(
            RECORDINGS / "coinbase-exchange-2021-04-17.frames.gz"
        )
        assert source.format_name == "coinbase"
        assert len(trades) == 107
        assert missing(source, trades) == 0
        taken = next(t for t in trades if t.trade_id == "1568319")
        assert (taken.side, taken.price, taken.size) == ("sell", 0.7902, 18.0)
        assert taken.event_us == 1_618_677_846_669_388

    def test_coinbase_advanced(self):
        source, trades = read_well(
            RECORDINGS / "coinbase-advanced-2026-08-09.jsonl.zst"
        )
        assert source.format_name == "coinbase-advanced"
        assert len(trades) == 279
        assert missing(source, trades) == 0
        assert source.notes.missed == 0
        assert trades[0].received_us == 1_786_309_548_629_007

    def test_kraken(self):
        source, trades = read_well(RECORDINGS / "kraken-v1-trades-2021-04-05.frames.gz")
        assert source.format_name == "kraken"
        assert sum(t.symbol == "BTC-USD" for t in trades) == 22
        assert {(t.trade_id, t.seq) for t in trades} == {(None, 0)}

    def test_tardis(self):
        source, trades = read_well(
            RECORDINGS / "tardis-binance-futures-btcusdt-2020-02-22.csv.gz"
        )
        assert source.format_name == "tardis"
        assert len(trades) == 9_999
        assert [t.seq for t in trades] == list(range(42_377_944, 42_377_944 + 9_999))
        assert source.contiguous is True
        assert prices(trades) == (9_653.07, 9_710.7)
        assert {t.ticker for t in trades} == {"binance-usdm:BTC-USDT"}

    def test_bitcoincharts_keeps_identical_rows(self):
        source, trades = read_well(
            RECORDINGS / "bitcoincharts-bitstamp-btcusd-2011-2012.csv.gz",
            symbol="BTC-USD",
            venue="bitstamp",
        )
        assert source.format_name == "bitcoincharts"
        assert len(trades) == 9_999
        assert len(trades) - len(set(trades)) == 1_695
        fall = [
            (t.event_us // 1_000_000, t.price)
            for t in trades
            if 1_317_812_689 <= t.event_us // 1_000_000 <= 1_317_812_896
        ]
        assert (fall[0][1], fall[-1][1]) == (6.25, 4.8)

    def test_freqtrade(self):
        source, trades = read_well(
            RECORDINGS / "freqtrade-trades-xrpeth-2019-10.json.gz",
            symbol="XRP-ETH",
            venue="binance",
        )
        assert source.format_name == "freqtrade"
        assert len(trades) == 12_477
        assert [t.seq for t in trades] == list(range(13_519_807, 13_519_807 + 12_477))
        assert source.contiguous is True

    def test_lean_keeps_identical_rows(self):
        source, trades = read_well(RECORDINGS / "lean-spy-ticks-2013-10-08.zip")
        assert source.format_name == "lean"
        assert len(trades) == 451_545
        assert prices(trades) == (165.16, 167.72)
        rows = {(t.event_us, t.price, t.size) for t in trades}
        assert len(rows) < len(trades)
        assert {t.ticker for t in trades} == {"lean:SPY-USD"}
        # It falls from 16:59 to 17:01, New York.
        start_us, end_us = 1_381_265_940_000_000, 1_381_266_120_000_000
        fall = [t for t in trades if start_us <= t.event_us < end_us]
        assert prices(fall) == (165.16, 167.51)

    def test_bars(self):
        folder = RECORDINGS / "coinbase-btcusd-1s-bars"
        days = [read_well(path)[1] for path in sorted(folder.glob("*.zip"))]
        assert [len(trades) for trades in days] == [4_063, 3_453, 4_004]
        assert days[0][0].event_us == 1_475_798_404_999_999

    def test_no_batch_is_small_but_the_last(self):
        with open_file(RECORDINGS / SPOT_1) as source:
            sizes = [len(batch.trades) for batch in source]
        assert min(sizes[:-1]) >= 1_000
        assert max(sizes) < 2_000


class TestParquet:
    TRADES = (
        "SELECT 61837.63 AS price, 0.1::DOUBLE + 0.2::DOUBLE AS qty, 'sell' AS side, "
        "TIMESTAMP '2024-08-08 23:54:15.342018' + INTERVAL (i) MICROSECOND AS time, "
        "i::BIGINT + 7 AS id, 'BTC/USDT' AS symbol FROM range(9000) numbers(i)"
    )

    def write(self, path, query):
        with duckdb.connect() as db:
            db.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
        return path

    def test_every_value_is_exact(self, tmp_path):
        source, trades = read_well(self.write(tmp_path / "x.parquet", self.TRADES))
        assert source.format_name == "parquet"
        assert len(trades) == 9_000
        assert trades[0] == Trade(
            venue="file",
            symbol="BTC-USDT",
            price=61_837.63,
            size=0.3,  # of 0.30000000000000004, fifteen digits
            side="sell",
            event_us=1_723_161_255_342_018,
            received_us=1_723_161_255_342_018,
            trade_id="7",
            seq=7,
        )
        assert source.notes.rounded == 9_000
        assert [t.seq for t in trades] == list(range(7, 9_007))

    @pytest.mark.parametrize(
        "time",
        [
            "TIMESTAMPTZ '2024-08-09 01:54:15.342+02'",
            "TIMESTAMP_NS '2024-08-08 23:54:15.342'",
            "TIMESTAMP_MS '2024-08-08 23:54:15.342'",
            "1723161255342::BIGINT",
            "1723161255.342::DOUBLE",
            "'2024-08-08T23:54:15.342Z'",
        ],
    )
    def test_times_of_every_type(self, tmp_path, time):
        query = f"SELECT 1.5 AS price, 2 AS size, {time} AS time"
        path = self.write(tmp_path / "x.parquet", query)
        assert read_well(path, symbol="BTC-USD", venue="v")[1] == [GOOD]

    def test_a_bad_row_costs_only_itself(self, tmp_path):
        query = (
            "SELECT unnest([1.5::DOUBLE, NULL, 'NaN', -1.5, 1.5]) AS price, 2 AS size, "
            "1723161255342 AS time"
        )
        path = self.write(tmp_path / "x.parquet", query)
        _, trades, bad = read(path, symbol="BTC-USD", venue="v")
        assert trades == [GOOD, GOOD]
        assert [(item.place, item.data) for item in bad] == [
            ("x.parquet[1]", b",2,1723161255342"),
            ("x.parquet[2]", b"nan,2,1723161255342"),
            ("x.parquet[3]", b"-1.5,2,1723161255342"),
        ]

    def test_what_cannot_be_read_says_why(self, tmp_path):
        path = self.write(tmp_path / "x.parquet", "SELECT 1 AS a")
        with pytest.raises(
            SourceError, match=r"x\.parquet: no column for the price amo"
        ):
            open_file(path)
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(SourceError, match=r"x\.parquet: cannot be read as Parquet"):
            open_file(path)
        path.write_bytes(b"price,time,symbol\n1,1723161255,A-B\n")
        with pytest.raises(SourceError, match="looks like csv: pass --format csv"):
            open_file(path, format_name="parquet")

    def test_progress_is_known(self, tmp_path):
        path = self.write(tmp_path / "x.parquet", self.TRADES)
        with open_file(path) as source:
            consumed = [batch.consumed_bytes for batch in source]
        assert consumed == sorted(consumed)
        assert len(set(consumed)) > 2
        assert consumed[-1] == path.stat().st_size


class TestWithoutExtras:
    """What only an extra can read says which one, in an interpreter without any."""

    SCRIPT = """
import sys
sys.modules["duckdb"] = sys.modules["zstandard"] = None
from penstock.drivers.files import open_file
from penstock.errors import SourceError
try:
    open_file(sys.argv[1])
except SourceError as e:
    print(e)
"""

    @pytest.mark.parametrize(
        ("content", "extra"),
        [(b"PAR1", "penstock[query]"), (zstandard.compress(b"x"), "penstock[cli]")],
    )
    def test_names_the_extra(self, tmp_path, content, extra):
        path = tmp_path / "x"
        path.write_bytes(content)
        said = subprocess.run(
            [sys.executable, "-c", self.SCRIPT, path],
            capture_output=True,
            text=True,
            check=True,
        )
        assert f'pip install "{extra}"' in said.stdout


class TestOddFiles:
    def test_a_line_of_ten_megabytes_is_given_back_whole(self, tmp_path):
        long = b'{"x":"' + b"x" * 10_000_000 + b'"}'
        path = tmp_path / "x"
        path.write_bytes(LINE + long + b"\n" + LINE)
        _, trades, (item,) = read(path)
        assert trades == [GOOD, GOOD]
        assert item.data == long
        assert item.reason.startswith("line of 10,000,008 bytes; a record holds at mos")

    def test_a_longer_line_is_cut(self, tmp_path):
        path = tmp_path / "x"
        path.write_bytes(LINE + b"x" * 17_000_000 + b"\n" + LINE)
        _, trades, (item,) = read(path)
        assert trades == [GOOD, GOOD]
        assert (item.place, len(item.data)) == ("x:2", MAX_KEPT_BYTES)
        assert item.reason == (
            "17,000,000 bytes without an end; only the first 16,777,216 are kept"
        )

    def test_a_pipe_will_do(self, tmp_path):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writer = threading.Thread(
            target=path.write_bytes, args=(LINE * 5_000,), daemon=True
        )
        writer.start()
        source, trades = read_well(path)
        writer.join()
        assert trades == [GOOD] * 5_000
        assert source.size_bytes == 0

    @pytest.mark.skipif(
        not Path("/proc/self/status").exists(), reason="measures as Linux does"
    )
    @pytest.mark.parametrize("content", [b"\0", LINE], ids=["one line", "trades"])
    def test_memory_does_not_grow_with_what_is_unpacked(self, tmp_path, content):
        path = tmp_path / "x.zst"
        path.write_bytes(zstandard.compress(content * (300_000_000 // len(content))))
        script = (
            "import re, sys\n"
            "from pathlib import Path\n"
            "from penstock.drivers.files import open_file\n"
            "with open_file(sys.argv[1], format_name='penstock') as source:\n"
            "    items = sum(len(b.trades) + len(b.bad) for b in source)\n"
            "status = Path('/proc/self/status').read_text()\n"
            "print(items, re.search('VmHWM:[^0-9]*([0-9]+) kB', status)[1])\n"
        )
        said = subprocess.run(
            [sys.executable, "-c", script, path],
            capture_output=True,
            text=True,
            check=True,
        )
        items, peak_kib = map(int, said.stdout.split())
        assert items == (1 if content == b"\0" else 300_000_000 // len(content))
        assert peak_kib < 200 * 1024
