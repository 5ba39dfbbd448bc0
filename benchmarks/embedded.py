"""The embedded pipeline end to end: throughput, latency, memory.

    .venv/bin/python benchmarks/embedded.py

Every figure is of a process of its own, with `durability = "full"`: what is counted
as appended would survive a loss of power.  Throughput covers everything: reading and
parsing the source, numbering, packing, the log, the step, history, state and archive,
up to the last object in the archive.  Latency is from the call of `append` to the
commit of the decision that the trade led to.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from itertools import islice
from pathlib import Path
from statistics import median

from penstock.bootstrap import open_store
from penstock.codec import encode_trade
from penstock.config import Settings, StreamSettings
from penstock.drivers.files import open_file
from penstock.entrypoints.feeder import SourceBatch
from penstock.entrypoints.worker import Worker
from penstock.feeds.simulated import SimulatedMarket

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
START_US = 1_700_000_000_000_000
NDJSON_TRADES = 1_000_000


def of_files(*paths, **options):
    for path in paths:
        with open_file(path, **options) as source:
            for batch in source:
                yield SourceBatch(batch.trades)


def throughput(data_dir, batches):
    """Feed `batches` to the end; return trades and seconds, wall and CPU."""
    settings = Settings(data_dir=data_dir)
    applied = 0

    def watch(result):
        nonlocal applied
        applied += result.applied

    wall, cpu = time.perf_counter(), time.process_time()
    with open_store(settings) as store, Worker(store, settings, watch) as worker:
        worker.feeder.feed(batches, contiguous=False)
    seconds = time.perf_counter() - wall
    return {"trades": applied, "s": seconds, "cpu_s": time.process_time() - cpu}


def simulated(data_dir, _):
    market = iter(SimulatedMarket(seed=1, start_us=START_US))
    chunks = (SourceBatch(list(islice(market, 5000))) for _ in range(200))
    return throughput(data_dir, chunks)


def ndjson(data_dir, scratch):
    path = scratch / "trades.ndjson"
    if not path.exists():
        market = SimulatedMarket(seed=1, start_us=START_US)
        with path.open("wb") as file:
            file.writelines(encode_trade(t) for t in islice(market, NDJSON_TRADES))
    return throughput(data_dir, of_files(path))


def spy(data_dir, _):
    return throughput(data_dir, of_files(RECORDINGS / "lean-spy-ticks-2013-10-08.zip"))


def binance(data_dir, _):
    names = [f"binance-spot-btcusdt-2024-08-0{day}.frames.gz" for day in (8, 9)]
    return throughput(data_dir, of_files(*(RECORDINGS / name for name in names)))


def latency(data_dir, _, rate=1000, seconds=20):
    """Feed 1,000 trades a second of 5 tickers; follow each record to its commit."""
    stream = StreamSettings(linger_us=0)
    settings = Settings(data_dir=data_dir, stream=stream)
    under_way, taken_ms = {}, []

    def watch(result):
        now = time.perf_counter()
        for ticker, state in result.states.items():
            waiting = under_way.get(ticker, deque())
            while waiting and waiting[0][0] <= state.last_seq:
                taken_ms.append((now - waiting.popleft()[1]) * 1000)

    def batches(slice_s=0.01):
        market = iter(SimulatedMarket(seed=1, start_us=START_US, rate_per_s=rate))
        due = time.perf_counter()
        for _ in range(round(seconds / slice_s)):
            due += slice_s
            time.sleep(max(0, due - time.perf_counter()))
            yield SourceBatch(list(islice(market, round(rate * slice_s))))

    with open_store(settings) as store:
        append = store.stream.append

        def timed(entries):
            now = time.perf_counter()
            for entry in entries:
                under_way.setdefault(entry.key, deque()).append((entry.last_seq, now))
            return append(entries)

        store.stream.append = timed
        with Worker(store, settings, watch) as worker:
            worker.feeder.feed(batches(), contiguous=False)
    taken_ms.sort()
    marks = {p: taken_ms[int(len(taken_ms) * p / 100)] for p in (50, 99)}
    return {"p50_ms": marks[50], "p99_ms": marks[99], "max_ms": taken_ms[-1]}


def memory(data_dir, _, tickers=1000):
    """Feed 1,000 tickers for ten minutes of event time; return the peak in MB."""
    symbols = [f"T{number}-USD" for number in range(tickers)]
    market = iter(
        SimulatedMarket(seed=1, start_us=START_US, symbols=symbols, rate_per_s=1000)
    )
    chunks = (SourceBatch(list(islice(market, 5000))) for _ in range(120))
    figures = throughput(data_dir, chunks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**figures, "peak_mb": peak}


MEASURES = {m.__name__: m for m in (simulated, ndjson, spy, binance, latency, memory)}


def measure(name, rounds, scratch):
    """Run one measure in processes of its own; return the median of each figure."""
    results = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=scratch) as data_dir:
            command = [sys.executable, __file__, "--only", name, data_dir, str(scratch)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout))
    return {key: median(r[key] for r in results) for key in results[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        name, data_dir, scratch = arguments.only
        print(json.dumps(MEASURES[name](Path(data_dir), Path(scratch))))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(arguments.rounds, Path(folder))


def report(rounds, scratch):
    print(f"{'source':<36}{'trades':>10}{'wall s':>9}{'CPU s':>9}{'trades/s':>11}")
    rows = {
        "simulated market, 5 tickers": "simulated",
        "NDJSON file, 5 tickers": "ndjson",
        "SPY ticks, zipped CSV, 1 ticker": "spy",
        "Binance frames, gzipped, 1 ticker": "binance",
    }
    for title, name in rows.items():
        if name in ("spy", "binance") and not RECORDINGS.is_dir():
            print(f"{title:<36}  skipped: no recordings")
            continue
        r = measure(name, rounds, scratch)
        rate = r["trades"] / r["s"]
        print(
            f"{title:<36}{r['trades']:>10,.0f}{r['s']:>9.2f}{r['cpu_s']:>9.2f}{rate:>11,.0f}"
        )
    r = measure("latency", rounds, scratch)
    print(
        "append to committed decision at 1,000 trades/s: "
        f"p50 {r['p50_ms']:.1f} ms, p99 {r['p99_ms']:.1f} ms, max {r['max_ms']:.1f} ms"
    )
    r = measure("memory", rounds, scratch)
    print(
        f"1,000 tickers, {r['trades']:,.0f} trades: {r['peak_mb']:.0f} MB at most "
        f"({r['trades'] / r['s']:,.0f} trades/s)"
    )


if __name__ == "__main__":
    main()
