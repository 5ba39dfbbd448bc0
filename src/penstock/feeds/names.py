"""The names of sources, and of what is wanted of them, as people write them.

This is the one place that lists them.  Each reader takes a value from TOML or the
command line; what it cannot read raises ValueError, whose text is what may stand there.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from penstock.feeds import FEEDS
from penstock.model import SYMBOL, VENUE
from penstock.units import one_of

__all__ = [
    "CCXT",
    "HTTP",
    "POLLED",
    "SOURCES",
    "addresses",
    "endpoints",
    "kinds",
    "symbols",
]

# Every source that has a name of its own: the simulated market, the websockets, and
# what is asked for over REST; besides, `ccxt:` and the name of an exchange there.
POLLED = ("coinbase-spot", "coinbase-ticker")
SOURCES = ("simulated", *FEEDS, *POLLED)
CCXT = "ccxt:"
HTTP = ("https://", "http://")
_EXCHANGE = re.compile(rf"{CCXT}[a-z0-9]+")
_SYMBOL = re.compile(rf"(?:(?:{CCXT})?{VENUE.pattern}:)?{SYMBOL.pattern}")


def _kind(value: object) -> str:
    if isinstance(value, str) and _EXCHANGE.fullmatch(value):
        return value
    try:
        return one_of(SOURCES)(value)
    except ValueError as e:
        raise ValueError(f'{e}, or "{CCXT}" and an exchange, such as "ccxt:okx"') from e


def kinds(value: object) -> tuple[str, ...]:
    """Read a source, or a list of several.

    Raises:
        ValueError: Something else.

    >>> kinds("kraken"), kinds(["coinbase", "ccxt:okx"])
    (('kraken',), ('coinbase', 'ccxt:okx'))
    """
    names = value if isinstance(value, list) else [value]
    found = tuple(_kind(name) for name in names)
    if not found or len(set(found)) < len(found):
        raise ValueError('a source, or a list of different ones, such as ["coinbase"]')
    if "simulated" in found and len(found) > 1:
        raise ValueError("sources of one sort: the simulated market has its own time")
    return found


def symbols(value: object) -> tuple[str, ...]:
    """Read a list of symbols, each for every source or for the one before its colon.

    Symbols may be written in lower case, and sources in upper case.

    Raises:
        ValueError: Something else.

    >>> symbols(["btc-usd", "kraken:ETH-EUR"])
    ('BTC-USD', 'kraken:ETH-EUR')
    """
    found = tuple(map(_symbol, value)) if isinstance(value, list) else ()
    valid = all(map(_SYMBOL.fullmatch, found)) and isinstance(value, list)
    if not valid or len(set(found)) < len(found):
        raise ValueError(
            'a list of different symbols, BASE-QUOTE, such as ["BTC-USD", "ETH-USD"]'
        )
    return found


def _symbol(value: object) -> str:
    at, colon, symbol = value.rpartition(":") if isinstance(value, str) else ("",) * 3
    return f"{at.lower()}{colon}{symbol.upper()}"


def addresses(
    names: Collection[str], schemes: Sequence[str]
) -> Callable[[object], Mapping[str, str]]:
    """Make a reader of a table of addresses, by source of `names`."""
    expected = (
        f"a table of addresses that begin with {' or '.join(schemes)}, by source: "
        f"{', '.join(names)}"
    )

    def read(value: object) -> Mapping[str, str]:
        if isinstance(value, dict) and all(
            name in names and isinstance(url, str) and url.startswith(tuple(schemes))
            for name, url in value.items()
        ):
            return dict(value)
        raise ValueError(expected)

    return read


def endpoints(value: object) -> Mapping[str, str]:
    """Read a table of addresses to use instead of the venues' own.

    Raises:
        ValueError: Something else.
    """
    schemes = ("wss://", "ws://", *HTTP)
    found = addresses((*FEEDS, *POLLED), schemes)(value)
    for name, url in found.items():
        if url.startswith(HTTP) != (name in POLLED):
            scheme = "https://" if name in POLLED else "wss://"
            raise ValueError(f"an address that begins with {scheme} for {name}")
    return found
