"""Findings of cdk-nag's AwsSolutions pack that are accepted, each with its reason."""

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

__all__ = ["accept", "accept_stars"]

_STARS = (
    (":*", "Streams of one log group, which have no name before they are written"),
    ("/*", "Objects or tables of one folder, which have no name before they are made"),
)


def accept(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept what `rule` finds in `construct`, because of `reason`."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def accept_stars(construct: IConstruct, document: dict[str, Any]) -> None:
    """Accept those resources of a policy that end in what can only be a star."""
    stack = Stack.of(construct)
    for statement in document["Statement"]:
        for resource in statement["Resource"]:
            text = _flat(stack.resolve(resource))
            for end, reason in _STARS:
                if text.endswith(end):
                    accept(construct, f"IAM5[Resource::{text}]", reason)


def _flat(resolved: str | dict[str, Any]) -> str:
    # As cdk-nag writes a resource of which parts are known at deployment only.
    if isinstance(resolved, str):
        return resolved
    if "Fn::Join" in resolved:
        separator, parts = resolved["Fn::Join"]
        return str(separator).join(_flat(part) for part in parts)
    if "Ref" in resolved:
        return f"<{resolved['Ref']}>"
    return f"<{'.'.join(resolved['Fn::GetAtt'])}>"
