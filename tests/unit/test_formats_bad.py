"""What is wrong with a file: never fatal to the rest of it, always said."""

import gzip
import io
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codec import encode_trade
from penstock.drivers.files import open_file
from penstock.drivers.files.arrays import elements
from penstock.drivers.files.fields import time_us
from penstock.drivers.files.lines import whole_lines
from penstock.drivers.files.raw import Part
from penstock.errors import BadRecordError, SourceError
from penstock.model import MAX_TIME_US, Trade

GOOD = Trade(
    venue="v",
    symbol="BTC-USD",
    price=1.5,
    size=2.0,
    event_us=1_723_161_255_342_000,
    received_us=1_723_161_255_342_000,
)
LINE = encode_trade(GOOD)


@pytest.fixture
def file(tmp_path):
    def write(content, name="trades"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path, **options):
    with open_file(path, **options) as source:
        batches = list(source)
    trades = [trade for batch in batches for trade in batch.trades]
    return trades, [item for batch in batches for item in batch.bad]


def part_of(data, chunk_bytes):
    return Part("x", Path("x"), io.BytesIO(data).read, chunk_bytes=chunk_bytes)


class TestLines:
    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (LINE[:-9], "truncated"),
            (LINE.replace(b"BTC", b"\xff\xfe"), "UTF-8|utf-8"),
            (LINE.replace(b"1.5", b"NaN"), "not a trade"),
            (LINE.replace(b"1.5", b"Infinity"), "not a trade"),
            (LINE.replace(b"1.5", b"1e999"), "not a trade"),
            (LINE.replace(b"1.5", b'"inf"'), "not a trade"),
            (LINE.replace(b"1.5", b"-1.5"), "> 0"),
            (LINE.replace(b"1.5", b"0"), "> 0"),
            (LINE.replace(b"2.0", b"-2.0"), ">= 0"),
            (LINE.replace(b"BTC-USD", b"btcusd"), "BASE-QUOTE in upper case"),
            (LINE.replace(b"1.5", b"1.5\n"), "truncated"),
            (LINE[:-1] + LINE, "trailing"),
            (b'{"x":' + b"[" * 100_000, "recursion"),
            (b"\x00\x01\x02", "not a trade"),
        ],
        ids=range(14),
    )
    def test_a_bad_line_costs_only_itself(self, file, bad, reason):
        path = file(LINE + bad.rstrip(b"\n") + b"\n" + LINE)
        trades, items = read(path, format_name="penstock")
        assert trades == [GOOD, GOOD]
        assert items[0].place == "trades:2"
        assert b"\n".join(item.data for item in items) == bad.rstrip(b"\n")
        assert re.search(reason, items[0].reason)

    @settings(max_examples=15)
    @given(
        lines=st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b""))),
        chunk_bytes=st.integers(1, 12),
    )
    def test_lines_are_the_same_however_they_are_dealt_out(self, lines, chunk_bytes):
        data = b"\n".join(lines)
        number, whole = 1, b""
        for run in whole_lines(part_of(data, chunk_bytes)):
            assert run.first == number
            assert run.fault == ""
            number += run.data.count(b"\n")
            whole += run.data
        assert whole == data.removeprefix(b"\xef\xbb\xbf")


class TestTables:
    TOP = "price,size,time,symbol\n"
    ROW = "1.5,2,1723161255342,BTC-USD\n"

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            ("1.5,2,1723161255342", "expected 4 columns; found 3"),
            ("1.5,2,1723161255342,BTC-USD,", "expected 4 columns; found 5"),
            ("nan,2,1723161255342,BTC-USD", "a price must be above 0 and finite"),
            ("inf,2,1723161255342,BTC-USD", "a price must be above 0 and finite"),
            ("1e999,2,1723161255342,BTC-USD", "a price must be above 0 and finite"),
            ("-1,2,1723161255342,BTC-USD", "a price must be above 0"),
            ("0,2,1723161255342,BTC-USD", "a price must be above 0"),
            ("0.0000000000000000,2,1723161255342,BTC-USD", "a price must be above 0"),
            ("x,2,1723161255342,BTC-USD", "a price must be a number; found 'x'"),
            (f"{'x' * 99},2,1723161255342,BTC-USD", "a price must be a number; found"),
            ("1.5,-2,1723161255342,BTC-USD", "a size must be 0 or above"),
            ("1.5,,1723161255342,BTC-USD", "a size must be a number; found ''"),
            ("1.5,2,20240808,BTC-USD", "a time is seconds, ms, us or ns since 1970"),
            ("1.5,2,-1,BTC-USD", "a time is seconds"),
            ("1.5,2,1723161255.-5,BTC-USD", "a time is seconds"),
            ("1.5,2,99999999999999999999999,BTC-USD", "a time is seconds"),
            ("1.5,2,1969-01-01,BTC-USD", "a time is seconds"),
            ("1.5,2,2300-01-01,BTC-USD", "a time is seconds"),
            ("1e19,2,1723161255342,BTC-USD", "a price must be at most 1e18"),
            ("1.5,1e19,1723161255342,BTC-USD", "a size must be at most 1e18"),
            (f"1.5,2,1723161255342,{'A' * 60}-{'B' * 60}", "not a trade"),
            ("1.5,2,1723161255342,BTCXXX", "cannot tell where the base of 'BTCXXX'"),
            ("1.5,2,1723161255342,", "cannot tell where the base of '' ends"),
            (b"1.5,2,1723161255342,BTC-USD\xff", "not UTF-8 at its character 28"),
            ('"1.5,2,1723161255342,BTC-USD', "expected 4 columns; found 1"),
        ],
    )
    def test_a_bad_row_costs_only_itself(self, file, row, reason):
        row = row if isinstance(row, bytes) else row.encode()
        good = (self.TOP + self.ROW).encode()
        trades, (item,) = read(file(good + row + b"\n\n" + self.ROW.encode()))
        assert [trade.price for trade in trades] == [1.5, 1.5]
        assert (item.place, item.data) == ("trades:3", row)
        assert item.reason.startswith(reason)

    @pytest.mark.parametrize(
        ("cells", "reason"),
        [
            ("x,1674200,210,Q,2000,0", "a time is milliseconds since midnight"),
            ("nan,1674200,210,Q,2000,0", "a time is milliseconds since midnight"),
            ("86400000,1674200,210,Q,2000,0", "a time is below 86,400,000 ms"),
            ("1,167.42,210,Q,2000,0", "a price is a whole number of 1/10,000 dollar"),
            ("1,0,210,Q,2000,0", "a price must be above 0"),
            ("1,2,210,Q,2000", "expected 6 columns; found 5"),
        ],
    )
    def test_lean(self, file, cells, reason):
        path = file(f"1,2,3,Q,0,0\n{cells}\n", "20131008_spy_tick.csv")
        trades, (item,) = read(path, format_name="lean")
        assert len(trades) == 1
        assert item.reason.startswith(reason)


class TestArrays:
    GOOD = '[1723161255342,"8",null,"sell",1.0,2,2.0]'

    def read(self, file, content):
        return read(file(content), format_name="freqtrade", symbol="BTC-USD")

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            ('[1723161255342,"8",null,"sell",NaN,2,2]', "malformed"),
            ('[1723161255342,"8",null,"sell",-1,2,2]', "a price must be above 0"),
            ('[1723161255342,"8",null,"maker",1,2,2]', "a side is buy or sell"),
            ('[1723161255342,"8"]', "length 6"),
            ('[1723161255342,"8",null,"sell",1.0', "truncated"),
            ('[1723161255342,"8,null,"sell",1.0,2,2]', "malformed"),
            ('"[],["', "Expected `array`"),
            ("null", "Expected `array`"),
        ],
    )
    def test_a_bad_element_costs_only_itself(self, file, bad, reason):
        last = self.GOOD.replace("8", "10")
        trades, (item,) = self.read(file, f"[{self.GOOD},{bad},{self.GOOD},{last}]")
        assert [trade.trade_id for trade in trades] == ["8", "8", "10"]
        assert item.place == "trades[1]"
        assert item.data.rstrip(b",") == bad.encode()
        assert reason in item.reason

    def test_a_cut_off_array_gives_all_that_is_whole(self, file):
        trades, (item,) = self.read(file, f"[{self.GOOD},{self.GOOD[:-5]}")
        assert len(trades) == 1
        assert item.data == self.GOOD[:-5].encode()
        assert item.reason == "the file ends before the array does"

    def test_nothing_may_follow(self, file):
        trades, (item,) = self.read(file, f"[{self.GOOD}] x")
        assert len(trades) == 1
        assert (item.data, item.reason) == (b" x", "this follows the array's end")

    def test_a_lost_end_is_found_again_far_away(self, file):
        good = '{"id":8,"timestamp":1723161255342,"price":1,"symbol":"A/B"}'
        lost = '{"id":"' + "x" * 500_000 + "}"
        trades, (item,) = read(
            file(f"[{good},{lost},{good.replace('8', '9')}]"), format_name="ccxt"
        )
        assert [trade.trade_id for trade in trades] == ["8", "9"]
        assert item.data == lost.encode()
        assert item.reason == "malformed JSON"

    @settings(max_examples=15)
    @given(
        values=st.lists(
            st.recursive(
                st.none() | st.integers() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=3), inner, max_size=3)
                ),
                max_leaves=8,
            ).map(lambda value: [value])
        ),
        chunk_bytes=st.integers(1, 40),
        ascii_only=st.booleans(),
        indent=st.sampled_from([None, 1]),
    )
    def test_elements_are_the_same_however_they_are_dealt_out(
        self, values, chunk_bytes, ascii_only, indent
    ):
        data = json.dumps(values, ensure_ascii=ascii_only, indent=indent).encode()
        found = [e for run in elements(part_of(data, chunk_bytes)) for e in run]
        assert [json.loads(element.data) for element in found] == values
        assert [element.number for element in found] == list(range(len(values)))
        assert {element.fault for element in found} <= {""}


class TestCaptures:
    FRAME = (
        b'{"e":"trade","E":1,"s":"BTCUSDT","t":12,"p":"1","q":"2","T":1723161255342,'
        b'"m":true}'
    )

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"garbage", "expected a frame's time"),
            (b"1723161254 {}", "expected a frame's time"),
            (b"1723161254087896999 " + FRAME[:-9], "truncated"),
            (b"1723161254087896999 " + FRAME.replace(b'"1"', b'"-1"'), "price must be"),
            (b'{"t":"recv","ts":"x","data":""}', "seconds since 1970"),
            (b'{"t":"recv"', "truncated"),
            (b"1723161254087896999 \xff", "malformed"),
        ],
    )
    def test_a_bad_frame_costs_only_itself(self, file, line, reason):
        good = b"1723161254087896999 " + self.FRAME + b"\n"
        trades, (item,) = read(file(good + line + b"\n" + good), format_name="binance")
        assert [trade.trade_id for trade in trades] == ["12", "12"]
        assert (item.place, item.data) == ("trades:2", line)
        assert reason in item.reason


class TestIds:
    """`seq` is the venue's id only where that numbers the trades."""

    TOP = "price,time,symbol,id\n"

    def rows(self, *ids):
        return self.TOP + "".join(f"1,1723161255342,BTC-USD,{i}\n" for i in ids)

    @pytest.mark.parametrize(
        ("ids", "seqs", "contiguous"),
        [
            ((1, 2, 3), [1, 2, 3], True),
            ((1, 2, 3, 5), [1, 2, 3, 5], True),
            ((1, 9, 70, 400), [1, 9, 70, 400], False),
            ((3, 2, 1), [0, 0, 0], False),
            ((1, 1, 2), [0, 0, 0], False),
            ((1, "x", 2), [0, 0, 0], False),
            ((2**63, 2**63 + 1), [0, 0], False),
            ((5,), [5], False),
        ],
    )
    def test_the_first_ids_decide(self, file, ids, seqs, contiguous):
        with open_file(file(self.rows(*ids))) as source:
            (batch,) = source
        assert [trade.seq for trade in batch.trades] == seqs
        assert [trade.trade_id for trade in batch.trades] == list(map(str, ids))
        assert source.contiguous is contiguous

    def test_an_id_too_long_for_the_wire(self, file):
        _, (item,) = read(file(self.rows("x" * 129)))
        assert item.reason.startswith("an id has at most 128 characters; found 'xxx")

    def test_a_later_trade_without_a_number_is_left_out(self, file):
        trades, (item,) = read(file(self.rows(*range(1, 9000), "x", 9001)))
        assert [trades[-2].seq, trades[-1].seq] == [8999, 9001]
        assert item.place == "trades: id x"
        assert item.reason == "its id is no number, whereas those before it are"


class TestWholeFiles:
    def test_an_empty_file_has_no_trades_and_a_warning(self, file):
        for content in (b"", b"\n\n", gzip.compress(b"")):
            with open_file(file(content)) as source:
                (batch,) = source
            assert batch.trades == []
            assert source.warnings == (f"{source.path} is empty",)

    def test_newest_first_is_warned_of(self, file):
        rows = "price,time,symbol\n1,1723161255,A-B\n1,1723161254,A-B\n"
        with open_file(file(rows)) as source:
            assert "later trades come first; sort them by time" in source.warnings[0]

    def test_what_cannot_be_opened_says_why(self, tmp_path):
        with pytest.raises(SourceError, match="nowhere: there is no such file"):
            open_file(tmp_path / "nowhere")
        with pytest.raises(SourceError, match=r"a directory; name the files in it.*gz"):
            open_file(tmp_path)

    def test_a_file_without_permission(self, file):
        path = file(LINE)
        path.chmod(0)
        is_root = os.geteuid() == 0  # who may read everything: be another meanwhile
        try:
            if is_root:
                os.seteuid(65_534)
            with pytest.raises(SourceError, match="no permission to read it"):
                open_file(path)
        finally:
            if is_root:
                os.seteuid(0)

    @pytest.mark.parametrize("packer", [gzip.compress, zstandard.compress])
    def test_a_cut_off_file_gives_all_that_is_whole(self, file, packer):
        lines = b"".join(
            LINE.replace(b"1.5", f"{n}.5".encode()) for n in range(1, 40_000)
        )
        packed = packer(lines)
        trades, bad = read(file(packed[: len(packed) // 2]))
        assert len(trades) > 10_000
        assert [trade.price for trade in trades] == [
            n + 0.5 for n in range(1, len(trades) + 1)
        ]
        assert bad[-1].place == "trades"
        assert bad[-1].reason.startswith("trades ends early or is damaged: ")
        assert [item.reason for item in bad[:-1]] in (
            [],
            ["cut off where the file ends early"],
        )

    def test_a_number_that_may_be_cut_off_is_not_believed(self, file):
        rows = b"price,time,symbol,size\n" + 2 * b"1,1723161255,A-B,2.5\n"
        packed = gzip.compress(rows[:-2], mtime=0)[:-8]  # all but the check sum
        trades, bad = read(file(packed))
        assert len(trades) == 1
        assert bad[0].data == b"1,1723161255,A-B,2."
        assert bad[0].reason == "cut off where the file ends early"

    @pytest.mark.parametrize("packer", [gzip.compress, zstandard.compress])
    def test_packed_files_may_be_appended_to_one_another(self, file, packer):
        trades, bad = read(file(packer(LINE) + packer(LINE + LINE)))
        assert (trades, bad) == ([GOOD, GOOD, GOOD], [])

    def test_what_follows_a_packed_file_is_said_to_be_damage(self, file):
        trades, (item,) = read(file(gzip.compress(LINE) + b"more"))
        assert trades == [GOOD]
        assert "ends early or is damaged: Not a gzipped file" in item.reason

    def test_every_member_of_a_zip_archive_is_read(self, tmp_path):
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w") as packed:
            packed.mkdir("folder")
            packed.writestr("folder/a", LINE)
            packed.writestr("folder/b", b"x\n" + LINE)
        trades, (item,) = read(path)
        assert trades == [GOOD, GOOD]
        assert item.place == "x.zip!folder/b:1"

    def test_a_damaged_zip_archive(self, tmp_path, file):
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a", LINE * 9)
        with pytest.raises(
            SourceError, match=r"a damaged zip archive .* fetch it again"
        ):
            open_file(file(path.read_bytes()[:60]))
        with zipfile.ZipFile(path, "w"):
            pass
        with pytest.raises(SourceError, match="a zip archive without files"):
            open_file(path)

    def test_progress_ends_at_the_files_size(self, file):
        lines = LINE * 5000
        for content in (lines, gzip.compress(lines), zstandard.compress(lines)):
            with open_file(file(content)) as source:
                consumed = [batch.consumed_bytes for batch in source]
            assert consumed == sorted(consumed)
            assert consumed[-1] == source.size_bytes == len(content)


@given(us=st.integers(10**14, MAX_TIME_US))
@settings(max_examples=15)
def test_times_are_exact_to_the_microsecond(us):
    seconds, rest = divmod(us, 1_000_000)
    assert time_us(str(us)) == us
    assert time_us(f"{seconds}.{rest:06}") == us
    assert time_us(f"{seconds}.{rest:06}999") == us
    assert time_us(f"{us}999") == us
    assert time_us(f"{us // 1000}.{us % 1000:03}") == us
    assert time_us(f"{us // 1000}") == us // 1000 * 1000


@pytest.mark.parametrize("text", ["", "x", "12", "1e9", "1723161255.5Z", "23:54:15"])
def test_what_is_no_time(text):
    with pytest.raises(BadRecordError, match="a time is seconds, ms, us or ns since"):
        time_us(text)
