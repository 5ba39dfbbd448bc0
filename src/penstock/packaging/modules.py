"""What a module imports, told from its source and from that of what it imports.

Imports within functions count: what is imported late is needed as well.  What others'
packages need, they say themselves.  Nothing is imported to find out.
"""

import ast
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct

__all__ = ["Found", "find_modules"]

# Names of what a package cannot do without: extras are for who asks for them.
_REQUIRED = re.compile(r"^Requires-Dist: ([\w.-]+)(?!.*extra ==)", re.MULTILINE)


class Found(Struct, frozen=True, kw_only=True):
    """What a module needs.

    Attributes:
        modules: Our own, with their files.
        packages: Others', by the names they are imported by: each is needed whole.
    """

    modules: dict[str, Path]
    packages: set[str]


def find_modules(
    module: str, root: Path, installed: Path, *, without: Collection[str]
) -> Found:
    """Find what `module` imports, itself included.

    Args:
        module: A module of the package at `root`.
        root: The package's folder.
        installed: Where others' packages are; what is not there is not needed.
        without: Modules that are not followed, with all below them.

    Raises:
        ModuleNotFoundError: There is no `module`.
    """
    if _file_of(module, root) is None:
        raise ModuleNotFoundError(f"no {module} in {root}")
    found = Found(modules={}, packages=set())
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found.modules or _is_within(name, without):
            continue
        path = _file_of(name, root)
        if path is None:  # a name in a module
            continue
        found.modules[name] = path
        parent = name.rpartition(".")[0]
        waiting += [parent] if parent else []
        for imported in _imports(path):
            if _is_within(imported, [root.name]):
                waiting.append(imported)
            else:
                _add_package(imported.partition(".")[0], installed, found)
    return found


def _add_package(name: str, installed: Path, found: Found) -> None:
    if name in found.packages or name in sys.stdlib_module_names:
        return
    info = _information(name, installed)
    if info is None:
        return
    found.packages.add(name)
    for required in _REQUIRED.findall((info / "METADATA").read_text("utf-8")):
        _add_package(_import_name(required), installed, found)


def _information(name: str, installed: Path) -> Path | None:
    for info in installed.glob("*.dist-info"):
        if _import_name(info.name.partition("-")[0]) == name:
            return info
    return None


def _import_name(distribution: str) -> str:
    # They differ in this alone, for all that is locked; a test imports every zip.
    return distribution.lower().replace("-", "_")


def _is_within(name: str, packages: Collection[str]) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in packages)


def _file_of(name: str, root: Path) -> Path | None:
    path = root.parent.joinpath(*name.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _imports(path: Path) -> Iterator[str]:
    """Yield every name that could be a module's; relative ones stay in a package."""
    for node in _nodes(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    # All below a node but what is for type checkers alone.
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children: list[ast.AST] = [*node.orelse]
    else:
        children = [*ast.iter_child_nodes(node)]
    for child in children:
        yield child
        yield from _nodes(child)
