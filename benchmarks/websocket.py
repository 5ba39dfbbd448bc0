"""One websocket's messages a second, from the socket to the trades; and its memory.

    .venv/bin/python benchmarks/websocket.py
    .venv/bin/python benchmarks/websocket.py --soak 10_000_000

A server in a process of its own sends Binance's aggregated trades over loopback as
fast as they are read.  What reads them is pinned to one core, both threads of a
`LiveSource` together; the figures per CPU second are those of that process alone and
hold where other programs have a share of the machine.  The parsers are given the same
frames in memory: penstock's feed, and `ccxt.pro` and `cryptofeed` in an environment of
their own, which is made on first use from requirements-websocket-peers.txt.

`--soak N` reads N messages through one driver and reports its memory on the way.
"""

import argparse
import asyncio
import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from statistics import median

from msgspec.structs import replace
from step_vs_peers import machine, pin_to_one_core
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from penstock.drivers.live import ENDPOINTS, LiveSource
from penstock.feeds import make_feed

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements-websocket-peers.txt"
PEERS = HERE / ".venv-websocket-peers"
FIRST_ID = 3_735_683_259
CHUNK = 500  # messages that are sent in one go
FRAME = (
    '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1723161255343,'
    '"s":"BTCUSDT","a":%d,"p":"61837.%02d000000","q":"0.02000000","f":3800000000,'
    '"l":3800000009,"T":1723161255342,"m":true,"M":true}}'
)


def frames(first_id, number):
    return [FRAME % (n, n % 100) for n in range(first_id, first_id + number)]


# The server.


def serve(listener):
    """Send trades to one client after the other, for as long as each reads them."""
    while True:
        client, _ = listener.accept()
        with client, suppress(ConnectionError, BrokenPipeError):
            blast(client)


def blast(client):
    protocol = ServerProtocol()
    while not (events := protocol.events_received()):
        protocol.receive_data(client.recv(65_536))
    protocol.send_response(protocol.accept(events[0]))
    client.sendall(b"".join(protocol.data_to_send()))
    template = Frame(Opcode.TEXT, (FRAME % (FIRST_ID, 0)).encode())
    head = template.serialize(mask=False)[: -len(template.data)]
    for first_id in count(FIRST_ID, CHUNK):
        # The ids keep their length, and so the frames their head.
        payloads = frames(first_id, CHUNK)
        client.sendall(head + head.join(map(str.encode, payloads)))
        if select.select([client], [], [], 0)[0]:
            protocol.receive_data(client.recv(65_536))
            client.sendall(b"".join(protocol.data_to_send()))
            if protocol.close_rcvd:
                return


# What reads it, each in a process of its own.


def source_of(port):
    usual = ENDPOINTS["binance"]
    endpoint = replace(usual, url=f"ws://127.0.0.1:{port}/stream", rest=None)
    return LiveSource(
        {"binance": ["BTC-USDT"]}, marks={}, endpoints={"binance": endpoint}
    )


def live(port, number):
    """Take `number` trades from a source; count from the first."""
    source = source_of(port)
    got = 0
    for batch in source.batches():
        if got == 0 and batch.trades:
            wall, cpu = time.perf_counter(), time.process_time()
        got += len(batch.trades)
        if got >= number:
            result = figures(got, wall, cpu)
            break
    (ticker,) = source.status().tickers
    assert (ticker.missing, ticker.duplicates) == (0, 0)
    return result


def raw(port, number):
    """Read `number` messages with the library alone, and do nothing with them."""

    async def read():
        url = f"ws://127.0.0.1:{port}/stream"
        async with connect(url, compression=None, proxy=None) as websocket:
            await websocket.recv(decode=False)
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(number):
                await websocket.recv(decode=False)
            result = figures(number, wall, cpu)
            websocket.transport.abort()
            with suppress(ConnectionClosed):
                await websocket.wait_closed()
        return result

    return asyncio.run(read())


def parse(_, number):
    """Give penstock's feed `number` messages in memory."""
    feed = make_feed("binance", ["BTC-USDT"])
    messages = [frame.encode() for frame in frames(FIRST_ID, number)]
    wall, cpu = time.perf_counter(), time.process_time()
    for message in messages:
        feed.receive(message, 1)
    return figures(number, wall, cpu)


def soak(port, number):
    """Take `number` trades; return the memory in MB at 10, 50 and 100 %."""
    source = source_of(port)
    got, marks = 0, {}
    began = time.perf_counter()
    with closing(source.batches()) as batches:
        for batch in batches:
            got += len(batch.trades)
            for percent in (10, 50, 100):
                if percent not in marks and got * 100 >= number * percent:
                    marks[percent] = memory_mb()
            if got >= number:
                break
    (connection,) = source.status().connections
    assert connection.connects == 1
    return {"messages": got, "wall_s": time.perf_counter() - began, "rss_mb": marks}


def figures(number, wall, cpu):
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    return {"messages": number, "wall_s": wall_s, "cpu_s": cpu_s}


def memory_mb():
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # the peak


# The report.


def measure(name, port, number):
    command = [sys.executable, __file__, "--only", name, str(port), str(number)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def prepare_peers():
    """Return the peers' interpreter; None where they cannot be installed."""
    interpreter = PEERS / "bin" / "python"
    stamp, wanted = PEERS / "installed.txt", REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    print(f"Making {PEERS.name} from PyPI.", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", PEERS], check=True)
    (PEERS / ".gitignore").write_text("*\n")
    # cryptofeed has no wheels and needs a compiler.
    install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    install += ["--no-binary", "cryptofeed", "-r", REQUIREMENTS]
    done = subprocess.run([interpreter, *install], check=False)
    if done.returncode:
        print("They cannot be installed here, and are left out.")
        return None
    stamp.write_text(wanted)
    return interpreter


def measure_peer(interpreter, name, path):
    script = HERE / "peers" / "websocket_parse.py"
    command = [interpreter, script, name, path]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def line(title, rounds):
    messages = rounds[0]["messages"]
    cpu = messages / median(r["cpu_s"] for r in rounds)
    wall = ""
    if "wall_s" in rounds[0]:
        wall = f"{messages / median(r['wall_s'] for r in rounds):,.0f}"
    return f"{title:<44}{messages:>11,}{wall:>12}{cpu:>15,.0f}"


def report(port, rounds, number):
    pinned = pin_to_one_core()
    peers = prepare_peers()
    print(f"{machine()}; Python {sys.version.split()[0]}; {pinned}; {rounds} rounds")
    print(f"{'':<44}{'messages':>11}{'/s':>12}{'/s of CPU':>15}")
    titles = {
        "LiveSource, from the socket to the trades": "live",
        "websockets alone: read and dropped": "raw",
        "penstock's feed, in memory": "parse",
    }
    for title, name in titles.items():
        print(line(title, [measure(name, port, number) for _ in range(rounds)]))
    if peers is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frames"
        path.write_text("\n".join(frames(FIRST_ID, number)))
        for name in ("cryptofeed", "ccxt"):
            results = [measure_peer(peers, name, path) for _ in range(rounds)]
            print(line(f"{results[0]['version']}, in memory", results))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--soak", type=int, metavar="N")
    parser.add_argument("--only", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        keep_off_the_readers_core()
        serve(socket.socket(fileno=arguments.serve))
        return
    if arguments.only:
        name, port, number = arguments.only
        work = {"live": live, "raw": raw, "parse": parse, "soak": soak}[name]
        print(json.dumps(work(int(port), int(number))))
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, __file__, "--serve", str(fd)]
        server = subprocess.Popen(command, pass_fds=[fd])
    try:
        if arguments.soak:
            pin_to_one_core()
            result = measure("soak", port, arguments.soak)
            rate = result["messages"] / result["wall_s"]
            print(f"{result['messages']:,} messages, {rate:,.0f}/s")
            for percent, rss_mb in result["rss_mb"].items():
                print(f"memory at {percent:>3} %: {rss_mb:.1f} MB")
        else:
            report(port, arguments.rounds, arguments.messages)
    finally:
        server.kill()
        server.wait()


def keep_off_the_readers_core():
    """Run on another core than what reads, if there is another."""
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores - {max(cores)} or cores)


if __name__ == "__main__":
    main()
