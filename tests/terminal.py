"""Running `penstock` on a terminal in a test."""

import os
import pty
import re
import select
import signal

from tests.commands import PENSTOCK, Process

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def draw(arguments, columns, *, until):
    """Run a command on a terminal, and interrupt it once all of `until` was written.

    These are regular expressions.  Returns what was written, without the escapes.
    """
    keyboard, terminal = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": "30", "TERM": "xterm"}
    with Process(
        [*PENSTOCK, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, **size},
    ) as process:
        os.close(terminal)
        pieces, is_told = [], False
        while process.poll() is None or select.select([keyboard], [], [], 0)[0]:
            if select.select([keyboard], [], [], 0.1)[0]:
                try:
                    pieces.append(os.read(keyboard, 65536))
                except OSError:  # Linux: the other side is closed
                    break
            written = _plain(pieces)
            if not is_told and all(re.search(p, written, re.M) for p in until):
                is_told = True
                process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    os.close(keyboard)
    assert process.returncode == 0
    return _plain(pieces)


def _plain(pieces):
    written = b"".join(pieces).decode(errors="replace")
    return ESCAPES.sub("", written).replace("\r", "\n")
