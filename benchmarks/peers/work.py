"""What the measured programs share: their input, the rules, and their report.

Each program runs as a script of its own, in the peers' environment or in penstock's,
and prints one JSON object.  Nothing here is measured but `LookBack`.
"""

import argparse
import json
import platform
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_DOWN, Decimal
from importlib.metadata import version
from pathlib import Path

TICKER = "lean:SPY-USD"
BAR_US = 60_000_000
WINDOW_US = 300_000_000
BUCKETS = 60
NOTIONAL = Decimal(1000)
FEE_RATE = Decimal("0.001")
LOT = Decimal("1e-8")


def read_arguments() -> argparse.Namespace:
    """Read what the driver hands to every program; the fractions as decimal text."""
    parser = argparse.ArgumentParser()
    parser.add_argument("records", type=Path)
    parser.add_argument("form")
    parser.add_argument("--dip", type=Decimal, required=True)
    parser.add_argument("--take-profit", type=Decimal, required=True)
    parser.add_argument("--drop", type=Decimal, required=True)
    return parser.parse_args()


def write_records(path: Path, records: list[bytes]) -> None:
    """Write each record after its length in four bytes, most significant first."""
    with path.open("wb") as file:
        for record in records:
            file.write(len(record).to_bytes(4, "big"))
            file.write(record)


def read_records(path: Path) -> list[bytes]:
    """Read what `write_records` wrote."""
    packed = path.read_bytes()
    records, at = [], 0
    while at < len(packed):
        start = at + 4
        at = start + int.from_bytes(packed[at:start], "big")
        records.append(packed[start:at])
    return records


class Stopwatch:
    """Wall-clock and processor seconds of the marked part of a program."""

    wall_s = cpu_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        yield
        self.wall_s = time.perf_counter() - wall_s
        self.cpu_s = time.process_time() - cpu_s


def report(watch: Stopwatch, package: str, **counts: float) -> None:
    """Print what was done, in which time, by which version."""
    result = {
        "wall_s": watch.wall_s,
        "cpu_s": watch.cpu_s,
        "python": platform.python_version(),
        "version": f"{package} {version(package)}",
    }
    json.dump(result | counts, sys.stdout)


class LookBack:
    """The highest price of the look-back window: 60 buckets, their maximum kept."""

    def __init__(self) -> None:
        self.bucket_us = WINDOW_US // BUCKETS
        self.older: deque[tuple[int, float]] = deque()
        self.end_us = 0
        self.newest = self.high = 0.0

    def add(self, event_us: int, price: float) -> float:
        """Count a trade and return the window's high, this trade included."""
        if event_us >= self.end_us:
            self.advance(event_us)
        if price > self.newest:
            self.newest = price
            if price > self.high:
                self.high = price
        return self.high

    def advance(self, event_us: int) -> None:
        """Open the bucket of `event_us`, and forget those that left the window."""
        older = self.older
        older.append((self.end_us, self.newest))
        self.end_us = event_us - event_us % self.bucket_us + self.bucket_us
        while older and older[0][0] <= self.end_us - WINDOW_US:
            older.popleft()
        self.newest = 0.0
        self.high = max((high for _, high in older), default=0.0)


def quantity_of(price: float) -> Decimal:
    """Return how much the notional buys, rounded down to 8 decimals."""
    return (NOTIONAL / Decimal(repr(price))).quantize(LOT, ROUND_DOWN)
