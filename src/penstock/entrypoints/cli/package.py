"""`penstock package`: the functions as zips, for whatever deploys them."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from penstock.entrypoints.cli.options import AsJson, examples
from penstock.entrypoints.cli.output import Column, print_json, print_table, say
from penstock.errors import ConfigError
from penstock.packaging import Target
from penstock.packaging import package as write_packages
from penstock.packaging.installing import ARCHITECTURES, PYTHONS

__all__ = ["commands"]

_COLUMNS = (
    Column("Function"),
    Column("Zip"),
    Column("kB", right=True),
    Column("Unpacked kB", right=True, rank=2),
    Column("Modules", right=True, rank=3),
    Column("Others' packages", rank=1),
)

_TargetName = Annotated[
    str, typer.Option("--target", metavar="NAME", help="What for: lambda.")
]
_Arch = Annotated[
    str,
    typer.Option("--arch", metavar="NAME", help=f"One of {', '.join(ARCHITECTURES)}."),
]
_Python = Annotated[
    str,
    typer.Option("--python", metavar="VERSION", help=f"One of {', '.join(PYTHONS)}."),
]
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the zips go.")]

commands = typer.Typer(rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(
    epilog=examples(
        "package --target lambda", "package --target lambda --arch x86_64 --out build"
    )
)
def package(
    *,
    target: _TargetName = "lambda",
    arch: _Arch = "arm64",
    python: _Python = "3.13",
    out: _Out = Path("dist/lambda"),
    as_json: AsJson = False,
) -> None:
    """Make the zips of the AWS functions.

    Each holds the modules that its function imports, what these need from others, at
    the versions and hashes that penstock was tested with, and data_NAME_lambda.handler.
    The AWS SDK is not in it: Lambda's runtime has it.  The same penstock makes the same
    bytes again.
    """
    _check("--target", target, ["lambda"])
    _check("--arch", arch, ARCHITECTURES)
    _check("--python", python, PYTHONS)
    packages = write_packages(out, Target(arch=arch, python=python))
    if as_json:
        print_json(packages)
        return
    rows = [
        [
            p.function,
            p.path,
            f"{p.size_bytes / 1000:,.0f}",
            f"{p.unpacked_bytes / 1000:,.0f}",
            str(p.modules),
            ", ".join(p.requires),
        ]
        for p in packages
    ]
    print_table(_COLUMNS, rows)
    say(f"\nFor Python {python} on {arch}.")


def _check(option: str, found: str, known: Collection[str]) -> None:
    if found not in known:
        raise ConfigError(f"{option} must be {' or '.join(known)}; found {found!r}.")
