"""Takes an environment away: what flows is stopped first, and what holds data last."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec import Struct

from penstock.aws.errors import translated
from penstock.deploying import stacks
from penstock.deploying.assets import forget_sandbox
from penstock.deploying.buckets import empty_bucket
from penstock.deploying.flow import stop_flow
from penstock.deploying.leftovers import Names, delete_log_groups, find_leftovers
from penstock.deploying.links import Links, exports, imports, in_order
from penstock.deploying.stacks import Deployed, Tell
from penstock.deploying.target import Target

__all__ = ["DATA", "Removed", "remove"]

DATA = ("AWS::S3::Bucket", "AWS::DynamoDB::Table")
"""What is kept where data is to be kept; the bucket's policy goes with its stack."""

_KEPT = ("Retain", "RetainExceptOnCreate")
_DATABASE = "AWS::Glue::Database"
_TABLE = "AWS::Glue::Table"

_Resource = Mapping[str, Any]


class Removed(Struct, frozen=True, kw_only=True):
    """What has become of an environment.

    Attributes:
        kept: What was to be kept, by name.
        left: What is there all the same.
    """

    kept: list[str]
    left: list[str]


def remove(
    target: Target,
    deployed: Mapping[str, Deployed],
    names: Names,
    tell: Tell,
    *,
    keeps_data: bool,
) -> Removed:
    """Delete all stacks, what is in them, and what came of them; look what is left.

    Args:
        target: Where.
        deployed: The stacks; none, where an earlier attempt has come that far.
        names: By which what is left is known.
        tell: Told what goes on.
        keeps_data: Buckets and tables stay, with all that is in them.

    Raises:
        ConfigError: A stack could not be deleted; the text says why.
        UnavailableError: AWS does not answer; the same may work later.
    """
    for stack in deployed.values():
        stacks.settle(target, stack, tell)
    templates = {n: stacks.template_of(target, n) for n in deployed}
    held = {n: stacks.resources(target, s.id_) for n, s in deployed.items()}
    stop_flow(target, [r for found in held.values() for r in found], tell)
    kept: list[str] = []
    for name in _order(templates):
        tell(f"{name}: delete")
        template = templates[name]
        if keeps_data and not deployed[name].is_stillborn:
            template = _retaining(template)
            stacks.change_template(target, name, template, tell)
        stays = _retained(template)
        kept += [_id(r) for r in held[name] if r["LogicalResourceId"] in stays]
        _empty(target, [r for r in held[name] if r["LogicalResourceId"] not in stays])
        stacks.delete(target, deployed[name], tell)
    for group in delete_log_groups(target, names):
        tell(f"delete log group {group}")
    if target.kind == "sandbox":
        forget_sandbox(target)
    left = find_leftovers(target, names)
    return Removed(kept=kept, left=[x for x in left if not _is_kept(x, kept)])


def _order(templates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return in_order(
        {
            name: Links(exports_before=exports(t), imports_before=imports(t))
            for name, t in templates.items()
        }
    )


def _id(resource: _Resource) -> str:
    return str(resource.get("PhysicalResourceId", ""))


def _is_kept(left: str, kept: Collection[str]) -> bool:
    return any(left.endswith(name) for name in kept)


def _retained(template: Mapping[str, Any]) -> set[str]:
    resources = template["Resources"].items()
    return {id_ for id_, r in resources if r.get("DeletionPolicy") in _KEPT}


def _retaining(template: Mapping[str, Any]) -> dict[str, Any]:
    # A policy alone is no change to CloudFormation; with metadata it is one.
    resources = {
        id_: resource
        if resource["Type"] not in DATA
        else resource
        | {
            "DeletionPolicy": "Retain",
            "Metadata": {**resource.get("Metadata", {}), "kept": True},
        }
        for id_, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def _empty(target: Target, resources: Iterable[_Resource]) -> None:
    """Empty buckets and databases: with anything in them they would stay."""
    own = {_id(r) for r in resources if r["ResourceType"] == _TABLE}
    for resource in resources:
        if resource["ResourceType"] == "AWS::S3::Bucket":
            empty_bucket(target, _id(resource))
        elif resource["ResourceType"] == _DATABASE:
            _drop_crawled(target, _id(resource), own)


def _drop_crawled(target: Target, database: str, own: Collection[str]) -> None:
    glue = target.clients("glue")
    with translated(f"glue DeleteTable in {database}"):
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
        for table in [t["Name"] for page in pages for t in page["TableList"]]:
            if table not in own:
                glue.delete_table(DatabaseName=database, Name=table)
