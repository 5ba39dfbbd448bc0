"""Numbers, times and events as people read them.

Text only: nothing is printed here, and nothing is rounded that is computed with.
"""

from collections.abc import Mapping
from decimal import Decimal

from penstock.codec import iso_time
from penstock.model import Alert, CompletedTrade, Position

__all__ = [
    "alert_text",
    "amount",
    "clock_time",
    "counted",
    "date_time",
    "decimals",
    "money",
    "percent",
    "position_text",
    "price",
    "profits",
    "quote_of",
    "rule_text",
    "sale_text",
]

_CENT = Decimal("0.01")
_DIGITS = 4  # of what is less than one


def counted(number: int, noun: str) -> str:
    """Write how many there are of something.

    >>> [counted(number, "trade") for number in (0, 1, 1200)]
    ['0 trades', '1 trade', '1,200 trades']
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def price(value: float, decimals: int = 0) -> str:
    """Write a price, with `decimals` at least.

    >>> price(87012.5, 2), price(0.00000012)
    ('87,012.50', '0.00000012')
    """
    text = f"{Decimal(repr(value)):,f}".removesuffix(".0")
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<{decimals}}" if part or decimals else whole


def decimals(value: float) -> int:
    """Count the decimals that a price is written with.

    >>> decimals(87012.25), decimals(4.0)
    (2, 0)
    """
    return len(price(value).partition(".")[2])


def amount(value: Decimal | float) -> str:
    """Write a quantity or a volume, to eight digits.

    >>> amount(Decimal("0.01163000")), amount(1234567.891)
    ('0.01163', '1,234,567.9')
    """
    text = f"{value:,.8g}"
    if "e" in text:
        text = f"{value:,.0f}" if float(value) > 1 else f"{value:.8f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Decimal) -> str:
    """Write a profit or a loss: to the cent, or to four digits where it is small.

    >>> [money(Decimal(text)) for text in ("1234.567", "-0.000123456", "0")]
    ['+1,234.57', '-0.0001235', '0']
    """
    if not value:
        return "0"
    small = abs(value) < 1
    step = Decimal(1).scaleb(value.adjusted() - _DIGITS + 1) if small else _CENT
    return f"{value.quantize(step):+,f}"


def profits(by_quote: Mapping[str, Decimal]) -> str:
    """Write profits in several currencies.

    >>> profits({"USD": Decimal("48.12"), "EUR": Decimal("-3.5")})
    '+48.12 USD, -3.50 EUR'
    """
    parts = [f"{money(profit)} {quote}" for quote, profit in by_quote.items()]
    return ", ".join(parts) or "0"


def percent(fraction: Decimal | float) -> str:
    """Write a change.

    >>> percent(-0.0712)
    '-7.12%'
    """
    return f"{fraction:+.2%}"


def date_time(us: int) -> str:
    """Write a time to the second, UTC.

    >>> date_time(1_732_146_000_500_000)
    '2024-11-20 23:40:00'
    """
    return iso_time(us)[:19].replace("T", " ")


def clock_time(us: int) -> str:
    """Write a time of day, UTC."""
    return iso_time(us)[11:19]


def quote_of(ticker: str) -> str:
    """Name the currency in which a ticker's prices are."""
    return ticker.rpartition("-")[2]


def rule_text(rule: str) -> str:
    """Write an alert rule's id in words.

    >>> rule_text("drop:0.05:5m"), rule_text("below:85000")
    ('drop 5% in 5m', 'below 85,000')
    """
    kind, _, rest = rule.partition(":")
    level, _, window = rest.partition(":")
    if kind == "drop":
        return f"drop {amount(Decimal(level) * 100)}% in {window}"
    return f"{kind} {amount(Decimal(level))}"


def alert_text(alert: Alert) -> str:
    """Say what an alert is about."""
    high = f", high {price(alert.high)}" if alert.high else ""
    return f"{rule_text(alert.rule)}: {price(alert.price)}{high}"


def position_text(position: Position) -> str:
    """Say what was bought."""
    return f"{amount(position.quantity)} at {amount(position.entry_price)}"


def sale_text(trade: CompletedTrade) -> str:
    """Say what was sold, and what that brought."""
    reason = trade.reason.replace("_", " ")
    sold = f"{amount(trade.quantity)} at {amount(trade.exit_price)}"
    return f"{sold}, {money(trade.profit)} {quote_of(trade.ticker)} ({reason})"
