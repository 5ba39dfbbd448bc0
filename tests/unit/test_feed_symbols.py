"""Every venue's names of markets, to BASE-QUOTE and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import SourceError
from penstock.feeds.base import BadFrameError
from penstock.feeds.symbols import (
    from_binance,
    from_coinbase,
    from_kraken,
    native_names,
    to_binance,
    to_coinbase,
    to_kraken,
    to_kraken_v1,
)

symbols = st.builds(
    "{}-{}".format,
    st.text("ABDSTUX019", min_size=2, max_size=6),
    st.sampled_from(["USDT", "USDC", "EUR", "BTC", "FDUSD"]),
)


@pytest.mark.parametrize(
    ("pair", "symbol"),
    [
        ("XBT/USD", "BTC-USD"),
        ("BTC/USD", "BTC-USD"),
        ("XDG/XBT", "DOGE-BTC"),
        ("DOGE/USD", "DOGE-USD"),
        ("ALGO/XBT", "ALGO-BTC"),
        ("1INCH/EUR", "1INCH-EUR"),
        ("xbt/usd", "BTC-USD"),
    ],
)
def test_kraken_pairs_are_named_as_everywhere_else(pair, symbol):
    assert from_kraken(pair) == symbol


@pytest.mark.parametrize(
    ("symbol", "v2", "v1"),
    [
        ("BTC-USD", "BTC/USD", "XBT/USD"),
        ("DOGE-BTC", "DOGE/BTC", "XDG/XBT"),
        ("ETH-EUR", "ETH/EUR", "ETH/EUR"),
    ],
)
def test_kraken_versions_differ_in_two_assets(symbol, v2, v1):
    assert (to_kraken(symbol), to_kraken_v1(symbol)) == (v2, v1)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT", "BTC-USDT"),
        ("btcusdt", "BTC-USDT"),
        ("BTCFDUSD", "BTC-FDUSD"),
        ("ETHBTC", "ETH-BTC"),
        ("WBTCBTC", "WBTC-BTC"),
        ("BNBBUSD", "BNB-BUSD"),
        ("TUSDT", "T-USDT"),
        ("TUSDBUSD", "TUSD-BUSD"),
        ("BTTTUSD", "BTT-TUSD"),
        ("ADAEUR", "ADA-EUR"),
        ("EURUSDT", "EUR-USDT"),
        ("USDTTRY", "USDT-TRY"),
        ("1000SATSFDUSD", "1000SATS-FDUSD"),
    ],
)
def test_binance_names_are_split_before_the_longest_quote(name, symbol):
    assert from_binance(name) == symbol


@pytest.mark.parametrize("name", ["FOOBAR", "USDT", "", "BTCUSDT_240628", "币USDT"])
def test_what_cannot_be_split_is_refused_by_name(name):
    with pytest.raises(BadFrameError, match=f"{name!r}"):
        from_binance(name)


@pytest.mark.parametrize("name", ["BIT-28JUN24-CDE", "btc-usd", "BTCUSD", ""])
def test_a_coinbase_product_that_is_no_spot_market_is_refused(name):
    with pytest.raises(BadFrameError, match=f"BASE-QUOTE; found {name!r}"):
        from_coinbase(name)


@pytest.mark.parametrize("name", ["XBTUSD", "A/B/C", "/USD", ""])
def test_what_is_no_kraken_pair_is_refused(name):
    with pytest.raises(BadFrameError, match=f"BASE-QUOTE; found {name!r}"):
        from_kraken(name)


@settings(max_examples=50)
@given(symbol=symbols)
def test_every_venue_gives_a_symbol_back(symbol):
    assert from_coinbase(to_coinbase(symbol)) == symbol
    assert from_binance(to_binance(symbol)) == symbol
    if not symbol.startswith("XBT-"):
        assert from_kraken(to_kraken(symbol)) == symbol
        assert from_kraken(to_kraken_v1(symbol)) == symbol


def test_names_map_back_in_the_order_asked_for_and_once():
    names = native_names(["ETH-USD", "BTC-USD", "ETH-USD"], to_kraken_v1)
    assert list(names.items()) == [("ETH/USD", "ETH-USD"), ("XBT/USD", "BTC-USD")]


def test_a_symbol_of_another_form_is_a_mistake_of_the_operator():
    with pytest.raises(SourceError, match="such as BTC-USD; found 'XBT/USD'"):
        native_names(["XBT/USD"], to_kraken)
