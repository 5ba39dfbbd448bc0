#!/usr/bin/env python3
"""Compare the templates' defaults with infra/facts.json; with --write, write them.

The templates are kept by hand, for people to read.  places.py knows where each fact
stands in them, and nothing else is touched: neither order nor comments.  Needs PyYAML.
"""

import json
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from places import Place, places

__all__ = ["TEMPLATES", "differences", "rewritten"]

HERE = Path(__file__).resolve().parent
TEMPLATES = ("cloudformation.yaml", "foundation.yaml", "monitoring.yaml")


def differences(facts: dict[str, Any], texts: dict[str, str]) -> list[str]:
    """Say what in the templates `texts`, by file name, is not as `facts` have it."""
    return [
        f"{place.template}: {place.path}: {_value(node)} should be {place.value}"
        for place, node in _nodes(facts, texts)
        if _value(node) != place.value
    ]


def rewritten(facts: dict[str, Any], texts: dict[str, str]) -> dict[str, str]:
    """Return the templates `texts`, by file name, with `facts` in them."""
    edits: dict[str, list[tuple[int, int, str]]] = {name: [] for name in texts}
    for place, node in _nodes(facts, texts):
        if _value(node) != place.value:
            start, end = node.start_mark.index, node.end_mark.index
            edits[place.template].append((start, end, _written(place.value, node)))
    return {name: _edited(text, edits[name]) for name, text in texts.items()}


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _nodes(
    facts: dict[str, Any], texts: dict[str, str]
) -> Iterator[tuple[Place, yaml.Node]]:
    roots = {name: _parsed(text) for name, text in texts.items()}
    for place in places(facts):
        node = roots[place.template]
        for step in place.path.split("/"):
            try:
                node = _child(node, step)
            except LookupError as e:
                raise LookupError(f"{place.template}: no {place.path}") from e
        yield place, node
    for name, root in roots.items():
        for path, node in _project_tags(root):
            yield Place(name, path, facts["tags"]["project"]), node


@lru_cache(maxsize=len(TEMPLATES))
def _parsed(text: str) -> yaml.Node:
    root: yaml.Node = yaml.compose(text, yaml.CSafeLoader)
    return root


def _child(node: yaml.Node, step: str) -> yaml.Node:
    if isinstance(node, yaml.MappingNode):
        return next((v for k, v in node.value if k.value == step), None) or _miss(step)
    if not isinstance(node, yaml.SequenceNode):
        return _miss(step)
    if step.isdigit():
        found: yaml.Node = node.value[int(step)]
        return found
    key, _, value = step.partition("=")
    for member in node.value:
        if isinstance(member, yaml.MappingNode) and _has(member, key, value):
            return member
    return _miss(step)


def _has(node: yaml.MappingNode, key: str, value: str) -> bool:
    return any(k.value == key and v.value == value for k, v in node.value)


def _miss(step: str) -> yaml.Node:
    raise LookupError(step)


def _project_tags(root: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    for key, resource in _child(root, "Resources").value:
        for name in ("Tags", "ResourceTags"):
            try:
                tags = _child(_child(resource, "Properties"), name)
            except LookupError:
                continue
            step = "Key=project/Value" if isinstance(tags.value[0], yaml.Node) else ""
            for part in (step or "project").split("/"):
                tags = _child(tags, part)
            yield f"Resources/{key.value}/Properties/{name}", tags


def _value(node: yaml.Node) -> str | list[str]:
    if isinstance(node, yaml.SequenceNode):
        return [str(member.value) for member in node.value]
    return str(node.value)


def _written(value: str | list[str], node: yaml.Node) -> str:
    """Write `value` as `node` is written: its tag, its quotes."""
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    tag = f"{node.tag} " if node.tag.startswith("!") else ""
    quoted = isinstance(node, yaml.ScalarNode) and node.style == "'"
    return tag + (f"'{value}'" if quoted else value)


def _plain(text: str) -> str:
    return text if isinstance(yaml.safe_load(text), str) else f"'{text}'"


def main() -> None:
    """Compare, or write; exit with 1 where something differs."""
    facts = json.loads((HERE.parent / "facts.json").read_text())
    texts = {name: (HERE / name).read_text() for name in TEMPLATES}
    found = differences(facts, texts)
    if "--write" in sys.argv[1:]:
        for name, text in rewritten(facts, texts).items():
            (HERE / name).write_text(text)
    elif found:
        sys.exit("\n".join([*found, "Write them: python facts.py --write"]))


if __name__ == "__main__":
    main()
