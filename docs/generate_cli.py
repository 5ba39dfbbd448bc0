"""Write docs/reference/cli.md from the help of the commands.

    python docs/generate_cli.py

A test holds the page against what this makes.
"""

from pathlib import Path

from typer.testing import CliRunner

from penstock.entrypoints.cli import COMMANDS, EXIT_CODES, app

__all__ = ["PAGE", "make_page"]

PAGE = Path(__file__).parent / "reference" / "cli.md"

_COLUMNS = "80"
_INTRODUCTION = """\
# Commands

<!-- Made from the commands' help by docs/generate_cli.py: change the help. -->

`penstock` does everything from the command line. `penstock COMMAND --help`, or `-h`,
says what is below. `penstock --install-completion` sets up completion for your shell.

Every command but `package` takes `--config FILE` and, but for `record`, `--data-dir
DIR`; what no option says, the [settings](configuration.md) do. The commands that only
look (`positions`, `trades`, `alerts`, `history`, `bars`, `dead-letters`, `feeds`), and
those of `lookup`, work while `penstock run`, `replay` or `produce` is at work on the
same data directory; the others need it for themselves, and say who has it. All times
are UTC.
"""
_JSON = """\
## JSON

With `--json` a command prints one JSON value on one line: an array of objects where it
lists something, else an object. Prices and sizes of the market are JSON numbers, as on
[the wire](wire-format.md); money that penstock computed (entries, exits, fees, profits)
is text, to the last decimal. Times ending in `_us` are microseconds since the epoch.

`run` and `replay` end with one object:

| field | meaning |
|---|---|
| `trades` | trades applied, late ones among them |
| `duplicates` | trades that were there already |
| `late` | trades older than the open bar: they changed no bar and decided nothing |
| `dead_letters` | what could not be read |
| `gaps` | trades known to be missing |
| `bars` | bars begun |
| `alerts` | alerts raised |
| `opened` | positions opened |
| `completed` | positions sold |
| `profit` | of the positions sold, after fees |
| `profit_by_quote` | the same by currency: an object, such as `{"USD":"48.49"}` |
| `tickers` | how many tickers had trades |
| `elapsed_s` | seconds from beginning to end |
| `trades_per_s` | trades applied per second |
| `waiting` | lines of the log that the next start processes; absent if there are none |
"""


def make_page() -> str:
    """Return the page as it should be."""
    codes = "\n".join(f"| {code} | {means} |" for code, means in EXIT_CODES.items())
    table = f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"
    parts = [_INTRODUCTION, table, _JSON, _section("penstock", [])]
    parts += [_section(f"penstock {name}", name.split()) for name in COMMANDS]
    return "\n".join(parts)


def _section(title: str, arguments: list[str]) -> str:
    runner = CliRunner(env={"COLUMNS": _COLUMNS, "TERMINAL_WIDTH": _COLUMNS})
    result = runner.invoke(app, [*arguments, "--help"], prog_name="penstock")
    return f"## {title}\n\n```text\n{result.stdout.rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
