"""Penstock's own programs in the comparison: `process_batch`, and the floor under it.

`floor` decodes the records and does nothing else.  `1s` and `1m` are `process_batch`
on memory adapters with history rows at that resolution; 1s is penstock's default.
"""

from argparse import Namespace
from decimal import Decimal

import msgspec
import work

from penstock.engine.rules import DropRule, Rules, StrategyRule
from penstock.memory import (
    MemoryDeadLetters,
    MemoryHistory,
    MemoryNotifier,
    MemoryObjects,
    MemoryStates,
)
from penstock.model import Trade
from penstock.pipeline import Ports, process_batch
from penstock.ports import Record

BATCH_RECORDS = 500


def make_rules(arguments: Namespace) -> Rules:
    strategy = StrategyRule(
        window_us=work.WINDOW_US,
        dip=arguments.dip,
        take_profit=arguments.take_profit,
        notional=work.NOTIONAL,
        fee_bps=work.FEE_RATE * Decimal(10_000),
    )
    drop = DropRule(drop=arguments.drop, window_us=work.WINDOW_US)
    return Rules(
        bar_us=work.BAR_US,
        history=arguments.form,
        alerts=(drop,),
        strategy=strategy,
    )


def run_batches(records: list[Record], ports: Ports, rules: Rules) -> dict[str, int]:
    sums = dict.fromkeys(("trades", "bars", "alerts", "bought", "sold"), 0)
    for start in range(0, len(records), BATCH_RECORDS):
        batch = records[start : start + BATCH_RECORDS]
        result = process_batch(batch, ports, rules)
        sums["trades"] += result.applied
        sums["bars"] += result.new_bars
        sums["alerts"] += len(result.alerts)
        sums["bought"] += len(result.opened)
        sums["sold"] += len(result.completed)
    return sums


def decode(records: list[bytes]) -> dict[str, int]:
    decode_lines = msgspec.json.Decoder(Trade).decode_lines
    trades = 0
    for record in records:
        trades += len(decode_lines(record))
    return {"trades": trades}


def main(arguments: Namespace) -> None:
    packed, watch = work.read_records(arguments.records), work.Stopwatch()
    if arguments.form == "floor":
        with watch.running():
            counts = decode(packed)
        work.report(watch, "msgspec", **counts)
        return
    records = [
        Record("shard-0", number, work.TICKER, data, 0)
        for number, data in enumerate(packed, start=1)
    ]
    ports = Ports(
        states=MemoryStates(),
        history=MemoryHistory(),
        objects=MemoryObjects(),
        notifier=MemoryNotifier(),
        dead_letters=MemoryDeadLetters(),
    )
    rules = make_rules(arguments)
    with watch.running():
        counts = run_batches(records, ports, rules)
    work.report(watch, "penstock", **counts)


if __name__ == "__main__":
    main(work.read_arguments())
