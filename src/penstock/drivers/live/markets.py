"""Which symbols a venue does not know, where it takes a subscription to anything.

Binance and Bitstamp acknowledge what does not exist and never send it.  Their lists of
markets, over REST, tell.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import NamedTuple

import httpx
from msgspec import Struct
from msgspec.json import Decoder

from penstock.drivers.live.endpoints import ListKind, MarketList
from penstock.errors import UnavailableError
from penstock.feeds.base import read
from penstock.feeds.symbols import to_binance, to_bitstamp

__all__ = ["Markets"]

# Binance's whole list takes about 6 MB.
_LONGEST_BYTES = 32 * 1024 * 1024


class _BinanceMarket(Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str


class _BinanceMarkets(Struct):
    symbols: list[_BinanceMarket]


class _BitstampMarket(Struct):
    name: str  # BTC/USD
    url_symbol: str


_BINANCE = Decoder(_BinanceMarkets)
_BITSTAMP = Decoder(list[_BitstampMarket])


class _Kind(NamedTuple):
    """How a venue is asked.

    Attributes:
        path: Where the whole list is.
        read: Maps the venue's names of its markets to BASE-QUOTE.
        to_native: Names a symbol as the venue does.
        knows_path: Where to ask for some alone, with `{names}` for a list of them:
            refused if any is unknown.
    """

    path: str
    read: Callable[[bytes], Mapping[str, str]]
    to_native: Callable[[str], str]
    knows_path: str = ""


def _read_binance(body: bytes) -> Mapping[str, str]:
    markets = read(_BINANCE, body).symbols
    return {m.symbol: f"{m.base_asset}-{m.quote_asset}" for m in markets}


def _read_bitstamp(body: bytes) -> Mapping[str, str]:
    return {m.url_symbol: m.name.replace("/", "-") for m in read(_BITSTAMP, body)}


# binance-spot-api-docs, rest-api.md; developers.binance.com, USD-M futures; and
# www.bitstamp.net/api, "Trading pairs info".
_KINDS: Mapping[ListKind, _Kind] = {
    "binance": _Kind(
        "/api/v3/exchangeInfo?showPermissionSets=false",
        _read_binance,
        to_binance,
        "/api/v3/exchangeInfo?showPermissionSets=false&symbols={names}",
    ),
    "binance-usdm": _Kind("/fapi/v1/exchangeInfo", _read_binance, to_binance),
    "bitstamp": _Kind("/api/v2/trading-pairs-info/", _read_bitstamp, to_bitstamp),
}


class Markets:
    """Asks a venue which symbols it does not know.

    Args:
        place: Where its list is.
        client: Sends the requests; closed by whoever made it.
    """

    def __init__(self, place: MarketList, client: httpx.AsyncClient) -> None:
        self._place, self._kind = place, _KINDS[place.kind]
        self._client = client

    async def unknown(self, symbols: Sequence[str]) -> dict[str, str]:
        """Return those of `symbols` that are no markets, each with the reason.

        Raises:
            UnavailableError: The list is not to be had now; says why.
            BadFrameError: What came is none.
        """
        kind = self._kind
        names = {kind.to_native(symbol): symbol for symbol in symbols}
        if kind.knows_path:
            quoted = json.dumps(list(names), separators=(",", ":"))
            status, _ = await self._get(kind.knows_path.format(names=quoted))
            if status == HTTPStatus.OK:
                return {}
        status, body = await self._get(kind.path)
        if status != HTTPStatus.OK:
            where = f"{self._place.url}{kind.path.partition('?')[0]}"
            raise UnavailableError(f"{where} answered HTTP {status}")
        known = kind.read(body)
        return {
            symbol: _reason(symbol, known.values())
            for name, symbol in names.items()
            if name not in known
        }

    async def _get(self, path: str) -> tuple[int, bytes]:
        body = bytearray()
        try:
            async with self._client.stream("GET", self._place.url + path) as response:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _LONGEST_BYTES:
                        raise UnavailableError(f"{response.url} answers without end")
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            said = str(e) or type(e).__name__
            where = f"{self._place.url}{path.partition('?')[0]}"
            raise UnavailableError(f"{where}: {said}") from e
        return response.status_code, bytes(body)


def _reason(symbol: str, known: Iterable[str]) -> str:
    close = get_close_matches(symbol, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"the venue has no such market{hint}"
