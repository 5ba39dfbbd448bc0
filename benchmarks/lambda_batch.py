"""The consumer on Lambda against the usual handler and Powertools.

    .venv/bin/python benchmarks/lambda_batch.py

Everybody is given the same trades, in the same Kinesis events, and botocore's own work
is everybody's: only what would leave the machine is answered by a stand-in, whose time
is taken off.  See README.md beside this file.
"""

import argparse
import base64
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from penstock.codec import Entry, Packer
from penstock.feeds.sequence import Sequencer
from penstock.feeds.simulated import SimulatedMarket
from penstock.model import Trade
from penstock.packaging import Target, package

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "lambdas"
PEERS = HERE / ".venv-lambda"
START_US = 1_700_000_000_000_000
RECORDS_PER_EVENT = 500
WARM_UP_TRADES = 2_000
COLD_ROUNDS = 4  # for each of the others: they take a second
# What Lambda's runtime has: boto3 and what that needs.
RUNTIME = (
    "boto3",
    "botocore",
    "dateutil",
    "jmespath",
    "s3transfer",
    "six.py",
    "urllib3",
)
# What a zip with Powertools has beside the handler.
POWERTOOLS = ("aws_lambda_powertools", "typing_extensions.py")

RULES = {
    "alerts": [{"drop": "0.004"}],
    "strategy": {"dip": "0.002", "take_profit": "0.002"},
}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "consumer",
    "STREAM_NAME": "crypto-price-stream-dev",
    "DYNAMO_TABLE_NAME": "crypto-price-history-dev",
    "STATE_TABLE_NAME": "crypto-price-state-dev",
    "POSITIONS_TABLE_NAME": "crypto-positions-dev",
    "BUCKET_NAME": "crypto-trading-data-123456789012-dev",
    "SNS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:crypto-price-alerts-dev",
}

Figures = dict[str, Any]


class Function(NamedTuple):
    """A line of the tables."""

    title: str
    name: str
    module: str
    environment: tuple[tuple[str, str], ...]


CONFIGURED = (("PENSTOCK_CONFIG", json.dumps(RULES)),)
OURS = Function("penstock", "penstock", "data_consumer_lambda", CONFIGURED)
# Below every price: it never fires.
UNARMED = (("PRICE_THRESHOLD", "1e-9"),)
USUAL = Function("a: put by put", "usual", "handler_usual", UNARMED)
TOOLS = Function("b: Powertools", "powertools", "handler_powertools", CONFIGURED)
FUNCTIONS = (OURS, USUAL, TOOLS)


class Stream(NamedTuple):
    """A form in which the trades come."""

    title: str
    name: str
    max_bytes: int


STREAMS = (
    Stream("a trade a record", "single", 1),
    Stream("records of 5 kB", "packed", 5_000),
)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trades", type=int, default=5_000)
    return parser.parse_args()


def make_runtime(folder: Path) -> Path:
    """Make what Lambda's runtime is to all: the SDK, with its bytecode."""
    command = [sys.executable, "-m", "uv", "sync", "--locked", "--only-group", "bench"]
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), *command[3:], "--no-install-project", "--quiet"]
    environment = os.environ | {"UV_PROJECT_ENVIRONMENT": str(PEERS)}
    subprocess.run(
        [*command, "--compile-bytecode"], cwd=HERE.parent, env=environment, check=True
    )
    runtime = folder / "runtime"
    runtime.mkdir()
    for name in RUNTIME:
        (runtime / name).symlink_to(site_packages() / name)
    return runtime


def site_packages() -> Path:
    (found,) = PEERS.glob("lib/*/site-packages")
    return found


def make_functions(folder: Path) -> dict[str, Path]:
    """Unpack each function's zip; return where, by name."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    target = Target(arch=platform.machine(), python=python)
    zips = {item.function: item.path for item in package(folder / "zips", target)}
    ours = folder / OURS.name
    with zipfile.ZipFile(zips["consumer"]) as archive:
        archive.extractall(ours)
    for peer in (USUAL, TOOLS):
        shutil.copytree(SOURCES / peer.name, folder / peer.name)
    for name in POWERTOOLS:
        found, target_path = site_packages() / name, folder / TOOLS.name / name
        if found.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(found, target_path, ignore=ignored)
        else:
            shutil.copyfile(found, target_path)
    return {function.name: folder / function.name for function in FUNCTIONS}


def zip_size(folder: Path, scratch: Path) -> int:
    """Return how large the folder's zip is."""
    return (
        Path(shutil.make_archive(str(scratch / "size"), "zip", folder)).stat().st_size
    )


def write_events(path: Path, trades: int, max_bytes: int) -> int:
    """Write Kinesis events, one a line; return how many are to warm up, after one.

    The first is of one record, for the cold start.
    """
    market = SimulatedMarket(seed=1, start_us=START_US)
    numbered = Sequencer({}, contiguous=False).admit(
        list(islice(market, WARM_UP_TRADES + trades))
    )
    warm_up = pack(numbered[:WARM_UP_TRADES], max_bytes)
    measured = pack(numbered[WARM_UP_TRADES:], max_bytes)
    start = 0
    with path.open("w") as file:
        for entries in ([warm_up[0]], *in_events(warm_up[1:]), *in_events(measured)):
            file.write(json.dumps(event_of(entries, start)) + "\n")
            start += len(entries)
    return len(in_events(warm_up[1:]))


def pack(trades: list[Trade], max_bytes: int) -> list[Entry]:
    packer = Packer(max_bytes, 1 << 60)
    packer.add(trades, 0)
    # As a producer appends them: in order of time, not ticker by ticker.
    return sorted(packer.flush(), key=lambda entry: entry.last_seq)


def in_events(entries: list[Entry]) -> list[list[Entry]]:
    starts = range(0, len(entries), RECORDS_PER_EVENT)
    return [entries[start : start + RECORDS_PER_EVENT] for start in starts]


def event_of(entries: list[Entry], start: int) -> dict[str, Any]:
    base = 49545115243490985018280067714973144582180062593244200961
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": entry.key,
                    "sequenceNumber": str(base + number),
                    "data": base64.b64encode(entry.data).decode(),
                    "approximateArrivalTimestamp": START_US / 1e6,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000000:{base + number}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/consumer",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
            }
            for number, entry in enumerate(entries, start)
        ]
    }


def measure(
    function: Function, folder: Path, runtime: Path, events: Path, warm_up: int
) -> Figures:
    """Run a function in a process of its own."""
    command = [sys.executable, "-S", str(SOURCES / "measure.py"), str(folder)]
    environment = (
        ENVIRONMENT
        | dict(function.environment)
        | {
            "PYTHONPATH": str(runtime),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
    done = subprocess.run(
        [*command, function.module, str(events), str(warm_up)],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{function.title} failed:\n{done.stderr}")
    return json.loads(done.stderr.splitlines()[-1])


def least(rounds: list[Figures]) -> Figures:
    """Return the least of each time: others on the machine only ever add to it."""
    return rounds[0] | {
        key: min(r[key] for r in rounds) for key in ("import_s", "cold_s", "warm_s")
    }


def in_turns(measures: dict[Any, Any], rounds: int) -> dict[Any, Figures]:
    """Measure everything once, and again; so that all meet the same disturbances."""
    results: dict[Any, list[Figures]] = {key: [] for key in measures}
    for _ in range(rounds):
        for key, run in measures.items():
            results[key].append(run())
    return {key: least(found) for key, found in results.items()}


def main() -> None:
    arguments = read_arguments()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        runtime = make_runtime(folder)
        folders = make_functions(folder)
        events = {stream.name: folder / f"{stream.name}.json" for stream in STREAMS}
        warm_up = {
            s.name: write_events(events[s.name], arguments.trades, s.max_bytes)
            for s in STREAMS
        }
        sizes = {f: zip_size(folders[f.name], folder) for f in FUNCTIONS}
        batches = in_turns(
            {
                (f, s): lambda f=f, s=s: measure(
                    f, folders[f.name], runtime, events[s.name], warm_up[s.name]
                )
                for s in STREAMS
                for f in FUNCTIONS
            },
            arguments.rounds,
        )
        print_batches(batches, arguments)
        first = folder / "first.json"
        first.write_text(events["packed"].read_text().partition("\n")[0] + "\n")
        cold: dict[tuple[Function, str], Figures] = {}
        for form in ("sources", "bytecode"):
            if form == "bytecode":
                for path in folders.values():
                    compiled = [sys.executable, "-m", "compileall", "-q", str(path)]
                    subprocess.run(compiled, check=True)
            cold |= in_turns(
                {
                    (f, form): lambda f=f: measure(
                        f, folders[f.name], runtime, first, 0
                    )
                    for f in FUNCTIONS
                },
                COLD_ROUNDS * arguments.rounds,
            )
        print_cold(cold, sizes)


def print_batches(
    results: dict[tuple[Function, Stream], Figures], arguments: argparse.Namespace
) -> None:
    print(
        f"{arguments.trades:,} trades of 5 tickers, {RECORDS_PER_EVENT} records an "
        f"event; the least of {arguments.rounds} rounds in turns\n"
        f"Python {platform.python_version()}; boto3 {boto_version()}, penstock "
        f"{version('penstock')}, aws-lambda-powertools {powertools_version()}\n"
    )
    head = f"{'CPU s per':>14}{'x ours':>9}{'calls per':>12}{'x ours':>9}"
    print(f"{'':<34}{head}{'alerts':>8}{'sales':>7}")
    print(f"{'':<34}{'million trades':>14}{'':>9}{'10,000':>12}")
    for stream in STREAMS:
        ours = results[OURS, stream]
        for function in FUNCTIONS:
            found = results[function, stream]
            print(line_of(f"{function.title}, {stream.title}", found, ours, arguments))
    print()


def line_of(
    title: str, found: Figures, ours: Figures, arguments: argparse.Namespace
) -> str:
    scale = 1e6 / arguments.trades
    return (
        f"{title:<34}{found['warm_s'] * scale:>14,.1f}"
        f"{found['warm_s'] / ours['warm_s']:>9,.1f}"
        f"{found['calls'] * 10_000 / arguments.trades:>12,.0f}"
        f"{found['calls'] / ours['calls']:>9,.1f}"
        f"{found['alerts']:>8}{found['sales']:>7}"
    )


def print_cold(
    results: dict[tuple[Function, str], Figures], sizes: dict[Function, int]
) -> None:
    print(
        f"{'cold start, CPU ms':<22}{'import':>9}{'+ first':>9}{'x ours':>9}"
        f"{'with bytecode':>15}{'x ours':>9}{'zip kB':>9}{'modules':>9}"
    )
    for function in FUNCTIONS:
        source, compiled = (results[function, c] for c in ("sources", "bytecode"))
        ours = [results[OURS, c]["cold_s"] for c in ("sources", "bytecode")]
        print(
            f"{function.title:<22}{source['import_s'] * 1000:>9.0f}"
            f"{source['cold_s'] * 1000:>9.0f}{source['cold_s'] / ours[0]:>9.2f}"
            f"{compiled['cold_s'] * 1000:>15.0f}{compiled['cold_s'] / ours[1]:>9.2f}"
            f"{sizes[function] / 1000:>9,.0f}{source['modules']:>9}"
        )


def boto_version() -> str:
    return version_in("boto3")


def powertools_version() -> str:
    return version_in("aws_lambda_powertools")


def version_in(name: str) -> str:
    (info,) = site_packages().glob(f"{name}-*.dist-info")
    return info.name.removeprefix(f"{name}-").removesuffix(".dist-info")


if __name__ == "__main__":
    main()
