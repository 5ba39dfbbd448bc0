"""What a change set would do, in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

__all__ = ["Change", "additions", "differences", "read_changes", "removals"]

_ACTIONS = {"Add": "add", "Modify": "change", "Remove": "remove", "Import": "take over"}
_NAMES = (
    "AlarmName",
    "BucketName",
    "DashboardName",
    "DeliveryStreamName",
    "FunctionName",
    "LogGroupName",
    "Name",
    "QueueName",
    "RoleName",
    "TableName",
    "TopicName",
)
# Replaced or removed, these lose what is in them.
_HOLDS_DATA = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Kinesis::Stream")


class Change(Struct, frozen=True, kw_only=True):
    """What becomes of a resource.

    Attributes:
        action: "add", "change", "replace", "remove" or "take over".
        type_: "AWS::Kinesis::Stream".
        name: As AWS calls it, or the template where AWS does not yet.
        details: What of it changes, such as "ShardCount".
    """

    action: str
    type_: str
    name: str
    details: tuple[str, ...] = ()

    @property
    def loses_data(self) -> bool:
        """Whether something that holds data goes."""
        return self.action in ("replace", "remove") and self.type_ in _HOLDS_DATA

    def __str__(self) -> str:
        what = self.type_.removeprefix("AWS::").replace("::", " ")
        details = f": {', '.join(self.details)}" if self.details else ""
        warning = " (its data is lost)" if self.loses_data else ""
        return f"{self.action} {what} {self.name}{details}{warning}"


def additions(template: Mapping[str, Any]) -> list[Change]:
    """Return what a stack that is not there yet would add.

    >>> template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    >>> [str(change) for change in additions(template)]
    ['add SNS Topic Topic']
    """
    return [
        Change(action="add", type_=resource["Type"], name=_named(id_, resource))
        for id_, resource in sorted(template["Resources"].items())
    ]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return what differs between two templates; what is replaced, they do not say."""
    old, new = before["Resources"], after["Resources"]
    changes = []
    for id_ in sorted(old.keys() | new.keys()):
        resource = new.get(id_) or old[id_]
        action = "change" if id_ in old and id_ in new else ""
        action = action or ("add" if id_ in new else "remove")
        if old.get(id_) != new.get(id_):
            name = _named(id_, resource)
            changes.append(Change(action=action, type_=resource["Type"], name=name))
    return changes


def removals(resources: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Return what goes with a stack, from what CloudFormation lists of it."""
    return [
        Change(
            action="remove",
            type_=found["ResourceType"],
            name=found.get("PhysicalResourceId") or found["LogicalResourceId"],
        )
        for found in resources
    ]


def read_changes(found: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Read the changes of a change set, as DescribeChangeSet tells them."""
    return [_read(item["ResourceChange"]) for item in found if "ResourceChange" in item]


def _read(change: Mapping[str, Any]) -> Change:
    action = _ACTIONS.get(change["Action"], change["Action"].lower())
    if change.get("Replacement") == "True":
        action = "replace"
    targets = [detail.get("Target", {}) for detail in change.get("Details", [])]
    details = {t.get("Name") or t.get("Attribute", "") for t in targets} - {""}
    return Change(
        action=action,
        type_=change["ResourceType"],
        name=change.get("PhysicalResourceId") or change["LogicalResourceId"],
        details=tuple(sorted(details)),
    )


def _named(id_: str, resource: Mapping[str, Any]) -> str:
    # Most have a name of their own.
    for key, value in resource.get("Properties", {}).items():
        if key in _NAMES and isinstance(value, str):
            return value
    return id_
