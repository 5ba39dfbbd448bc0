import pytest

from penstock.entrypoints.lambda_sweeper import Sweeper
from penstock.errors import UnavailableError
from penstock.memory import refusing
from tests.lambdas import Context, Lines, metrics_of
from tests.tape import tape
from tests.worlds import BTC, ETH, World, for_ticker, record

MOVES = tape((100, 0), (99, 1))  # a drop, and a bought dip


def waiting(*tickers):
    """A world in which each ticker's alerts could not be delivered."""
    world = World()
    world.fault = lambda op, key, done: refusing(tickers if op == "notify" else ())(
        op, key, done
    )
    records = [
        record(n, for_ticker(ticker, MOVES), ticker)
        for n, ticker in enumerate(tickers, 1)
    ]
    world.process(records)
    assert world.ports.states.undelivered() == sorted(tickers)
    world.fault = None
    return world


def sweep(world, context=None):
    lines = Lines()
    answer = Sweeper(world.ports, lines.log).handle({}, context or Context())
    return answer, lines.last()


def test_what_waits_is_delivered_once():
    world = waiting(BTC, ETH)
    answer, line = sweep(world)
    assert answer == {"delivered": 2, "undelivered": 0, "left": 0}
    assert (line["level"], line["event"]) == ("info", "swept")
    assert metrics_of(line) == {"DeliveredTickers": 2, "UndeliveredTickers": 0}
    assert {a.ticker for a in world.ports.notifier.alerts.values()} == {BTC, ETH}
    assert sweep(world)[0] == {"delivered": 0, "undelivered": 0, "left": 0}


def test_what_cannot_be_delivered_holds_up_nothing_else():
    world = waiting(BTC, ETH)
    world.fault = lambda op, key, done: refusing({BTC} if op == "notify" else ())(
        op, key, done
    )
    answer, line = sweep(world)
    assert answer == {"delivered": 1, "undelivered": 1, "left": 0}
    assert line["level"] == "warning"
    assert line["undelivered"] == {BTC: f"notify '{BTC}': refused, as `refusing` asks"}
    assert metrics_of(line) == {"DeliveredTickers": 1, "UndeliveredTickers": 1}
    assert world.ports.states.undelivered() == [BTC]


def test_states_that_do_not_answer_are_told_as_undelivered():
    world = waiting(BTC)
    world.fault = refusing({BTC})
    answer, line = sweep(world)
    assert answer == {"delivered": 0, "undelivered": 1, "left": 0}
    assert line["undelivered"] == {BTC: f"load '{BTC}': refused, as `refusing` asks"}


def test_what_there_is_no_time_for_is_left_to_the_next_run():
    tickers = [f"test:T{n:02d}-USD" for n in range(60)]
    world = waiting(*tickers)
    answer, line = sweep(world, Context(9_000, 3_000))
    assert answer == {"delivered": 25, "undelivered": 0, "left": 35}
    assert (line["level"], line["left"]) == ("warning", 35)
    assert metrics_of(line)["UndeliveredTickers"] == 35
    assert world.ports.states.undelivered() == tickers[25:]


def test_not_to_know_what_waits_is_an_error():
    world = World()

    def undelivered():
        raise UnavailableError("the states do not answer")

    world.ports.states.undelivered = undelivered
    with pytest.raises(UnavailableError):
        Sweeper(world.ports, Lines().log).handle({}, Context())
