"""What the CDK app writes: templates, and the files that they refer to."""

import json
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from msgspec import Struct

__all__ = ["Asset", "Stack", "missing_context", "read_assembly"]

_STACK = "aws:cloudformation:stack"


class Asset(Struct, frozen=True, kw_only=True):
    """A file, and the object that templates know it as."""

    path: Path
    bucket: str
    key: str


class Stack(Struct, frozen=True, kw_only=True):
    """A stack as it should be.

    Attributes:
        name: Its name.
        template: Its template.
        template_asset: The template's file.
        tags: By key.
        assets: All its files, the template among them.
    """

    name: str
    template: dict[str, Any]
    template_asset: Asset
    tags: dict[str, str]
    assets: list[Asset]


def read_assembly(folder: Path) -> list[Stack]:
    """Read the stacks in `folder`, each after those that it needs."""
    artifacts = _manifest(folder)["artifacts"]
    stacks = {id_ for id_, a in artifacts.items() if a["type"] == _STACK}
    needs = {
        id_: [n for n in artifacts[id_].get("dependencies", []) if n in stacks]
        for id_ in sorted(stacks)
    }
    order = TopologicalSorter(needs).static_order()
    return [_stack(folder, id_, artifacts[id_]["properties"]) for id_ in order]


def missing_context(folder: Path) -> list[dict[str, Any]]:
    """Return what the app had to guess, since only AWS can tell."""
    found: list[dict[str, Any]] = _manifest(folder).get("missing", [])
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def _stack(folder: Path, id_: str, properties: dict[str, Any]) -> Stack:
    path = folder / properties["templateFile"]
    assets = list(
        _assets(folder, json.loads((folder / f"{id_}.assets.json").read_bytes()))
    )
    return Stack(
        name=properties.get("stackName", id_),
        template=json.loads(path.read_bytes()),
        template_asset=next(asset for asset in assets if asset.path == path),
        tags=properties.get("tags", {}),
        assets=assets,
    )


def _assets(folder: Path, document: dict[str, Any]) -> list[Asset]:
    return [
        Asset(
            path=folder / file["source"]["path"],
            bucket=place["bucketName"],
            key=place["objectKey"],
        )
        for file in document["files"].values()
        for place in file["destinations"].values()
    ]
