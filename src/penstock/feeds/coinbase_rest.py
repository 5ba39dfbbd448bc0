"""Coinbase's REST answers that hold one price: the spot price, the Exchange's ticker.

The two are different tickers.  The spot price is a quotation: it has no id, no time and
no size, so it is stamped on receipt, its size is 0, and two alike are two.  The ticker
is the last trade of the Exchange, under the id that the websocket gives it; asked for
now and then, it skips trades, and tells the same one again where none was made.
"""

from decimal import Decimal

from msgspec import Struct
from msgspec.json import Decoder

from penstock.feeds.base import BadFrameError, Notes, read
from penstock.feeds.values import TradeId, iso_us, price_of, size_of
from penstock.model import Trade

__all__ = ["SPOT", "TICKER", "read_spot", "read_ticker"]

# Numbered by time, where the Exchange's trades have ids: under one venue's name each
# would make the other look like something seen long ago.
SPOT = "coinbase-spot"
TICKER = "coinbase"


class _Amount(Struct):
    amount: Decimal
    base: str
    currency: str


class _Spot(Struct):
    data: _Amount


class _Ticker(Struct):
    trade_id: TradeId
    price: Decimal
    size: Decimal
    time: str


_SPOT = Decoder(_Spot)
_TICKER = Decoder(_Ticker)


def read_spot(body: bytes, symbol: str, received_us: int, notes: Notes) -> Trade:
    """Read the answer to `GET /v2/prices/BTC-USD/spot`.

    Raises:
        BadFrameError: It is none, or the price of something else.
    """
    data = read(_SPOT, body).data
    found = f"{data.base}-{data.currency}"
    if found != symbol:
        raise BadFrameError(f"expected the price of {symbol}; found that of {found}")
    return Trade(
        venue=SPOT,
        symbol=symbol,
        price=price_of(data.amount, notes),
        size=0.0,
        event_us=received_us,
        received_us=received_us,
    )


def read_ticker(body: bytes, symbol: str, received_us: int, notes: Notes) -> Trade:
    """Read the answer to `GET /products/BTC-USD/ticker`; it does not tell the side.

    Raises:
        BadFrameError: It is none.
    """
    ticker = read(_TICKER, body)
    return Trade(
        venue=TICKER,
        symbol=symbol,
        price=price_of(ticker.price, notes),
        size=size_of(ticker.size, notes),
        event_us=iso_us(ticker.time),
        received_us=received_us,
        trade_id=str(ticker.trade_id),
        seq=ticker.trade_id,
    )
