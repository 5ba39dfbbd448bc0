"""Bars, a drop alert, dip and take-profit as a NautilusTrader backtest.

A strategy subscribed to trade ticks and to bars that the engine aggregates; orders go
to a simulated venue.  Only `engine.run()` is measured: decoding the records and making
the engine's own ticks of them is not.
"""

from argparse import Namespace
from decimal import Decimal
from pathlib import Path

import msgspec
import work
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.data.config import DataEngineConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    CurrencyType,
    OmsType,
    OrderSide,
)
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.risk.config import RiskEngineConfig
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy

from penstock.model import Trade

VENUE = Venue("LEAN")
INSTRUMENT = InstrumentId(Symbol("SPY-USD"), VENUE)
SPY = Currency(
    code="SPY",
    precision=8,
    iso4217=0,
    name="SPDR S&P 500 ETF Trust, in fractions",
    currency_type=CurrencyType.CRYPTO,
)


class DipBuyer(Strategy):
    """Buys the dip, takes the profit, and watches for a drop."""

    def __init__(self, dip: Decimal, take_profit: Decimal, drop: Decimal) -> None:
        super().__init__(StrategyConfig(log_events=False, log_commands=False))
        self.buy_at, self.sell_at = float(1 - dip), float(1 + take_profit)
        self.fire_at, self.rearm_at = float(1 - drop), float(1 - drop / 2)
        self.window = work.LookBack()
        self.armed, self.ordered, self.target = True, False, 0.0
        self.held: Quantity | None = None
        self.trades = self.bars = self.alerts = self.bought = self.sold = 0

    def on_start(self) -> None:
        self.subscribe_trade_ticks(INSTRUMENT)
        self.subscribe_bars(BarType.from_str(f"{INSTRUMENT}-1-MINUTE-LAST-INTERNAL"))

    def on_bar(self, bar: Bar) -> None:
        self.bars += 1

    def on_trade_tick(self, tick: TradeTick) -> None:
        self.trades += 1
        price = tick.price.as_double()
        high = self.window.add(tick.ts_event // 1000, price)
        if self.armed:
            if price <= high * self.fire_at:
                self.armed = False
                self.alerts += 1
        elif price > high * self.rearm_at:
            self.armed = True
        if self.ordered:
            return
        if self.held is None:
            if price <= high * self.buy_at:
                quantity = Quantity.from_str(str(work.quantity_of(price)))
                self.order(OrderSide.BUY, quantity)
        elif price >= self.target:
            self.order(OrderSide.SELL, self.held)

    def order(self, side: OrderSide, quantity: Quantity) -> None:
        self.ordered = True
        self.submit_order(self.order_factory.market(INSTRUMENT, side, quantity))

    def on_order_filled(self, event: OrderFilled) -> None:
        self.ordered = False
        if event.order_side == OrderSide.BUY:
            self.bought += 1
            self.held = event.last_qty
            self.target = event.last_px.as_double() * self.sell_at
        else:
            self.sold += 1
            self.held = None


def make_ticks(path: Path) -> list[TradeTick]:
    decode_lines = msgspec.json.Decoder(Trade).decode_lines
    return [
        TradeTick(
            INSTRUMENT,
            Price(trade.price, 4),
            Quantity(trade.size, 8),
            AggressorSide.NO_AGGRESSOR,
            TradeId(str(trade.seq)),
            trade.event_us * 1000,
            trade.received_us * 1000,
        )
        for record in work.read_records(path)
        for trade in decode_lines(record)
    ]


def make_engine() -> BacktestEngine:
    """Make an engine with all that may be left out left out, and bars as ours are."""
    data = DataEngineConfig(
        time_bars_build_with_no_updates=False,
        time_bars_interval_type="right-open",
        time_bars_timestamp_on_close=False,
    )
    config = BacktestEngineConfig(
        data_engine=data,
        risk_engine=RiskEngineConfig(bypass=True),
        logging=LoggingConfig(bypass_logging=True),
        run_analysis=False,
    )
    engine = BacktestEngine(config)
    funds = [Money(1_000_000, USD), Money(0, SPY)]
    engine.add_venue(
        VENUE,
        OmsType.NETTING,
        AccountType.CASH,
        funds,
        bar_execution=False,
        trade_execution=True,
    )
    instrument = CurrencyPair(
        instrument_id=INSTRUMENT,
        raw_symbol=INSTRUMENT.symbol,
        base_currency=SPY,
        quote_currency=USD,
        price_precision=4,
        size_precision=8,
        price_increment=Price.from_str("0.0001"),
        size_increment=Quantity.from_str(f"{work.LOT:f}"),
        maker_fee=work.FEE_RATE,
        taker_fee=work.FEE_RATE,
        ts_event=0,
        ts_init=0,
    )
    engine.add_instrument(instrument)
    return engine


def main(arguments: Namespace) -> None:
    Currency.register(SPY)
    loading, watch = work.Stopwatch(), work.Stopwatch()
    engine = make_engine()
    with loading.running():
        engine.add_data(make_ticks(arguments.records))
    strategy = DipBuyer(arguments.dip, arguments.take_profit, arguments.drop)
    engine.add_strategy(strategy)
    with watch.running():
        engine.run()
    work.report(
        watch,
        "nautilus_trader",
        loading_s=loading.cpu_s,
        trades=strategy.trades,
        bars=strategy.bars,
        alerts=strategy.alerts,
        bought=strategy.bought,
        sold=strategy.sold,
    )


if __name__ == "__main__":
    main(work.read_arguments())
