"""Each file format, by a few literal lines of it."""

import json
import zipfile

import pytest

from penstock.codec import decode_trade, encode_trade
from penstock.drivers.files import FORMATS, open_file
from penstock.errors import SourceError
from penstock.model import Trade


@pytest.fixture
def file(tmp_path):
    def write(content, name="trades"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def archive(path, members):
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


def read(path, **options):
    with open_file(path, **options) as source:
        batches = list(source)
    trades = [trade for batch in batches for trade in batch.trades]
    assert [item for batch in batches for item in batch.bad] == []
    assert [decode_trade(encode_trade(trade)) for trade in trades] == trades
    return source, trades


def trade(**fields):
    given = {"venue": "v", "symbol": "BTC-USD", "price": 1.0, "size": 2.0}
    event_us = fields.get("event_us", 1_723_161_255_342_000)
    return Trade(**given | {"event_us": event_us, "received_us": event_us} | fields)


class TestPenstock:
    def test_comes_back_as_it_was_written(self, file):
        written = [
            trade(side="buy", trade_id="7", seq=7, gap=2, backfilled=True),
            trade(venue="kraken", symbol="ETH-EUR", received_us=1),
        ]
        source, trades = read(file(b"".join(map(encode_trade, written))))
        assert trades == written
        assert source.format_name == "penstock"
        assert source.contiguous is False

    def test_takes_numbers_in_quotes_unknown_fields_and_no_last_newline(self, file):
        line = (
            '{"venue":"v","symbol":"BTC-USD","price":"1","size":"2","new":[1],'
            '"event_us":1723161255342000,"received_us":1723161255342000}'
        )
        assert read(file(f"\n{line}\n\r\n{line}"))[1] == [trade(), trade()]

    def test_names_its_tickers_itself(self, file):
        with pytest.raises(SourceError, match="says the symbol itself: leave out --sy"):
            open_file(file(""), format_name="penstock", symbol="BTC-USD")


class TestCsv:
    @pytest.mark.parametrize(
        "header",
        [
            "time,symbol,price,size,side,id",
            "Timestamp;Pair;Price;Qty;Taker Side;Trade ID",
            "ts\tproduct_id\tpx\tamount\tside\ttid",
            "datetime|market|last_price|Quantity|SIDE|trade-id",
            "date,symbol, price,volume,side,id",
        ],
    )
    def test_columns_are_found_by_what_they_are_called(self, file, header):
        divider = next(d for d in ",;\t|" if d in header)
        row = divider.join(["1723161255.342", "btc/usd", "1", "2", "Sell", "41"])
        source, trades = read(file(f"{header}\n{row}\n{row[:-1]}2\n"))
        assert source.format_name == "csv"
        one = trade(venue="file", side="sell", trade_id="41", seq=41)
        assert trades[0] == one
        assert (trades[1].trade_id, trades[1].seq) == ("42", 42)
        assert source.contiguous is True

    def test_columns_may_be_named(self, file):
        path = file("when,last,paid,price\n1723161255342,1,2,9\n")
        columns = {"time": "when", "price": "last", "size": "paid"}
        trades = read(path, format_name="csv", symbol="BTC-USD", columns=columns)[1]
        assert trades == [trade(venue="file")]

    def test_columns_may_be_numbered_where_there_is_no_header(self, file):
        # As Binance's own archives are: id, price, quantity, notional, time, maker.
        path = file("9,1,2,2,1723161255342,True,True\n")
        columns = {"id": "1", "price": "2", "size": "3", "time": "5", "side": "6"}
        trades = read(path, format_name="csv", symbol="BTC-USD", columns=columns)[1]
        assert trades == [trade(venue="file", side="sell", trade_id="9", seq=9)]

    def test_venue_and_received_time_may_have_columns(self, file):
        path = file("price,ts,received_us,venue,symbol\n1,1723161255342,5,V,BTC-USD\n")
        with open_file(path) as source:
            (batch,) = source
        assert batch.bad[0].reason.startswith("a time is seconds, ms, us or ns")
        path = file("price,ts,received_us,venue,symbol\n1,1723161255342,,V,BTC-USD\n")
        assert read(path)[1] == [trade(size=0.0)]

    def test_options_win_over_columns(self, file):
        path = file("price,size,ts,venue,symbol\n1,2,1723161255342,x,A-B\n")
        assert read(path, symbol="BTC-USD", venue="v")[1] == [trade()]

    def test_cells_may_be_quoted_and_lines_end_as_on_windows(self, file):
        path = file(
            '\ufeff"price","size","time","symbol"\r\n'
            '"1","2","2024-08-08 23:54:15.342","BTC-USD"\r\n'
        )
        assert read(path)[1] == [trade(venue="file")]

    def test_identical_rows_without_ids_are_kept(self, file):
        path = file("price,size,time\n" + 3 * "1,2,1723161255342\n")
        source, trades = read(path, symbol="BTC-USD")
        assert trades == 3 * [trade(venue="file")]
        assert source.contiguous is False

    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            (
                "a,b\n1,2\n",
                {},
                "no column for the price among a, b; pass --columns pri",
            ),
            ("price,x\n1,2\n", {}, "no column for the time among price, x; pass --col"),
            ("price,time\n1,2\n", {}, "no column names the symbol; pass --symbol"),
            ("1,2,3\n", {}, "no header in its first line, which is '1,2,3'; say which"),
            (
                "price,time\n",
                {"columns": {"size": "pric"}},
                "no column 'pric', which --columns says holds the size. Did you mean '",
            ),
            (
                "price,time\n",
                {"columns": {"prize": "price"}},
                "unknown field 'prize'. Did you mean 'price'",
            ),
        ],
    )
    def test_what_is_missing_is_named(self, file, content, options, message):
        with pytest.raises(SourceError, match=message):
            open_file(file(content), format_name="csv", **options)


class TestTardis:
    HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"

    def test_says_all_there_is_to_say(self, file):
        path = file(
            self.HEADER
            + "binance-futures,BTCUSDT,1582329602111000,1582329602418379,7,buy,"
            "9682,0.132\n"
        )
        source, trades = read(path)
        assert source.format_name == "tardis"
        assert trades == [
            Trade(
                venue="binance-usdm",
                symbol="BTC-USDT",
                price=9682.0,
                size=0.132,
                side="buy",
                event_us=1_582_329_602_111_000,
                received_us=1_582_329_602_418_379,
                trade_id="7",
                seq=7,
            )
        ]

    @pytest.mark.parametrize(
        ("names", "ticker"),
        [
            ("binance,ethbtc", "binance:ETH-BTC"),
            ("binance-delivery,BTCUSD_PERP", "binance-coinm:BTCUSD-PERP"),
            ("coinbase,BTC-USD", "coinbase:BTC-USD"),
            ("kraken,XBT/USD", "kraken:BTC-USD"),
        ],
    )
    def test_venues_and_symbols_become_ours(self, file, names, ticker):
        row = f"{names},1582329602111000,1582329602418379,,unknown,1,2\n"
        ((only),) = read(file(self.HEADER + row))[1]
        assert only.ticker == ticker
        assert (only.side, only.trade_id, only.seq) == (None, None, 0)


def test_bitcoincharts(file):
    path = file("1315922016,5.800000000000,1.000000000000\n")
    source, trades = read(path, symbol="BTC-USD")
    assert source.format_name == "bitcoincharts"
    assert trades == [
        trade(
            venue="bitcoincharts", price=5.8, size=1.0, event_us=1_315_922_016_000_000
        )
    ]
    with pytest.raises(SourceError, match=r"does not say the symbol: pass --symbol"):
        open_file(path)
    with pytest.raises(SourceError, match=r"--venue or --symbol: .* found .*'btcusd'"):
        open_file(path, symbol="btcusd")


class TestCcxt:
    OBJECT = (
        '{"info":{"a":[{"b":"]}"}]},"id":"12","timestamp":1723161255342,'
        '"datetime":"2024-08-08T23:54:15.342Z","symbol":"BTC/USD","order":null,'
        '"type":null,"side":"sell","takerOrMaker":null,"price":1,"amount":2.0,'
        '"cost":2,"fee":null,"fees":[]}'
    )
    EXPECTED = trade(venue="ccxt", side="sell", trade_id="12", seq=12)

    @pytest.mark.parametrize("content", ["[{0}]", " [\n {0} ]\n", "{0}\n", "{0}"])
    def test_an_array_or_one_a_line(self, file, content):
        source, trades = read(file(content.replace("{0}", self.OBJECT)))
        assert source.format_name == "ccxt"
        assert trades == [self.EXPECTED]

    def test_only_a_price_and_a_time_are_needed(self, file):
        path = file('[{"price":"1","datetime":"2024-08-08T23:54:15.342Z"}]')
        trades = read(path, venue="v", symbol="BTC-USD")[1]
        assert trades == [trade(size=0.0)]

    def test_ids_that_are_no_numbers_are_no_seq(self, file):
        first = self.OBJECT.replace('"12"', '"T-7"')
        source, trades = read(file(f"[{first},{self.OBJECT}]"))
        assert [(t.trade_id, t.seq) for t in trades] == [("T-7", 0), ("12", 0)]
        assert source.contiguous is False

    def test_a_contract_needs_names(self, file):
        contract = self.OBJECT.replace("BTC/USD", "BTC/USDT:USDT")
        with open_file(file(contract)) as source:
            (batch,) = source
        assert "'BTC/USDT:USDT' is a contract; pass --symbol" in batch.bad[0].reason


def test_freqtrade(file):
    path = file(
        '[[1723161255342,"8",null,"sell",1.0,2,2.0],\n'
        ' [1723161255342,"9",null,"buy",1,2,2]]'
    )
    source, trades = read(path, symbol="BTC-USD", venue="v")
    assert source.format_name == "freqtrade"
    assert trades == [
        trade(side="sell", trade_id="8", seq=8),
        trade(side="buy", trade_id="9", seq=9),
    ]
    assert source.contiguous is True


class TestLean:
    def test_ticks_are_in_new_yorks_time_and_ten_thousandths(self, tmp_path):
        path = archive(
            tmp_path / "20131008_trade.zip",
            {"20131008_spy_Trade_Tick.csv": "14417034,1674200,210,Q,2000,0\n"},
        )
        source, trades = read(path)
        assert source.format_name == "lean"
        assert trades == [
            trade(
                venue="lean",
                symbol="SPY-USD",
                price=167.42,
                size=210.0,
                event_us=1_381_219_217_034_000,  # 04:00:17.034-04:00
            )
        ]

    def test_each_hour_has_the_offset_of_its_day(self, tmp_path):
        # Summer time ended at 2 a.m. on 3 November 2013, New York.
        rows = "3600000,1,1,Q,0,0\n10800000.5,1,1,Q,0,0\n"
        path = archive(tmp_path / "20131103_trade.zip", {"x.csv": rows})
        trades = read(path, symbol="SPY-USD", venue="v")[1]
        assert [t.event_us for t in trades] == [
            1_383_454_800_000_000,  # 05:00Z
            1_383_465_600_000_500,  # 08:00Z
        ]

    def test_the_date_may_be_in_the_files_name(self, file):
        path = file("14417034,1674200,210,Q,2000,0\n", "spy-2013-10-08.csv")
        assert read(path, symbol="SPY-USD")[1][0].event_us == 1_381_219_217_034_000

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (
                "spy.csv",
                "no date is in the name; rename the file to YYYYMMDD_trade.zip",
            ),
            ("20131308_spy_x.csv", "no date is in the name"),
            ("20131008.csv", "no symbol is in the name.* pass --symbol"),
        ],
    )
    def test_what_no_name_says_is_asked_for(self, file, name, message):
        with pytest.raises(SourceError, match=message):
            open_file(file("14417034,1674200,210,Q,2000,0\n", name))

    def test_a_bar_is_a_trade_at_its_close_in_its_last_microsecond(self, tmp_path):
        path = archive(
            tmp_path / "20161007_trade.zip",
            {"20161007_btcusd_second_trade.csv": "4000,611.78,612,611,611.87,0.6\n"},
        )
        source, trades = read(path)
        assert source.format_name == "lean-bars"
        assert trades == [
            trade(venue="lean", price=611.87, size=0.6, event_us=1_475_798_404_999_999)
        ]


class TestCaptures:
    FRAME = (
        '{"e":"trade","E":1723161255343,"s":"BTCUSD1","t":12,"p":"1.00","q":"2.00",'
        '"T":1723161255342,"m":true,"M":true}'
    )
    EXPECTED = trade(
        venue="binance",
        symbol="BTC-USD1",
        side="sell",
        received_us=1_723_161_254_087_896,
        trade_id="12",
        seq=12,
    )

    @pytest.mark.parametrize(
        "lines",
        [
            "1723161254087896999 {0}\n",
            "1723161254.087896: {0}\n",
            "1723161254.0878969: {0}\n",
            "configuration: {}\nwss://x <-> 1723161254.1\n"
            'wss://x <- 1723161254.1: {"id":1}\n1723161254.087896: {0}\n',
            '{"t":"header","format":2}\n{"t":"connect","ts":1.5}\n'
            '{"t":"send","ts":1.5,"data":"x"}\n'
            '{"t":"recv","ts":1723161254.087896,"data":{1}}\n',
        ],
    )
    def test_every_recorders_lines(self, file, lines):
        content = lines.replace("{0}", self.FRAME)
        source, trades = read(file(content.replace("{1}", json.dumps(self.FRAME))))
        assert source.format_name == "binance"
        assert trades == [self.EXPECTED]
        assert source.contiguous is True

    def test_a_symbol_may_be_given_where_the_venue_runs_it_together(self, file):
        frame = self.FRAME.replace("BTCUSD1", "NEWCOIN")
        path = file(f"1723161254087896999 {frame}\n")
        (only,) = read(path, format_name="binance", symbol="NEW-COIN")[1]
        assert only.symbol == "NEW-COIN"

    def test_a_new_connection_starts_the_venues_count_again(self, file):
        def message(number):
            frame = f'{{"channel":"heartbeats","timestamp":"","sequence_num":{number}}}'
            return f"1723161254.087896: {frame}\n"

        connect = "wss://advanced-trade-ws.coinbase.com <-> 1723161254.1\n"
        path = file(message(0) + message(2) + connect + message(9))
        source, trades = read(path)
        assert source.format_name == "coinbase-advanced"
        assert trades == []
        assert source.notes.missed == 1


def test_every_format_says_what_it_is():
    assert {
        *("penstock", "csv", "parquet", "tardis", "bitcoincharts", "ccxt", "freqtrade"),
        *("lean", "binance", "coinbase", "coinbase-advanced", "kraken"),
    } <= FORMATS.keys()
    assert all(known.summary for known in FORMATS.values())
