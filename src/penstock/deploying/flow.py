"""Stops what flows, before what it flows through is taken away."""

from collections.abc import Iterable, Mapping
from typing import Any

from penstock.aws.errors import translated
from penstock.deploying.stacks import Tell
from penstock.deploying.target import Target

__all__ = ["stop_flow"]


def stop_flow(
    target: Target, resources: Iterable[Mapping[str, Any]], tell: Tell
) -> None:
    """Stop schedules and services first, then what hands records to functions.

    Args:
        target: Where.
        resources: Of all stacks, as ListStackResources tells them.
        tell: Told of each.
    """
    ids: dict[str, list[str]] = {}
    for found in resources:
        if id_ := found.get("PhysicalResourceId"):
            ids.setdefault(found["ResourceType"], []).append(id_)
    for rule in ids.get("AWS::Events::Rule", []):
        tell(f"stop schedule {rule}")
        with translated(f"events DisableRule {rule}"):
            target.clients("events").disable_rule(Name=rule)
    for service in ids.get("AWS::ECS::Service", []):
        tell(f"stop service {service}")
        with translated(f"ecs UpdateService {service}"):
            # arn:...:service/CLUSTER/NAME
            target.clients("ecs").update_service(
                cluster=service.split("/")[-2], service=service, desiredCount=0
            )
    for uuid in ids.get("AWS::Lambda::EventSourceMapping", []):
        tell(f"stop event source mapping {uuid}")
        with translated(f"lambda UpdateEventSourceMapping {uuid}"):
            target.clients("lambda").update_event_source_mapping(
                UUID=uuid, Enabled=False
            )
