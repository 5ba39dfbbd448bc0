"""Run MiniStack in this process.  The emulator's own interpreter runs this file.

With the argument "tied" it ends when its standard input does, which is when whoever
started it has ended, however that came about.
"""

import os
import signal
import sys
import threading
from runpy import run_module


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    if "tied" in sys.argv[1:]:
        threading.Thread(target=_end_with_input, daemon=True).start()
    del sys.argv[1:]  # MiniStack reads them
    run_module("ministack", run_name="__main__")
