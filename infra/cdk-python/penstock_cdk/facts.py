"""The defaults that every form of the infrastructure shares, from infra/facts.json."""

import json
from pathlib import Path
from typing import Any

__all__ = ["FACTS", "INFRA", "policy"]

INFRA = Path(__file__).resolve().parents[2]

FACTS: dict[str, Any] = json.loads((INFRA / "facts.json").read_text())


def policy(name: str, arns: dict[str, str | list[str]]) -> dict[str, Any]:
    """Return the policy document of infra/policies/`name`.json for `arns`.

    Args:
        name: Whose policy.
        arns: What each `${placeholder}` of the file stands for: an ARN, or several.

    Raises:
        KeyError: The file has a placeholder that `arns` does not name.
    """
    document: dict[str, Any] = json.loads(
        (INFRA / "policies" / f"{name}.json").read_text()
    )
    for statement in document["Statement"]:
        statement["Resource"] = [
            resource
            for pattern in statement["Resource"]
            for resource in _resources(pattern, arns)
        ]
    return document


def _resources(pattern: str, arns: dict[str, str | list[str]]) -> list[str]:
    name, _, rest = pattern.removeprefix("${").partition("}")
    found = arns[name]
    return [arn + rest for arn in ([found] if isinstance(found, str) else found)]
