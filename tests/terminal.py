"""Running `penstock` on a terminal in a test."""

import os
import pty
import re
import select

from tests.commands import PENSTOCK, Process

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def draw(arguments, columns):
    """Run a command on a terminal; return all that it wrote, without the escapes."""
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
        pieces = []
        while process.poll() is None or select.select([keyboard], [], [], 0)[0]:
            if select.select([keyboard], [], [], 0.1)[0]:
                try:
                    pieces.append(os.read(keyboard, 65536))
                except OSError:  # Linux: the other side is closed
                    break
    os.close(keyboard)
    assert process.returncode == 0
    return ESCAPES.sub("", b"".join(pieces).decode()).replace("\r", "\n")
