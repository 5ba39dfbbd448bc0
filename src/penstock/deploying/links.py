"""Which stack needs which: values that one exports, and another imports."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from msgspec import Struct

__all__ = ["Links", "exports", "imports", "in_order"]


class Links(Struct, frozen=True, kw_only=True):
    """A stack's values before and after a deployment; empty where it is not there."""

    exports_before: frozenset[str] = frozenset()
    imports_before: frozenset[str] = frozenset()
    exports_after: frozenset[str] = frozenset()
    imports_after: frozenset[str] = frozenset()

    def must_follow(self, other: "Links") -> bool:
        """Whether the other stack's turn comes first.

        What it exports is there before it is imported, and is imported no longer when
        it goes.
        """
        gone = self.exports_before - self.exports_after
        if gone & other.imports_before:
            return True
        if (other.exports_before - other.exports_after) & self.imports_before:
            return False
        return bool(self.imports_after & other.exports_after)


def exports(template: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of what a stack exports.

    >>> exports({"Outputs": {"Arn": {"Export": {"Name": "streams:arn"}}}})
    frozenset({'streams:arn'})
    """
    found = (
        o.get("Export", {}).get("Name") for o in template.get("Outputs", {}).values()
    )
    return frozenset(name for name in found if isinstance(name, str))


def imports(template: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of what a stack imports.

    >>> imports({"Resources": {"Rule": {"Arn": {"Fn::ImportValue": "streams:arn"}}}})
    frozenset({'streams:arn'})
    """
    return frozenset(_imported(template))


def in_order(links: Mapping[str, Links]) -> list[str]:
    """Return the stacks' names, each after those whose turn comes first.

    As they are given, otherwise, and where there is no such order: CloudFormation then
    says what is in the way.
    """
    needs = {
        name: [n for n, other in links.items() if n != name and mine.must_follow(other)]
        for name, mine in links.items()
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return list(links)


def _imported(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        name = value.get("Fn::ImportValue")
        if isinstance(name, str):
            yield name
        for item in value.values():
            yield from _imported(item)
    elif isinstance(value, list):
        for item in value:
            yield from _imported(item)
