"""What the recordings' own description says of them holds through the feeds."""

import gzip
import io
import re
from collections import Counter

import msgspec
import pytest

from penstock.feeds import make_feed
from tests.recordings import RECORDINGS, needs_recordings

pytestmark = needs_recordings

CRYPTOFEED = re.compile(rb"(\d+)(?:\.(\d+))?: (.*)")


def cryptofeed(name):
    """Yield (received_us, frame); lines of another form are frames sent, connects."""
    with gzip.open(RECORDINGS / name) as lines:
        for line in lines:
            received = CRYPTOFEED.match(line)
            if received:
                seconds, fraction, frame = received.groups(default=b"")
                yield int(seconds + (fraction + b"000000")[:6]), frame


def hftbacktest(name):
    with gzip.open(RECORDINGS / name) as lines:
        for line in lines:
            received_ns, frame = line.split(b" ", 1)
            yield int(received_ns) // 1000, frame


def jsonl(name):
    zstandard = pytest.importorskip("zstandard")
    with (RECORDINGS / name).open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file))
        for line in text:
            entry = msgspec.json.decode(line)
            if entry["t"] == "recv":
                yield round(entry["ts"] * 1_000_000), entry["data"]


def replayed(feed, frames):
    return [trade for us, frame in frames for trade in feed.receive(frame, us)]


def by_symbol(trades):
    groups = {}
    for trade in trades:
        groups.setdefault(trade.symbol, []).append(trade)
    return groups


def assert_contiguous(trades):
    for group in by_symbol(trades).values():
        ids = [trade.seq for trade in group]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


@pytest.fixture(scope="module")
def exchange():
    return list(cryptofeed("coinbase-exchange-2021-04-17.frames.gz"))


@pytest.fixture(scope="module")
def advanced():
    return list(jsonl("coinbase-advanced-2026-08-09.jsonl.zst"))


class TestCoinbase:
    def test_twins_are_removed_and_107_trades_stay(self, exchange):
        feed = make_feed("coinbase")
        trades = replayed(feed, exchange)
        assert len(exchange) == 9946
        assert len(trades) == 107
        assert_contiguous(trades)
        assert (feed.notes.repeated, feed.notes.late) == (107, 0)
        assert feed.notes.ignored == {"l2update": 9719, "snapshot": 10}
        assert feed.behind() == {}

    def test_counts_per_product_are_those_recorded_and_a_last_match_each(
        self, exchange
    ):
        groups = by_symbol(replayed(make_feed("coinbase"), exchange))
        counts = {symbol: len(trades) - 1 for symbol, trades in groups.items()}
        assert len(counts) == 10
        assert counts["SKL-USD"] == 52
        assert counts["DASH-BTC"] == 15
        assert counts["SKL-BTC"] == counts["NMR-EUR"] == counts["BAND-BTC"] == 8

    @pytest.mark.parametrize("dropped", [b'"type":"ticker"', b'match"'])
    def test_either_channel_alone_gives_the_same_107(self, exchange, dropped):
        both = by_symbol(replayed(make_feed("coinbase"), exchange))
        # Without their subscription: it says what else was to come.
        one = [(0, f) for _, f in exchange if dropped not in f and b'"subscr' not in f]
        alone = by_symbol(replayed(make_feed("coinbase"), one))
        assert {s: facts(trades) for s, trades in alone.items()} == {
            s: facts(trades) for s, trades in both.items()
        }

    def test_the_side_is_the_one_that_tickers_say(self, exchange):
        sides = {}
        for _, frame in exchange:
            message = msgspec.json.decode(frame)
            if message["type"] == "ticker":
                sides[message["product_id"], message["trade_id"]] = message["side"]
        trades = replayed(make_feed("coinbase"), exchange)
        assert len(sides) == 107
        assert {(t.symbol, t.seq): t.side for t in trades} == sides

    def test_a_receiving_clock_may_be_slow(self, exchange):
        lags = [
            trade.received_us - trade.event_us
            for trade in replayed(make_feed("coinbase"), exchange)
        ]
        assert -16_000 < min(lags) < 0


def facts(trades):
    """Return what a trade is apart from when it was received."""
    return [(t.seq, t.price, t.size, t.side, t.event_us, t.trade_id) for t in trades]


class TestCoinbaseAdvanced:
    def test_snapshots_and_updates_join_to_279_trades(self, advanced):
        feed = make_feed("coinbase-advanced")
        trades = replayed(feed, advanced)
        assert len(advanced) == 1030
        assert Counter(t.symbol for t in trades) == {"BTC-USD": 147, "ETH-USD": 132}
        assert_contiguous(trades)
        assert (feed.notes.missed, feed.notes.repeated, feed.notes.late) == (0, 0, 0)

    def test_a_lost_message_is_counted(self, advanced):
        feed = make_feed("coinbase-advanced")
        replayed(feed, advanced[:100] + advanced[103:])
        assert feed.notes.missed == 3

    def test_a_second_connection_gives_nothing_again(self, advanced):
        feed = make_feed("coinbase-advanced")
        replayed(feed, advanced)
        feed.reset()
        assert replayed(feed, advanced) == []
        assert feed.notes.missed == 0

    def test_the_largest_frame_is_passed_over(self, advanced):
        largest = max((frame for _, frame in advanced), key=len)
        assert len(largest) == 5_079_379
        feed = make_feed("coinbase-advanced")
        assert feed.receive(largest, 0) == []
        assert feed.notes.ignored == {"l2_data": 1}


class TestKraken:
    @pytest.mark.parametrize("name", ["kraken", "kraken-v1"])
    def test_v1_gives_22_bitcoin_trades_without_ids(self, name):
        feed = make_feed(name)
        frames = list(cryptofeed("kraken-v1-trades-2021-04-05.frames.gz"))
        trades = replayed(feed, frames)
        bitcoin = [trade for trade in trades if trade.symbol == "BTC-USD"]
        assert len(frames) == 142
        assert len(bitcoin) == 22
        assert {trade.seq for trade in trades} == {0}
        assert {trade.trade_id for trade in trades} == {None}
        assert bitcoin == sorted(bitcoin, key=lambda trade: trade.event_us)
        assert (feed.notes.ignored, feed.notes.errors) == ({}, {})

    def test_v2_messages_are_read(self):
        folder = RECORDINGS / "kraken-v2-fixtures"
        feed = make_feed("kraken")
        trades = {
            path.name: feed.receive(path.read_bytes(), 0)
            for path in sorted(folder.iterdir())
        }
        assert {name for name, given in trades.items() if given} == {
            "kraken_ws_trade_update.json"
        }
        bought, sold = trades["kraken_ws_trade_update.json"]
        assert (bought.ticker, bought.price, bought.size, bought.side, bought.seq) == (
            *("kraken:BTC-USD", 105944.2, 0.00027625, "buy", 10218208),
        )
        assert (sold.side, sold.seq, sold.event_us) == (
            *("sell", 10218209, 1696613756123456),
        )


class TestBinance:
    def test_two_days_are_contiguous_across_midnight(self):
        feed = make_feed("binance")
        first = replayed(feed, hftbacktest("binance-spot-btcusdt-2024-08-08.frames.gz"))
        second = replayed(
            feed, hftbacktest("binance-spot-btcusdt-2024-08-09.frames.gz")
        )
        assert (len(first), len(second)) == (9757, 10147)
        assert_contiguous(first + second)
        assert {t.ticker for t in first + second} == {"binance:BTC-USDT"}
        prices = [trade.price for trade in first]
        assert (min(prices), max(prices)) == (61583.22, 61860.8)
        prices = [trade.price for trade in second]
        assert (min(prices), max(prices)) == (61556.04, 61744.37)
        assert feed.notes.rounded == 0

    def test_latency_is_negative_where_the_receiving_clock_is_slow(self):
        frames = hftbacktest("binance-spot-btcusdt-2024-08-08.frames.gz")
        trades = replayed(make_feed("binance"), frames)
        assert max(t.received_us - t.event_us for t in trades) < 0
