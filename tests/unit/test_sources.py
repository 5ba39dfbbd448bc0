"""From settings to sources: which symbols of which, at which address."""

import pytest

from penstock.config import SourceSettings
from penstock.drivers.live import ENDPOINTS
from penstock.drivers.poller import PRICES
from penstock.entrypoints.sources import open_live
from penstock.entrypoints.wanted import symbols_by_source
from penstock.errors import SourceError
from penstock.feeds import FEEDS
from penstock.feeds.names import POLLED


def wanted(kinds, symbols):
    return symbols_by_source(SourceSettings(kinds=kinds, symbols=symbols))


def test_every_name_has_an_address():
    assert set(FEEDS) == set(ENDPOINTS)
    assert set(POLLED) == set(PRICES)


def test_a_symbol_is_for_every_source_or_for_the_one_that_it_names():
    kinds = ("coinbase", "kraken-v1", "ccxt:okx")
    symbols = ("BTC-USD", "kraken-v1:ETH-EUR", "okx:A-B", "ccxt:okx:C-D")
    assert wanted(kinds, symbols) == {
        "coinbase": ["BTC-USD"],
        "kraken-v1": ["BTC-USD", "ETH-EUR"],
        "ccxt:okx": ["BTC-USD", "A-B", "C-D"],
    }


def test_a_name_that_is_a_sources_and_a_venues_is_the_sources():
    kinds = ("coinbase", "coinbase-ticker")
    symbols = ("coinbase:A-B", "coinbase-ticker:C-D")
    assert wanted(kinds, symbols) == {"coinbase": ["A-B"], "coinbase-ticker": ["C-D"]}
    assert wanted(kinds[1:], symbols[:1]) == {"coinbase-ticker": ["A-B"]}


def test_a_symbol_that_is_wanted_twice_is_asked_for_once():
    assert wanted(("kraken",), ("A-B", "kraken:A-B")) == {"kraken": ["A-B"]}


@pytest.mark.parametrize(
    ("kinds", "symbols", "message"),
    [
        (("kraken",), (), "source 'kraken' needs a symbol: pass --symbol"),
        (("kraken", "coinbase"), ("kraken:A-B",), "source 'coinbase' needs a symbol"),
        (("kraken",), ("A-B", "okx:A-B"), "'okx:A-B' is for none of the sources: kr"),
    ],
)
def test_sources_without_a_symbol_and_symbols_without_a_source_are_refused(
    kinds, symbols, message
):
    with pytest.raises(SourceError, match=message):
        wanted(kinds, symbols)


@pytest.mark.parametrize(
    ("kinds", "symbols"),
    [
        (("coinbase", "coinbase-ticker"), ("BTC-USD",)),
        (("coinbase-advanced", "coinbase-ticker"), ("coinbase:A-B",)),
    ],
)
def test_sources_that_number_one_market_differently_do_not_go_side_by_side(
    kinds, symbols
):
    with pytest.raises(SourceError, match=rf"{kinds[0]}.+coinbase:(A-B|BTC-USD)"):
        wanted(kinds, symbols)


@pytest.mark.parametrize(
    "kinds",
    [
        ("coinbase", "coinbase-advanced"),  # the same ids
        ("coinbase", "coinbase-spot"),  # another venue, and so another ticker
        ("kraken", "kraken-v1"),
    ],
)
def test_sources_of_one_market_may_go_side_by_side(kinds):
    assert wanted(kinds, ("BTC-USD",)) == {kind: ["BTC-USD"] for kind in kinds}


def test_of_sources_that_number_differently_each_may_have_its_own_symbols():
    kinds = ("coinbase-advanced", "coinbase-ticker")
    symbols = ("coinbase-advanced:A-B", "coinbase-ticker:C-D")
    assert wanted(kinds, symbols) == dict(zip(kinds, [["A-B"], ["C-D"]], strict=True))


def test_a_feed_whose_past_trades_are_nowhere_takes_no_address_for_them():
    settings = SourceSettings(rest={"kraken-v1": "http://a"})
    with pytest.raises(SourceError, match=r"\[source.rest\] kraken-v1: its missing"):
        open_live(settings, {"kraken-v1": ["BTC-USD"]}, {})


@pytest.mark.parametrize(
    "addresses",
    [
        {"endpoints": {"kraken": "wss://host:port"}},
        {"endpoints": {"kraken": "wss://"}},
        {"endpoints": {"kraken": f"wss://{'a' * 70}.example"}},
        {"rest": {"kraken": "http://host:port"}},
        {"rest": {"kraken": "http://"}},
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_made(addresses):
    with pytest.raises(SourceError, match=r"the address of feed 'kraken' is none"):
        open_live(SourceSettings(**addresses), {"kraken": ["BTC-USD"]}, {})
