"""Tables and JSON on standard output, complaints on standard error.

Prints what it is given; what that means is the commands' business.
"""

import shlex
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import typer
from msgspec import Struct, to_builtins
from msgspec.structs import asdict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.codec import decimal_text, encode_json

__all__ = [
    "Column",
    "complain",
    "fields",
    "make_table",
    "print_json",
    "print_table",
    "say",
    "say_next",
]

_UNLIMITED = 100_000  # columns: what is read by a program is never cut


class Column(NamedTuple):
    """A table's column.

    Attributes:
        title: Its heading.
        right: Whether it is aligned to the right, as numbers are.
        rank: Where a table is too wide, the columns of the highest rank go first;
            0 stays.
        width: At least so wide, whatever is in it.
        wraps: Whether it goes on in the next line where it needs more.
    """

    title: str
    right: bool = False
    rank: int = 0
    width: int = 0
    wraps: bool = False


def say(text: str) -> None:
    """Print to standard output."""
    typer.echo(text)


def complain(text: str) -> None:
    """Print to standard error, saying who says so."""
    typer.echo(f"penstock: {text}", err=True)


def say_next(
    commands: Sequence[str], *, config: Path | None, data_dir: Path | None
) -> None:
    """Print what to try next, to be typed as it is in the same place."""
    for option, path in (("--config", config), ("--data-dir", data_dir)):
        if path:
            commands = [f"{c} {option} {shlex.quote(str(path))}" for c in commands]
    for command in commands:
        say(f"  penstock {command}")


def print_json(value: object) -> None:
    """Print a value as one line of JSON, its decimals as plain text."""
    typer.echo(encode_json(_plain(to_builtins(value, builtin_types=(Decimal,)))))


def fields(value: Struct, **more: object) -> dict[str, object]:
    """Return a value's fields and some more, as they are named in JSON."""
    return {name.rstrip("_"): item for name, item in asdict(value).items()} | more


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as wide as the terminal allows, or as it is where there is none."""
    is_terminal = sys.stdout.isatty()
    console = Console(width=None if is_terminal else _UNLIMITED, highlight=False)
    texts = [[Text(cell) for cell in row] for row in rows]
    with console.capture() as printed:
        console.print(make_table(columns, texts, width=console.width))
    typer.echo(printed.get(), nl=False)


def make_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Text]],
    *,
    width: int,
    gap: int = 2,
) -> Table:
    """Make a table of those of `columns` that fit in `width`, `gap` apart."""
    kept = _fitting(columns, rows, width, gap)
    # The box's line between columns is a space.
    padding = (0, gap - 1, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    for place in kept:
        column = columns[place]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            min_width=column.width,
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
        )
    for row in rows:
        table.add_row(*(row[place] for place in kept))
    return table


def _plain(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return decimal_text(value) if isinstance(value, Decimal) else value


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[Text]], width: int, gap: int
) -> list[int]:
    widths = [_width(column, place, rows) for place, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while sum(widths[place] + gap for place in kept) - gap > width:
        last = max(kept, key=lambda place: columns[place].rank)
        if not columns[last].rank:
            break
        kept.remove(last)
    return kept


def _width(column: Column, place: int, rows: Sequence[Sequence[Text]]) -> int:
    least = max(len(column.title), column.width)
    if column.wraps:
        return least
    return max(least, *(row[place].cell_len for row in rows), 0)
