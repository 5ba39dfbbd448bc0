"""Delivering what waits in the outboxes: late perhaps, twice perhaps, never not."""

from decimal import Decimal

from penstock.engine.rules import BelowRule, Rules
from penstock.errors import UnavailableError
from penstock.layout import read_completed
from penstock.pipeline import deliver
from tests.tape import tape
from tests.worlds import BTC, ETH, SOL, World, for_ticker, record

BELOW_95 = Rules(alerts=(BelowRule(below=Decimal(95)),))


def alerting(number=1, since=1):
    """A record that fires the alert, and re-arms it."""
    return record(number, tape((94, number), (96, number + 0.5), since=since))


def test_what_cannot_be_delivered_goes_with_the_next_batch():
    world = World()
    world.fault = down("notify")
    result = world.process([alerting(1)], BELOW_95)
    assert (result.failed, list(result.undelivered)) == ({}, [BTC])
    assert [a.id for a in result.states[BTC].outbox] == [f"{BTC}/below:95/1"]
    assert world.state(BTC) == result.states[BTC]
    world.fault = None
    after = world.process([alerting(2, since=3)], BELOW_95)
    assert [a.id for a in after.alerts] == [f"{BTC}/below:95/3"]
    assert list(world.ports.notifier.alerts) == [
        f"{BTC}/below:95/1",
        f"{BTC}/below:95/3",
    ]
    assert (after.undelivered, world.state(BTC).outbox) == ({}, ())


def down(operation):
    """A fault of everything that a port does under this name."""

    def fault(asked, key, done):
        if asked == operation and not done:
            raise UnavailableError(f"{asked} {key}")

    return fault


def test_the_sweeper_delivers_what_no_batch_did():
    world = World()
    world.fault = down("notify")
    world.process([alerting()], BELOW_95)
    world.fault = None
    states = world.ports.states.load(world.ports.states.undelivered())
    emptied, undelivered = deliver(states, world.ports)
    assert (list(emptied), undelivered) == ([BTC], {})
    assert emptied[BTC] == world.state(BTC)
    assert (world.state(BTC).outbox, world.state(BTC).version) == ((), 2)
    assert deliver({BTC: world.state(BTC)}, world.ports) == ({}, {})


def test_a_notifier_that_is_down_for_one_ticker_keeps_no_other_waiting():
    world = World()
    trades = tape((94, 1))
    records = [
        record(1, for_ticker(ETH, trades), ETH),
        record(2, for_ticker(SOL, trades), SOL),
    ]

    def fault(operation, key, done):
        if (operation, key) == ("notify", ETH):
            raise UnavailableError("down")

    world.fault = fault
    result = world.process(records, BELOW_95)
    assert list(result.undelivered) == [ETH]
    assert list(world.ports.notifier.alerts) == [f"{SOL}/below:95/1"]
    assert world.ports.states.undelivered() == [ETH]


def test_a_notifier_that_is_down_is_not_waited_for_again_and_again():
    world, asked = World(), []
    tickers = [f"test:T{n}-USD" for n in range(9)]
    up = {tickers[1]}

    def fault(operation, key, done):
        if operation == "notify" and not done:
            asked.append(key)
            if key not in up:
                raise UnavailableError("no answer")

    world.fault = fault
    records = [
        record(n, for_ticker(ticker, tape((94, 1))), ticker)
        for n, ticker in enumerate(tickers, 1)
    ]
    result = world.process(records, BELOW_95)
    assert asked == tickers[:4]
    assert list(result.undelivered) == [t for t in tickers if t not in up]
    assert result.failed == {}
    assert world.ports.states.undelivered() == [t for t in tickers if t not in up]


def test_completed_trades_wait_where_the_object_store_is_down():
    world = World()
    # Bought at 99.9 or lower, sold 0.1 % above.
    records = [record(1, tape((100, 0), (99.9, 1), (100, 2)))]

    def fault(operation, key, done):
        if operation == "put" and key.startswith("completed-trades/"):
            raise UnavailableError("disk full")

    world.fault = fault
    result = world.process(records)
    assert [c.id for c in result.completed] == [f"{BTC}/trade/3"]
    assert (list(result.undelivered), world.left()["completed"]) == ([BTC], {})
    world.fault = None
    world.process([record(2, tape((100, 3), since=4))])
    (stored,) = world.left()["completed"].values()
    assert read_completed(stored) == result.completed[0]
    assert world.state(BTC).outbox == ()


def test_an_alert_may_come_twice_and_always_under_its_id():
    world, told = World(), []

    def fault(operation, key, done):
        if operation == "notify" and done:
            told.append(key)
            if len(told) == 1:
                raise UnavailableError("the answer was lost")

    world.fault = fault
    world.process([alerting(1)], BELOW_95)
    world.process([record(2, tape((97, 3), since=3))], BELOW_95)
    assert told == [BTC, BTC]
    assert list(world.ports.notifier.alerts) == [f"{BTC}/below:95/1"]
