"""How ccxt is found, or found to be missing; ccxt itself is not needed."""

import sys
import types

import pytest

from penstock.drivers.ccxt_source import CcxtSource, Library, load_ccxt
from penstock.drivers.live.endpoints import Timing
from penstock.errors import SourceError


@pytest.fixture
def ccxt(monkeypatch):
    """Something with the names of ccxt.pro that are used."""
    module = types.ModuleType("ccxt.pro")
    module.exchanges = ["bybit", "okx"]
    module.bybit = lambda options: options
    for name in (
        *("BadSymbol", "NotSupported", "AuthenticationError"),
        "RestrictedLocation",
    ):
        setattr(module, name, type(name, (Exception,), {}))
    monkeypatch.setitem(sys.modules, "ccxt", types.ModuleType("ccxt"))
    monkeypatch.setitem(sys.modules, "ccxt.pro", module)
    return module


def test_an_exchange_is_found_by_its_name(ccxt):
    library = load_ccxt("bybit")
    assert library.make()["options"]["tradesLimit"] == 10_000
    assert library.final[0] is ccxt.BadSymbol


def test_an_unknown_one_is_refused_with_the_nearest(ccxt):
    with pytest.raises(SourceError, match=r"'bybitt'\. Did you mean 'bybit'"):
        load_ccxt("bybitt")


@pytest.mark.parametrize("exchange", ["binance", "coinbase", "kraken", "bitstamp"])
def test_one_that_penstock_feeds_itself_is_refused(exchange):
    with pytest.raises(SourceError, match=f"pass --source {exchange}$"):
        load_ccxt(exchange)


def test_without_ccxt_it_says_which_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ccxt", None)
    monkeypatch.delitem(sys.modules, "ccxt.pro", raising=False)
    with pytest.raises(SourceError, match=r"pip install 'penstock\[ccxt\]'"):
        load_ccxt("bybit")


@pytest.mark.parametrize(
    ("symbols", "message"),
    [([], "needs a --symbol"), (["BTC/USDT"], "BASE-QUOTE in upper case")],
)
def test_symbols_that_cannot_be_used(symbols, message):
    with pytest.raises(SourceError, match=message):
        CcxtSource(
            "bybit",
            symbols,
            library=Library(lambda: None, ()),
            timing=Timing(),
            clock_us=lambda: 0,
            draw=lambda: 0.5,
        )
