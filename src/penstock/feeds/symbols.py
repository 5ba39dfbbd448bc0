"""A venue's names of its markets to BASE-QUOTE and back.

Pure text.  Kraken's websocket v1 says XBT and XDG for what everybody calls BTC and
DOGE; Binance and Bitstamp write base and quote together, so that a table of their
quote assets has to tell where the base ends.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from penstock.errors import SourceError
from penstock.feeds.base import BadFrameError
from penstock.model import SYMBOL

__all__ = [
    "from_binance",
    "from_bitstamp",
    "from_coinbase",
    "from_kraken",
    "native_names",
    "to_binance",
    "to_bitstamp",
    "to_coinbase",
    "to_kraken",
    "to_kraken_v1",
]

_COMMON = {"XBT": "BTC", "XDG": "DOGE"}
_KRAKEN_V1 = {common: kraken for kraken, common in _COMMON.items()}

# Every quote asset of Binance spot in two public lists of its markets (October 2021,
# February 2025: 1,868 markets, all split rightly), and its newer stable coins and
# currencies.  No USD: Binance quotes nothing in it.
# The shortest base leaves the longest quote: BTCFDUSD is not quoted in USD.
_BINANCE = re.compile(
    r"(.+?)(ARS|AUD|BIDR|BKRW|BNB|BRL|BTC|BUSD|BVND|COP|CZK|DAI|DOGE|DOT|ETH|EUR|"
    r"EURI|FDUSD|GBP|GYEN|IDRT|JPY|MXN|NGN|PAX|PLN|RON|RUB|TRX|TRY|TUSD|UAH|USD1|"
    r"USDC|USDE|USDP|USDS|USDT|UST|VAI|XRP|ZAR)"
)

# Every quote asset in a public list of Bitstamp's markets of 2024 and in its own names
# of later ones.
_BITSTAMP = re.compile(r"(.+?)(BTC|ETH|EUR|GBP|PAX|USD|USDC|USDT)")

_CACHED = 4096  # names per venue; the largest has about 1,500 markets


def native_names(
    symbols: Sequence[str], to_native: Callable[[str], str]
) -> dict[str, str]:
    """Map the venue's names of `symbols` back to them, in order.

    Raises:
        SourceError: One is not written BASE-QUOTE.
    """
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol):
            raise SourceError(
                f"a symbol is BASE-QUOTE in upper case, such as BTC-USD; "
                f"found {symbol!r}"
            )
    return {to_native(symbol): symbol for symbol in symbols}


def to_coinbase(symbol: str) -> str:
    """Name a symbol as Coinbase does: the same."""
    return symbol


@lru_cache(maxsize=_CACHED)
def from_coinbase(product: str) -> str:
    """Name a Coinbase product as BASE-QUOTE, which is what it is for spot markets.

    Raises:
        BadFrameError: It is something else, such as a future with its expiry.
    """
    return _checked(product, product)


def to_kraken(symbol: str) -> str:
    """Name a symbol as Kraken's websocket v2 does.

    >>> to_kraken("BTC-USD")
    'BTC/USD'
    """
    return symbol.replace("-", "/")


def to_kraken_v1(symbol: str) -> str:
    """Name a symbol as Kraken's websocket v1 does.

    >>> to_kraken_v1("BTC-USD")
    'XBT/USD'
    """
    return "/".join(_KRAKEN_V1.get(asset, asset) for asset in symbol.split("-"))


@lru_cache(maxsize=_CACHED)
def from_kraken(pair: str) -> str:
    """Name a pair of either Kraken websocket as BASE-QUOTE.

    >>> [from_kraken(pair) for pair in ("XBT/USD", "BTC/USD", "XDG/EUR")]
    ['BTC-USD', 'BTC-USD', 'DOGE-EUR']

    Raises:
        BadFrameError: It is not BASE/QUOTE.
    """
    assets = pair.upper().split("/")
    return _checked("-".join(_COMMON.get(asset, asset) for asset in assets), pair)


def to_binance(symbol: str) -> str:
    """Name a symbol as Binance does in its messages; streams use it in lower case.

    >>> to_binance("BTC-USDT")
    'BTCUSDT'
    """
    return symbol.replace("-", "")


@lru_cache(maxsize=_CACHED)
def from_binance(name: str) -> str:
    """Split a Binance symbol before the longest quote asset that it ends with.

    >>> [from_binance(name) for name in ("BTCUSDT", "btcfdusd", "USDTTRY")]
    ['BTC-USDT', 'BTC-FDUSD', 'USDT-TRY']

    Raises:
        BadFrameError: It ends with none that is known.
    """
    parts = _BINANCE.fullmatch(name.upper())
    if parts:
        return _checked("-".join(parts.groups()), name)
    raise BadFrameError(
        f"market {name[:40]!r} ends with no quote asset that is known at Binance; "
        "ask for it by name, as BASE-QUOTE"
    )


def to_bitstamp(symbol: str) -> str:
    """Name a symbol as Bitstamp's channels do.

    >>> to_bitstamp("BTC-USD")
    'btcusd'
    """
    return symbol.replace("-", "").lower()


@lru_cache(maxsize=_CACHED)
def from_bitstamp(name: str) -> str:
    """Split a Bitstamp market before the longest quote asset that it ends with.

    >>> [from_bitstamp(name) for name in ("btcusd", "usdcusdt", "1incheur")]
    ['BTC-USD', 'USDC-USDT', '1INCH-EUR']

    Raises:
        BadFrameError: It ends with none that is known, as a perpetual's does.
    """
    parts = _BITSTAMP.fullmatch(name.upper())
    if parts:
        return _checked("-".join(parts.groups()), name)
    raise BadFrameError(
        f"market {name[:40]!r} ends with no quote asset that is known at Bitstamp; "
        "ask for it by name, as BASE-QUOTE"
    )


def _checked(symbol: str, name: str) -> str:
    if SYMBOL.fullmatch(symbol):
        return symbol
    raise BadFrameError(
        f"expected a market's name that reads BASE-QUOTE; found {name[:40]!r}"
    )
