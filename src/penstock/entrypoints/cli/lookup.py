"""`penstock lookup`: the rows that events are enriched with.

Works while a pipeline, or an enrichment, works in the same data directory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.bootstrap import aws_lookup_table, open_local_lookup_table
from penstock.config import Settings
from penstock.drivers.events import read_rows
from penstock.entrypoints.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    Limit,
    examples,
    read_settings,
)
from penstock.entrypoints.cli.output import Column, print_json, print_table, say
from penstock.entrypoints.cli.words import counted
from penstock.errors import ConfigError
from penstock.ports import LookupTable

__all__ = ["commands"]

_CHUNK = 1000  # rows that share one wait for the disk, or one answer of AWS
_MISSING = 1  # the exit code
_PLACES = ("local", "aws")

_Table = Annotated[
    str,
    # Hidden, or help would say that it is a <str>; the text says what it is.
    typer.Argument(metavar="TABLE", hidden=True),
]
_File = Annotated[Path, typer.Argument(metavar="FILE", hidden=True)]
_Keys = Annotated[list[str], typer.Argument(metavar="KEY...", hidden=True)]
_KeyField = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FIELD",
        help="The rows' key field.  [default: as [[lookups]] says for the table]",
    ),
]
_WHERE = "local, the data directory, or aws, DynamoDB."
_To = Annotated[
    str, typer.Option("--to", metavar="PLACE", help=f"Where rows go: {_WHERE}")
]
_From = Annotated[
    str, typer.Option("--from", metavar="PLACE", help=f"Where rows are: {_WHERE}")
]

commands = typer.Typer(rich_markup_mode=None)


@commands.command(
    epilog=examples(
        "lookup load users users.csv --key user_id",
        "lookup load users users.json --to aws",
    )
)
def load(
    table: _Table,
    file: _File,
    *,
    key: _KeyField = None,
    to: _To = "local",
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Load rows into TABLE from FILE: CSV or JSON.

    CSV has a header and a name that ends in .csv; all its values are text.  JSON is an
    array of objects, or an object a line.  A row replaces the one of its key; rows
    that are not in FILE stay.
    """
    settings = read_settings(config, data_dir)
    name = key or _key_of(table, settings)
    rows = read_rows(file, name)
    with _opened(table, name, settings, to) as opened:
        for start in range(0, len(rows), _CHUNK):
            opened.put(rows[start : start + _CHUNK])
    if as_json:
        print_json({"table": table, "key": name, "rows": len(rows)})
    else:
        say(f"{counted(len(rows), 'row')} of {table} loaded, by {name}.")


@commands.command(
    "list", epilog=examples("lookup list users", "lookup list users --limit 0 --json")
)
def list_rows(
    table: _Table,
    *,
    limit: Limit = 20,
    key: _KeyField = None,
    source: _From = "local",
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List rows of TABLE."""
    settings = read_settings(config, data_dir)
    name = key or _key_of(table, settings)
    with _opened(table, name, settings, source) as opened:
        rows = opened.list(limit=limit)
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows, name)
    else:
        say(f"No rows in {table}.  `penstock lookup load {table} FILE` loads some.")


@commands.command(epilog=examples("lookup get users u1", "lookup get users u1 --json"))
def get(
    table: _Table,
    keys: _Keys,
    *,
    key: _KeyField = None,
    source: _From = "local",
    config: ConfigFile = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the rows of TABLE under each KEY.

    The exit code is 1 where one has no row.
    """
    settings = read_settings(config, data_dir)
    name = key or _key_of(table, settings)
    with _opened(table, name, settings, source) as opened:
        found = opened.get(keys)
    rows = [found[k] for k in keys if k in found]
    missing = [k for k in keys if k not in found]
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows, name)
    if missing:
        typer.echo(f"penstock: no row in {table}: {', '.join(missing)}", err=True)
        raise typer.Exit(_MISSING)


@contextmanager
def _opened(
    table: str, key: str, settings: Settings, place: str
) -> Iterator[LookupTable]:
    if place not in _PLACES:
        raise ConfigError(f"a table is in {' or '.join(_PLACES)}; found {place!r}.")
    if place == "aws":
        yield aws_lookup_table(settings, table, key)
        return
    with open_local_lookup_table(settings, table, key) as opened:
        yield opened


def _key_of(table: str, settings: Settings) -> str:
    keys = {rule.table_key for rule in settings.lookups if rule.table == table}
    if len(keys) == 1:
        return keys.pop()
    known = f"has {' and '.join(sorted(keys))}" if keys else "does not have the table"
    raise ConfigError(
        f"the key of {table!r} must be known; [[lookups]] in the settings {known}. "
        "Pass --key FIELD."
    )


def _print(rows: list[dict[str, Any]], key: str) -> None:
    names = dict.fromkeys([key, *(name for row in rows for name in row)])
    columns = [Column(name, rank=place) for place, name in enumerate(names)]
    print_table(columns, [[_cell(row.get(name)) for name in names] for row in rows])


def _cell(value: object) -> str:
    return "" if value is None else str(value)
