"""The pipeline on Kinesis and Lambda, with everything going wrong, from a seed.

    python -m tests.simulation.distributed 42            # one seed, and what happened
    python -m tests.simulation.distributed --seeds 10000 # seeds 0 to 9999

With `--containers` there are no functions: containers read the stream themselves.

A seed makes trades, a stream, a mapping's settings, and the order of all that happens.
In the end every state, position, history row, completed trade, alert and dead letter
must be what one fold of each ticker's trades gives.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from random import Random
from unittest.mock import patch

import msgspec
from msgspec import Struct

from penstock.engine.history import bar_series, history_rows
from penstock.engine.step import fold
from penstock.entrypoints import lambda_consumer
from penstock.entrypoints.lambda_consumer import Consumer
from penstock.entrypoints.lambda_log import Log
from penstock.entrypoints.lambda_sweeper import Sweeper
from penstock.entrypoints.processor import Processor
from penstock.layout import COMPLETED_TRADES, completed_key, completed_object
from penstock.memory import MemoryHistory
from penstock.model import TickerState
from penstock.sandbox.settings import MappingSettings
from tests.simulation.containers import Containers
from tests.simulation.producer import Producer
from tests.simulation.service import Context, Service
from tests.simulation.stores import (
    CountedStates,
    Difference,
    Promised,
    checked_ports,
)
from tests.simulation.stream import ModelStream
from tests.worlds import LIVELY, TICKERS

ROUGH_TICKS = 400
MOST_TICKS = 20_000

# Rows of every resolution; bars that are longer than the market, and that are not.
RULES = [
    msgspec.structs.replace(LIVELY, history=history, bar_us=bar_us)
    for history, bar_us in (
        ("1s", 60_000_000),
        ("1m", 60_000_000),
        ("1s", 5_000_000),
        ("tick", 5_000_000),
    )
]


class Variant(Struct, frozen=True, kw_only=True):
    """What a simulation is made of; each field but the default is a mistake.

    Attributes:
        containers: There are containers and no functions.
        handler: Makes the function's handler of ports, rules and a clock.
        states, history: The stores.
        reports_failures: The mapping heeds `batchItemFailures`.
        max_retries: When the mapping gives a batch up.
        parents_first: A shard's children wait until it is done.
        mixes_keys: Aggregates of several keys are also made where lanes are several.
    """

    containers: bool = False
    handler: object = None
    states: type = CountedStates
    history: type = MemoryHistory
    reports_failures: bool = True
    max_retries: int = -1
    parents_first: bool = True
    mixes_keys: bool = False


def consumer(ports, rules, clock_us):
    """The handler that is deployed."""
    return Consumer(ports, rules, silent_log(), clock_us=clock_us).handle


def silent_log():
    return Log({}, lambda line: None, lambda: 0)


RIGHT = Variant(handler=consumer)
CONTAINERS = Variant(containers=True)


def simulate(seed, variant=RIGHT, happened=None):
    """Run one seed to its end, and return what happened, counted.

    Raises:
        Difference: Something is lost, doubled or otherwise not what it must be.
    """
    happened = Counter() if happened is None else happened
    simulation = Simulation(seed, variant, happened)
    with patch.object(lambda_consumer, "_TICKERS", simulation.tickers_at_once):
        simulation.run()
    return +happened


class Told(Counter):
    """Prints what happens as it is counted."""

    def __setitem__(self, what, count):
        if count > self[what]:
            print(what)
        super().__setitem__(what, count)


class Simulation:
    """One world from a seed."""

    def __init__(self, seed, variant, happened):
        self._chance = chance = Random(seed)
        self._happened = happened
        self._now_us = 1_700_000_000_000_000
        self._rules = chance.choice(RULES)
        lanes = 1 if variant.containers else chance.choice([1, 1, 2, 3])
        self._stream = ModelStream(chance, chance.randint(1, 3))
        self._producer = Producer(
            chance,
            self._stream,
            self._happened,
            mixes_keys=lanes == 1 or variant.mixes_keys,
        )
        # As if there were too many to process at once.
        self.tickers_at_once = chance.choice([1, 2, 25])
        self._host = (
            self._containers()
            if variant.containers
            else self._functions(variant, lanes)
        )
        self._promised = Promised()
        self._ports = checked_ports(
            self._fault,
            self._promised,
            self._happened,
            states=variant.states,
            history=variant.history,
        )
        self._sweeper = Sweeper(self._ports, silent_log()).handle
        if variant.containers:
            self._host.make = partial(
                Processor,
                ports=self._ports,
                rules=self._rules,
                watch=lambda result: None,
                batch_records=chance.choice([1, 3, 20]),
            )
        else:
            self._host.handler = variant.handler(
                self._ports, self._rules, lambda: self._now_us
            )

    def _functions(self, variant, lanes):
        chance = self._chance
        settings = MappingSettings(
            batch_size=chance.choice([2, 5, 20]),
            window_us=chance.choice([0, 0, 2_000_000]),
            bisect=chance.random() < 0.7,
            reports_failures=variant.reports_failures,
            max_retries=variant.max_retries,
            lanes=lanes,
        )
        return Service(
            chance,
            self._happened,
            self._stream,
            settings,
            parents_first=variant.parents_first,
        )

    def _containers(self):
        return Containers(self._chance, self._happened, self._stream)

    def run(self):
        acts = (
            [self._go_on] * 12
            + [self._poll] * 6
            + [self._send] * 3
            + [self._seldom] * 2
        )
        host, chance, ticks = self._host, self._chance, 0
        while not (self._producer.done and host.done()):
            ticks += 1
            host.rough = ticks < ROUGH_TICKS
            if ticks > MOST_TICKS:
                raise Difference("nothing goes on")
            self._now_us += int(chance.random() ** 3 * 1_000_000)
            acts[int(chance.random() * len(acts))]()
        host.rough = False
        self._sweeper({}, Context(chance))
        self._check()

    def _fault(self, operation, key, done):
        if operation == "commit" and done:
            self._promised.add(self._ports.states.outbox_of(key))
        self._host.fault(operation, key, done)

    def _go_on(self):
        self._host.go_on(self._now_us)

    def _poll(self):
        self._host.poll(self._now_us)

    def _send(self):
        if not self._producer.done:
            self._producer.send(self._now_us, rough=self._host.rough)

    def _seldom(self):
        if not self._host.rough:
            return
        acts = [self._reshard, self._fail_over, self._fail_over, self._start_sweep]
        self._chance.choice(acts)()

    def _fail_over(self):
        self._host.fail_over(self._now_us)

    def _reshard(self):
        stream, chance = self._stream, self._chance
        neighbours = stream.neighbours()
        if neighbours and chance.random() < 0.4:
            stream.merge(*chance.choice(neighbours))
            self._happened["merged"] += 1
        elif len(stream.open_shards()) < 6:
            stream.split(chance.choice(stream.open_shards()))
            self._happened["split"] += 1

    def _start_sweep(self):
        if self._ports.states.undelivered():
            self._happened["swept meanwhile"] += 1
            self._host.start(partial(self._sweeper, {}, Context(self._chance)))

    def _check(self):
        found, expected = self._found(), self._expected()
        for what, right in expected.items():
            if found[what] != right:
                raise Difference(_difference(what, found[what], right))

    def _expected(self):
        """What one fold of each ticker's trades gives."""
        rules, rows, alerts, completed, states = self._rules, {}, {}, {}, {}
        positions = self._stream.last_numbers
        for ticker, trades in self._producer.trades.items():
            fresh = TickerState(ticker=ticker)
            folded = fold(fresh, [(1, trades)], rules.of(ticker))
            states[ticker] = msgspec.structs.replace(
                folded.state, stream_position=positions[ticker]
            )
            rows |= {_place(r): r for r in history_rows(ticker, folded, rules)}
            alerts |= {alert.id: alert for alert in folded.alerts}
            completed |= {
                completed_key(t): completed_object(t) for t in folded.completed
            }
        held = [s.position for s in states.values() if s.position is not None]
        return {
            "states": states,
            "positions": held,
            "history": rows,
            "alerts": alerts,
            "completed trades": completed,
            "dead letters": set(self._producer.bad_lines),
            "undelivered": [],
        }

    def _found(self):
        ports = self._ports
        series = [s for t in TICKERS for s in (t, bar_series(t, self._rules.bar_us))]
        return {
            "states": {
                ticker: msgspec.structs.replace(state, version=0)
                for ticker, state in ports.states.load(TICKERS).items()
            },
            "positions": ports.states.positions(),
            "history": {_place(r): r for s in series for r in ports.history.query(s)},
            "alerts": ports.notifier.alerts,
            "completed trades": {
                key: ports.objects.get(key)
                for key in ports.objects.keys(COMPLETED_TRADES)
            },
            "dead letters": {letter.data for letter in ports.dead_letters.list()},
            "undelivered": ports.states.undelivered(),
        }


def _place(row):
    return row.series, row.last_refreshed


def _difference(what, found, right):
    if isinstance(right, dict):
        lines = [
            f"  {key}:\n    found    {found.get(key)}\n    expected {right.get(key)}"
            for key in sorted(found.keys() | right.keys())
            if found.get(key) != right.get(key)
        ]
        return "\n".join([f"{what} differ:", *lines[:5]])
    return f"{what} differ:\n    found    {found}\n    expected {right}"


def attempt(seed, variant=RIGHT):
    """Run one seed; return what happened, and what went wrong or None."""
    try:
        return simulate(seed, variant), None
    except Exception as e:  # whatever it is, the seed must be told
        return Counter(), (seed, f"{type(e).__name__}: {e}")


def simulate_all(seeds, variant=RIGHT):
    """Run seeds on all cores; return all that happened, and the failures."""
    happened, failures = Counter(), []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for counted, failure in pool.map(
            partial(attempt, variant=variant), seeds, chunksize=50
        ):
            happened += counted
            failures += [failure] if failure else []
    return happened, failures


def replay_of(seed, variant):
    """Say how a seed is run again."""
    option = " --containers" if variant.containers else ""
    return f"replay it: python -m tests.simulation.distributed {seed}{option}"


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.distributed")
    parser.add_argument("seed", type=int, nargs="?", help="the seed to replay")
    parser.add_argument("--seeds", type=int, help="how many seeds, from 0")
    parser.add_argument("--containers", action="store_true", help="no functions")
    wanted = parser.parse_args(arguments)
    variant = CONTAINERS if wanted.containers else RIGHT
    if wanted.seeds is None:
        happened, failures = simulate(wanted.seed or 0, variant, Told()), []
        print()
    else:
        happened, failures = simulate_all(range(wanted.seeds), variant)
    for what, count in sorted(happened.items()):
        print(f"{count:>10,}  {what}")
    for seed, failure in failures[:10]:
        print(f"seed {seed}: {failure}")
        print(replay_of(seed, variant))
    print(f"{wanted.seeds or 1:,} seeds, {len(failures):,} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
