"""What other libraries make of Binance's frames in memory: `ccxt` or `cryptofeed`.

    websocket_parse.py ccxt|cryptofeed FILE

FILE has a frame a line.  Prints JSON: trades, CPU seconds and the library's version.
Each is called as its own connection calls it with a message, up to the trade in its
own form; neither touches the network here.
"""

import asyncio
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path


async def ccxt(frames):
    import ccxt.pro  # noqa: PLC0415 (only one of the two is asked for)

    exchange = ccxt.pro.binance()
    market = {
        "id": "BTCUSDT",
        "lowercaseId": "btcusdt",
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "type": "spot",
        "spot": True,
        "precision": {"amount": 1e-8, "price": 1e-2},
    }
    exchange.set_markets([exchange.safe_market_structure(market)])
    client = exchange.client("wss://stream.binance.com:9443/stream")
    began = time.process_time()
    for frame in frames:
        client.handle_text_or_binary_message(frame)
    cpu_s = time.process_time() - began
    newest = exchange.trades["BTC/USDT"][-1]["id"]
    await exchange.close()
    return cpu_s, newest


async def cryptofeed(frames):
    from cryptofeed.defines import TRADES  # noqa: PLC0415
    from cryptofeed.exchanges import Binance  # noqa: PLC0415
    from cryptofeed.symbols import Symbols  # noqa: PLC0415

    newest = None

    async def callback(trade, _):
        nonlocal newest
        newest = trade.id

    known = {"symbols": ["BTC-USDT"], "instrument_type": {"BTC-USDT": "spot"}}
    Symbols.set("BINANCE", {"BTC-USDT": "BTCUSDT"}, known)
    feed = Binance(
        symbols=["BTC-USDT"], channels=[TRADES], callbacks={TRADES: callback}
    )
    began = time.process_time()
    for frame in frames:
        await feed.message_handler(frame, None, 1.0)
    return time.process_time() - began, newest


def main():
    name, path = sys.argv[1:]
    frames = Path(path).read_text().splitlines()
    work = {"ccxt": ccxt, "cryptofeed": cryptofeed}[name]
    cpu_s, newest = asyncio.run(work(frames))
    assert newest == str(json.loads(frames[-1])["data"]["a"])
    result = {"cpu_s": cpu_s, "version": f"{name} {version(name)}"}
    print(json.dumps({"messages": len(frames), **result}))


if __name__ == "__main__":
    main()
