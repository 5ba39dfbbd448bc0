"""What commands that run for long say, in lines of JSON; and that they are alive.

For containers: whoever gathers their output can read it, and whoever starts them can
see that they work.
"""

from pathlib import Path
from typing import Annotated

import typer

from penstock.bootstrap import clock_us
from penstock.codec import encode_json, iso_time
from penstock.entrypoints.cli.output import say

__all__ = ["HealthFile", "log", "touch"]

HealthFile = Annotated[
    Path | None,
    typer.Option(
        "--health-file",
        metavar="FILE",
        help="Touched each second in which data flows, for a health check.",
    ),
]


def log(level: str, event: str, **more: object) -> None:
    """Say what happened, and when; `level` is "info", "warning" or "error"."""
    line = {"time": iso_time(clock_us()), "level": level, "event": event, **more}
    say(encode_json(line).decode())


def touch(path: Path) -> None:
    """Touch a health file."""
    try:
        path.touch()
    except OSError as e:
        # Whoever looks at the file notices as well.
        log("warning", "no health file", message=f"{path}: {e.strerror or e}")
