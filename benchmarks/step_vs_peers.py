"""One core's trades a second: `process_batch` against Bytewax and NautilusTrader.

Packs the SPY recording into records once, then runs each program as a child process
pinned to one core, in turns, and prints one table: medians over the rounds, and
whether all did the same work.  The peers live in an environment of their own, which
is made on first use.  See README.md beside this file.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from peers.work import write_records

from penstock.codec import Packer
from penstock.feeds.sequence import Sequencer
from penstock.model import Trade

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / "src"
RECORDING = (
    HERE.parent.parent / "shared" / "recordings" / "lean-spy-ticks-2013-10-08.zip"
)
REQUIREMENTS = HERE / "requirements-peers.txt"
PEERS = HERE / ".venv-peers"
MAX_RECORD_BYTES = 5_000
COUNTS = ("trades", "bars", "alerts", "bought", "sold")

Result = dict[str, Any]


class Program(NamedTuple):
    """A line of the table."""

    title: str
    script: str
    form: str
    is_peer: bool = True


FLOOR = Program("decode_lines alone: the floor", "penstock_itself", "floor", False)
OURS = Program("penstock, rows of 1s (default)", "penstock_itself", "1s", False)
NAUTILUS = Program("NautilusTrader", "nautilus_peer", "backtest")
PROGRAMS = (
    FLOOR,
    OURS,
    Program("penstock, rows of 1m", "penstock_itself", "1m", False),
    Program("Bytewax, a step for each task", "bytewax_peer", "operators"),
    Program("Bytewax, one hand-written step", "bytewax_peer", "fused"),
    Program("Bytewax, the same on whole records", "bytewax_peer", "records"),
    NAUTILUS,
)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recording", type=Path, default=RECORDING)
    parser.add_argument(
        "--peers-python",
        default=sys.executable,
        help="CPython 3.11 or 3.12 to make the peers' environment with",
    )
    parser.add_argument("--dip", default="0.01")
    parser.add_argument("--take-profit", default="0.05")
    parser.add_argument("--drop", default="0.05")
    return parser.parse_args()


def read_trades(recording: Path) -> Iterator[Trade]:
    """Read LEAN's equity ticks; their times count from midnight in New York."""
    with zipfile.ZipFile(recording) as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode("ascii")
    day = datetime.strptime(name[:8], "%Y%m%d").replace(
        tzinfo=ZoneInfo("America/New_York")
    )
    midnight_ms = int(day.timestamp()) * 1000
    for line in text.splitlines():
        after_ms, price, shares, *_ = line.split(",")
        event_us = (midnight_ms + int(after_ms)) * 1000
        yield Trade(
            venue="lean",
            symbol="SPY-USD",
            price=int(price) / 10_000,
            size=float(shares),
            event_us=event_us,
            received_us=event_us,
        )


def pack(recording: Path, path: Path) -> str:
    """Write the recording's records to `path`, and say what they are."""
    trades = Sequencer({}, contiguous=False).admit(read_trades(recording))
    packer = Packer(MAX_RECORD_BYTES, linger_us=0)
    packer.add(trades, now_us=0)
    records = [entry.data for entry in packer.flush()]
    write_records(path, records)
    size_mb = sum(map(len, records)) / 1e6
    return f"{len(trades):,} trades in {len(records):,} records, {size_mb:.1f} MB"


def prepare_peers(python: str) -> Path:
    """Return the peers' interpreter, with exactly the pinned packages installed."""
    interpreter = PEERS / "bin" / "python"
    stamp, wanted = PEERS / "installed.txt", REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    print(f"Making {PEERS.name}: downloads 250 MB from PyPI, takes a minute.")
    subprocess.run([python, "-m", "venv", "--clear", PEERS], check=True)
    (PEERS / ".gitignore").write_text("*\n")
    install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    done = subprocess.run([interpreter, *install, "-r", REQUIREMENTS], check=False)
    if done.returncode:
        sys.exit(
            f"The peers' packages cannot be installed for {python}; they have wheels "
            "for CPython 3.11 and 3.12. Pass one of these as --peers-python."
        )
    stamp.write_text(wanted)
    return interpreter


def pin_to_one_core() -> str:
    """Pin this process, and so its children, to a core; say which."""
    if not hasattr(os, "sched_setaffinity"):
        return "not pinned: this system has no sched_setaffinity"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return f"pinned to core {core}"


def run(program: Program, python: Path, folder: Path, rules: list[str]) -> Result:
    interpreter = python if program.is_peer else sys.executable
    script = HERE / "peers" / f"{program.script}.py"
    done = subprocess.run(
        [interpreter, script, folder / "records", program.form, *rules],
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
        stdout=subprocess.PIPE,
        check=True,
    )
    result: Result = json.loads(done.stdout)
    return result


def machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        names = [li.partition(": ")[2] for li in lines if li.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def table(results: dict[Program, list[Result]]) -> str:
    """Write the table; ratios are medians over the rounds' own ratios."""
    ours_s = [r["cpu_s"] for r in results[OURS]]
    trades = results[OURS][0]["trades"]
    rows = [
        f"{'':36}{'CPU s':>7} {'min - max':>13}{'wall s':>8}{'trades/s':>11}"
        f"{'x ours':>8}{'bars':>6}{'alerts':>7}{'buys':>6}{'sales':>6}"
    ]
    for program, rounds in results.items():
        cpu_s = [r["cpu_s"] for r in rounds]
        wall_s = median(r["wall_s"] for r in rounds)
        ratio = median(a / b for a, b in zip(cpu_s, ours_s, strict=True))
        spread = f"{min(cpu_s):.3f} - {max(cpu_s):.3f}"
        cells = [str(rounds[0].get(name, "")) for name in COUNTS[1:]]
        rows.append(
            f"{program.title:36}{median(cpu_s):7.3f} {spread:>13}{wall_s:8.3f}"
            f"{trades / median(cpu_s):11,.0f}{ratio:8.2f}"
            f"{cells[0]:>6}{cells[1]:>7}{cells[2]:>6}{cells[3]:>6}"
        )
    return "\n".join(rows)


def differences(results: dict[Program, list[Result]]) -> list[str]:
    """Name the programs that did other work than ours.

    A bar more or less is none: whether the last, open bar counts is a convention.
    """
    expected, found = results[OURS][0], []
    for program, rounds in results.items():
        for result in rounds:
            for name in set(COUNTS) & set(result):
                allowed = 1 if name == "bars" else 0
                if abs(result[name] - expected[name]) > allowed:
                    text = f"{result[name]} {name}, penstock {expected[name]}"
                    found.append(f"{program.title}: {text}")
    return sorted(set(found))


def main() -> int:
    arguments = read_arguments()
    if not arguments.recording.exists():
        print(f"{arguments.recording} is absent; name the file with --recording.")
        return 2
    python = prepare_peers(arguments.peers_python)
    rules = [f"--dip={arguments.dip}", f"--take-profit={arguments.take_profit}"]
    rules.append(f"--drop={arguments.drop}")
    results: dict[Program, list[Result]] = {program: [] for program in PROGRAMS}
    with TemporaryDirectory() as name:
        folder = Path(name)
        # A copy, so that an edit while this runs is not measured in some rounds only.
        shutil.copytree(SOURCES, folder / "src")
        packed = pack(arguments.recording, folder / "records")
        pinned = pin_to_one_core()
        for _ in range(arguments.rounds):
            for program, rounds in results.items():
                rounds.append(run(program, python, folder, rules))
    versions = dict.fromkeys(r[0]["version"] for r in results.values())
    pythons = dict.fromkeys(r[0]["python"] for r in results.values())
    over_floor = (
        a["cpu_s"] / b["cpu_s"]
        for a, b in zip(results[OURS], results[FLOOR], strict=True)
    )
    print(f"{packed}; {arguments.rounds} rounds in turns, {pinned}; {' '.join(rules)}")
    print(f"{machine()}; Python {', '.join(pythons)}; {', '.join(versions)}\n")
    print(table(results))
    print(f"\npenstock takes {median(over_floor):.2f} times the floor.")
    loading_s = median(r["loading_s"] for r in results[NAUTILUS])
    print(f"NautilusTrader's loading, not counted: {loading_s:.2f} s.")
    wrong = differences(results)
    print("\n".join(wrong) if wrong else "All did the same work.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
