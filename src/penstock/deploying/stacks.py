"""One stack at a time: what CloudFormation has of it, and what becomes of it.

Every change is a change set, which CloudFormation works out before anything happens.
What was interrupted or has failed is gone on with: nothing has to be put right by hand
that can be put right here.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import uuid4

from msgspec import Struct

from penstock.aws.errors import translated
from penstock.deploying.assembly import Stack
from penstock.deploying.changes import Change, read_changes
from penstock.deploying.target import Target
from penstock.errors import ConfigError

__all__ = [
    "ChangeSet",
    "Deployed",
    "Tell",
    "change_template",
    "delete",
    "discard",
    "execute",
    "list_deployed",
    "make_change_set",
    "resources",
    "settle",
    "template_of",
]

Tell = Callable[[str], None]
"""Told what goes on, a line at a time."""

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
# Never made: nothing of it is there, or what is there is of no use.
_STILLBORN = (
    "CREATE_FAILED",
    "DELETE_FAILED",
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
)
_STUCK = "UPDATE_ROLLBACK_FAILED"
_ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"
_DONE = ("CREATE_COMPLETE", "DELETE_COMPLETE", "UPDATE_COMPLETE")
# CloudFormation has no code for it: a change set without changes has "failed".
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Deployed(Struct, frozen=True, kw_only=True):
    """A stack as CloudFormation has it.

    Attributes:
        name, id_: Its name, and its ARN, which another of that name has not.
        status: "CREATE_COMPLETE", for instance.
        tags: By key.
        outputs: By key.
        exports: Their names.
    """

    name: str
    id_: str
    status: str
    tags: dict[str, str]
    outputs: dict[str, str]
    exports: frozenset[str]

    @property
    def is_stillborn(self) -> bool:
        """Whether it has to be deleted before it can be made."""
        return self.status in _STILLBORN


class ChangeSet(Struct, frozen=True, kw_only=True):
    """A change set that can be executed."""

    id_: str
    stack: str
    changes: list[Change]


def list_deployed(target: Target, project: str) -> dict[str, Deployed]:
    """Return the environment's stacks, by name: those with its tags."""
    wanted = {"project": project, "environment": target.environment}
    found = {}
    with translated("cloudformation DescribeStacks"):
        pages = target.clients("cloudformation").get_paginator("describe_stacks")
        for page in pages.paginate():
            for described in page["Stacks"]:
                stack = _deployed(described)
                if wanted.items() <= stack.tags.items():
                    found[stack.name] = stack
    return found


def make_change_set(target: Target, stack: Stack, *, is_new: bool) -> ChangeSet | None:
    """Have CloudFormation work out what would change; None if nothing would.

    Raises:
        ConfigError: CloudFormation refuses the template.
    """
    endpoint = target.clients("s3").meta.endpoint_url
    asset = stack.template_asset
    return _make_change_set(
        target,
        stack.name,
        ChangeSetType="CREATE" if is_new else "UPDATE",
        TemplateURL=f"{endpoint}/{asset.bucket}/{asset.key}",
        Tags=[{"Key": k, "Value": v} for k, v in sorted(stack.tags.items())],
    )


def change_template(
    target: Target, stack: str, template: Mapping[str, Any], tell: Tell
) -> None:
    """Give a stack another template, and wait until it has it."""
    body = json.dumps(template, separators=(",", ":"))
    change_set = _make_change_set(
        target, stack, ChangeSetType="UPDATE", TemplateBody=body
    )
    if change_set:
        execute(target, change_set, tell)


def discard(target: Target, change_set: ChangeSet) -> None:
    """Forget a change set."""
    with translated(f"cloudformation DeleteChangeSet {change_set.stack}"):
        target.clients("cloudformation").delete_change_set(ChangeSetName=change_set.id_)


def execute(target: Target, change_set: ChangeSet, tell: Tell) -> None:
    """Do what a change set says, and wait until it is done.

    Raises:
        ConfigError: It failed, and was rolled back; the text says why.
    """
    began = _last_event(target, change_set.stack)
    with translated(f"cloudformation ExecuteChangeSet {change_set.stack}"):
        target.clients("cloudformation").execute_change_set(
            ChangeSetName=change_set.id_
        )
    _wait(target, change_set.stack, tell, after=began)


def delete(target: Target, stack: Deployed, tell: Tell) -> None:
    """Delete a stack, and wait until it is gone.

    Raises:
        ConfigError: Something of it could not be deleted; the text says what and why.
    """
    began = _last_event(target, stack.id_)
    with translated(f"cloudformation DeleteStack {stack.name}"):
        target.clients("cloudformation").delete_stack(StackName=stack.id_)
    _wait(target, stack.id_, tell, after=began)


def settle(target: Target, stack: Deployed, tell: Tell) -> None:
    """Wait for what is being done to a stack, and free one that is stuck.

    Whatever it comes to: what failed is done again.
    """
    client = target.clients("cloudformation")
    if stack.status == _STUCK:
        tell(f"{stack.name}: going on with a rollback that failed")
        began = _last_event(target, stack.id_)
        with translated(f"cloudformation ContinueUpdateRollback {stack.name}"):
            client.continue_update_rollback(StackName=stack.name)
        _wait(target, stack.id_, tell, after=began, done=(_ROLLED_BACK,))
    elif stack.status.endswith("_IN_PROGRESS") and not stack.is_stillborn:
        tell(f"{stack.name}: {stack.status}, so that is waited for")
        while _status(target, stack.id_).endswith("_IN_PROGRESS"):
            time.sleep(target.poll_s)


def resources(target: Target, stack: str) -> list[dict[str, Any]]:
    """Return what a stack holds, as ListStackResources tells it."""
    with translated(f"cloudformation ListStackResources {stack}"):
        pages = target.clients("cloudformation").get_paginator("list_stack_resources")
        return [
            found
            for page in pages.paginate(StackName=stack)
            for found in page["StackResourceSummaries"]
            if found["ResourceStatus"] != "DELETE_COMPLETE"
        ]


def template_of(target: Target, stack: str) -> dict[str, Any]:
    """Return a stack's template as it was given."""
    with translated(f"cloudformation GetTemplate {stack}"):
        found = target.clients("cloudformation").get_template(
            StackName=stack, TemplateStage="Original"
        )
    template: dict[str, Any] = found["TemplateBody"]
    return template


def _deployed(described: dict[str, Any]) -> Deployed:
    outputs = described.get("Outputs", [])
    return Deployed(
        name=described["StackName"],
        id_=described["StackId"],
        status=described["StackStatus"],
        tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
        outputs={o["OutputKey"]: o["OutputValue"] for o in outputs},
        exports=frozenset(o["ExportName"] for o in outputs if "ExportName" in o),
    )


def _make_change_set(
    target: Target, stack: str, **properties: object
) -> ChangeSet | None:
    with translated(f"cloudformation CreateChangeSet {stack}"):
        id_ = target.clients("cloudformation").create_change_set(
            StackName=stack,
            ChangeSetName=f"penstock-{uuid4().hex}",
            Capabilities=_CAPABILITIES,
            **properties,
        )["Id"]
    return _wait_for_change_set(target, id_, stack)


def _wait_for_change_set(target: Target, id_: str, stack: str) -> ChangeSet | None:
    client = target.clients("cloudformation")
    while True:
        with translated(f"cloudformation DescribeChangeSet {stack}"):
            found = client.describe_change_set(ChangeSetName=id_)
        if found["Status"] == "CREATE_COMPLETE":
            changes = list(found["Changes"])
            while token := found.get("NextToken"):
                with translated(f"cloudformation DescribeChangeSet {stack}"):
                    found = client.describe_change_set(
                        ChangeSetName=id_, NextToken=token
                    )
                changes += found["Changes"]
            return ChangeSet(id_=id_, stack=stack, changes=read_changes(changes))
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "no reason given")
            discard(target, ChangeSet(id_=id_, stack=stack, changes=[]))
            if any(text in reason for text in _NO_CHANGES):
                return None
            raise ConfigError(f"{stack}: CloudFormation refuses the change: {reason}")
        time.sleep(target.poll_s)


def _last_event(target: Target, stack: str) -> str:
    with translated(f"cloudformation DescribeStackEvents {stack}"):
        answer = target.clients("cloudformation").describe_stack_events(StackName=stack)
    events = answer["StackEvents"]
    return str(events[0]["EventId"]) if events else ""


def _wait(
    target: Target,
    stack: str,
    tell: Tell,
    *,
    after: str,
    done: Collection[str] = _DONE,
) -> None:
    """Tell what has ended, after the event `after`, until the stack itself has.

    Its status would not do: for a moment it is that of the time before.
    """
    failed: dict[str, Any] | None = None
    while True:
        for event in _events(target, stack, after):
            after, status = event["EventId"], event["ResourceStatus"]
            if status.endswith("_IN_PROGRESS"):
                continue
            if event["PhysicalResourceId"] == event["StackId"]:
                if status not in done:
                    raise _failure(event, failed or event)
                return
            tell(_line(event))
            if status.endswith("_FAILED"):
                failed = failed or event
        time.sleep(target.poll_s)


def _events(target: Target, stack: str, after: str) -> list[dict[str, Any]]:
    """Return the events after that one, the oldest first."""
    found: list[dict[str, Any]] = []
    with translated(f"cloudformation DescribeStackEvents {stack}"):
        pages = target.clients("cloudformation").get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=stack):
            for event in page["StackEvents"]:
                if event["EventId"] == after:
                    return found[::-1]
                found.append(event)
    return found[::-1]


def _line(event: dict[str, Any]) -> str:
    status = event["ResourceStatus"].lower().replace("_", " ")
    what = event["ResourceType"].removeprefix("AWS::").replace("::", " ")
    name = event.get("PhysicalResourceId") or event["LogicalResourceId"]
    reason = event.get("ResourceStatusReason", "")
    return f"{status}: {what} {name}" + (f": {reason}" if reason else "")


def _failure(last: dict[str, Any], first: dict[str, Any]) -> ConfigError:
    reason = first.get("ResourceStatusReason", "no reason given")
    return ConfigError(
        f"{last['StackName']} is {last['ResourceStatus']}, since"
        f" {first['LogicalResourceId']} ({first['ResourceType']}) failed: {reason}."
        " Put that right, and run the same command again: what is done already is not"
        " done twice."
    )


def _status(target: Target, stack: str) -> str:
    with translated(f"cloudformation DescribeStacks {stack}"):
        found = target.clients("cloudformation").describe_stacks(StackName=stack)
    return str(found["Stacks"][0]["StackStatus"])
