"""AWS functions as zips: what each imports, and nothing else.

The same version of penstock gives the same bytes again.  What the functions need from
others is in `lambda.txt`, with its hashes, which is a part of uv.lock.  The AWS SDK is
not packed: Lambda's runtime brings it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from penstock.errors import ConfigError
from penstock.packaging.archive import write_zip
from penstock.packaging.installing import Target, install
from penstock.packaging.modules import Found, find_modules

__all__ = ["FUNCTIONS", "Package", "Target", "package"]

# Each function's module.  What deploys them asks for `data_NAME_lambda.handler`.
FUNCTIONS: Mapping[str, str] = {
    "producer": "penstock.entrypoints.lambda_producer",
    "consumer": "penstock.entrypoints.lambda_consumer",
    "enrichment": "penstock.entrypoints.lambda_enrichment",
    "sweeper": "penstock.entrypoints.lambda_sweeper",
}

_ROOT = Path(__file__).parents[1]
_LOCKED = Path(__file__).with_name("lambda.txt")

# Imported in functions of modules that a Lambda function has, and never there: these
# are the adapters of one machine, and what is for its terminal.
_ELSEWHERE = ("penstock.local", "penstock.entrypoints.cli")

# Of what is installed: types for editors, and what says where it came from.  Licences
# stay.
_LEFT_OUT = {".pyi", ".pyc", ".typed"}
_KEPT_OF_INFO = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


class Package(Struct, frozen=True, kw_only=True):
    """A zip that was written.

    Attributes:
        function: One of FUNCTIONS.
        path: The file.
        size_bytes: Its size.
        unpacked_bytes: What Lambda unpacks.
        modules: How many modules of penstock are in it.
        requires: Whose packages are in it, by the names they are imported by.
    """

    function: str
    path: str
    size_bytes: int
    unpacked_bytes: int
    modules: int
    requires: list[str]


def package(out: Path, target: Target) -> list[Package]:
    """Write each function's zip into the folder `out`.

    Raises:
        ConfigError: `out` cannot be written, or there is nothing to install with.
        UnavailableError: The package index did not answer.
    """
    with TemporaryDirectory() as folder:
        installed = Path(folder)
        install(_LOCKED, installed, target)
        try:
            out.mkdir(parents=True, exist_ok=True)
            return [_write(name, out, installed) for name in FUNCTIONS]
        except OSError as e:
            raise ConfigError(
                f"{out}: cannot be written: {e.strerror or e}. Pass another --out."
            ) from e


def _write(name: str, out: Path, installed: Path) -> Package:
    found = find_modules(FUNCTIONS[name], _ROOT, installed, without=_ELSEWHERE)
    contents = dict(_contents(found, installed))
    contents[f"data_{name}_lambda.py"] = _alias(name)
    path = out / f"{name}.zip"
    write_zip(path, contents)
    return Package(
        function=name,
        path=str(path),
        size_bytes=path.stat().st_size,
        unpacked_bytes=sum(map(len, contents.values())),
        modules=len(found.modules),
        requires=sorted(found.packages),
    )


def _contents(found: Found, installed: Path) -> Iterator[tuple[str, bytes]]:
    for path in found.modules.values():
        yield path.relative_to(_ROOT.parent).as_posix(), path.read_bytes()
    for package_name in found.packages:
        for path in _files_of(package_name, installed):
            yield path.relative_to(installed).as_posix(), path.read_bytes()


def _files_of(name: str, installed: Path) -> Iterable[Path]:
    single = installed / f"{name}.py"
    if single.is_file():
        return [single]
    files = [path for path in (installed / name).rglob("*") if path.is_file()]
    infos = installed.glob(f"{name}-*.dist-info")
    licences = [p for info in infos for p in info.rglob("*") if p.is_file()]
    return [
        *(path for path in files if path.suffix not in _LEFT_OUT),
        *(path for path in licences if path.stem.upper() in _KEPT_OF_INFO),
    ]


def _alias(name: str) -> bytes:
    text = (
        f'"""Where Lambda finds the {name}."""\n\n'
        f"from {FUNCTIONS[name]} import handler\n\n"
        '__all__ = ["handler"]\n'
    )
    return text.encode()
