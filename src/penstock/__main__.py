"""The `penstock` command, and `python -m penstock`: ready for signals, then the rest.

What the command needs takes half a second to import, in which Ctrl-C and SIGTERM have
to end it as well as later.
"""

import signal
import sys
from types import FrameType

__all__ = ["main"]

# Commands that go on until they are told to end, which is then no failure.
_ENDLESS = {"run", "produce", "consume", "record", "sandbox poll"}
_INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process, and exit.

    Raises:
        SystemExit: Always, with an exit code of `penstock.entrypoints.cli`.
    """
    names = {" ".join(sys.argv[1:end]) for end in (2, 3)}
    code = 0 if names & _ENDLESS else _INTERRUPTED

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(code)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    from penstock.entrypoints import cli  # noqa: PLC0415 (see above)

    cli.main()


if __name__ == "__main__":
    main()
