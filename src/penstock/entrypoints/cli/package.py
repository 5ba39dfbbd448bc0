"""`penstock package`: the functions as zips, for whatever deploys them."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer

from penstock.entrypoints.cli.options import AsJson, examples
from penstock.entrypoints.cli.output import Column, print_json, print_table, say
from penstock.errors import ConfigError
from penstock.packaging import Package, Target
from penstock.packaging import package as write_packages
from penstock.packaging.installing import ARCHITECTURES, PYTHONS
from penstock.sandbox.environment import environment_path, runtime_of

__all__ = ["commands"]

_COLUMNS = (
    Column("Function"),
    Column("Zip"),
    Column("kB", right=True),
    Column("Unpacked kB", right=True, rank=2),
    Column("Modules", right=True, rank=3),
    Column("Others' packages", rank=1),
)

_LAMBDA, _SANDBOX = "lambda", "sandbox"
_DEFAULT = Target()

_TargetName = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="NAME",
        help="What for: lambda; or sandbox, which runs them with a Python of its own.",
    ),
]
_Arch = Annotated[
    str | None,
    typer.Option(
        "--arch",
        metavar="NAME",
        help=f"One of {', '.join(ARCHITECTURES)}.  [default: {_DEFAULT.arch}]",
    ),
]
_Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="VERSION",
        help=f"One of {', '.join(PYTHONS)}.  [default: {_DEFAULT.python}]",
    ),
]
_Upload = Annotated[
    str | None,
    typer.Option(
        "--upload",
        metavar="BUCKET",
        help="Put them into this bucket, with the CloudFormation templates.",
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Where the zips go.  [default: dist/TARGET]"
    ),
]

commands = typer.Typer(rich_markup_mode=None)


@commands.callback()
def _group() -> None:
    """Keep the command's name, although it is the only one."""


@commands.command(
    epilog=examples(
        "package --target lambda",
        "package --target lambda --arch x86_64 --out build",
        "package --target sandbox",
        "package --upload my-code-bucket",
    )
)
def package(
    *,
    target: _TargetName = _LAMBDA,
    arch: _Arch = None,
    python: _Python = None,
    out: _Out = None,
    upload: _Upload = None,
    as_json: AsJson = False,
) -> None:
    """Make the zips of the AWS functions.

    Each holds the modules that its function imports, what these need from others, at
    the versions and hashes that penstock was tested with, and data_NAME_lambda.handler.
    The AWS SDK is not in it: Lambda's runtime has it.  The same penstock makes the same
    bytes again.

    With --upload, the zips and the templates of infra/cloudformation go into a bucket,
    and the command that creates the stack is printed.
    """
    _check("--target", target, [_LAMBDA, _SANDBOX])
    runtime = _of_lambda(arch, python)
    if target == _SANDBOX:
        runtime = _of_sandbox(arch, python)
    packages = write_packages(out or Path("dist", target), runtime)
    if as_json:
        print_json(packages)
    else:
        _show(packages, runtime)
    if upload:
        say(_put(upload, packages, runtime))


def _put(bucket: str, packages: Sequence[Package], runtime: Target) -> str:
    """Upload `packages` and the templates; return the command for what is there."""
    # With boto3, which packaging does without.
    from penstock.deploying import uploading  # noqa: PLC0415
    from penstock.deploying.target import find_aws  # noqa: PLC0415

    files = [*(Path(p.path) for p in packages), *uploading.find_templates()]
    prefix = uploading.upload(find_aws("").clients, bucket, files)
    return uploading.create_command(
        bucket, CodePrefix=prefix, Architecture=runtime.arch, Python=runtime.python
    )


def _show(packages: Sequence[Package], runtime: Target) -> None:
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
    say(f"\nFor Python {runtime.python} on {runtime.arch}.")


def _of_lambda(arch: str | None, python: str | None) -> Target:
    runtime = Target(arch=arch or _DEFAULT.arch, python=python or _DEFAULT.python)
    _check("--arch", runtime.arch, ARCHITECTURES)
    _check("--python", runtime.python, PYTHONS)
    return runtime


def _of_sandbox(arch: str | None, python: str | None) -> Target:
    if arch or python:
        raise ConfigError(
            f"--arch and --python are the emulator's own with --target {_SANDBOX}: "
            "leave them out."
        )
    version, machine = runtime_of(environment_path(os.environ))
    names = {machine: name for name, machine in ARCHITECTURES.items()}
    return Target(arch=names.get(machine, machine), python=version)


def _check(option: str, found: str, known: Collection[str]) -> None:
    if found not in known:
        raise ConfigError(f"{option} must be {' or '.join(known)}; found {found!r}.")
