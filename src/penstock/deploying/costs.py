"""What a deployment costs by being there, from its templates.

Prices are those of us-east-1 in US dollars, as published on 2024-07-01 to 2025-07-04;
other regions differ by some percent.  What is used comes on top: invocations, requests,
bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

__all__ = ["Cost", "fixed_costs"]

_HOURS = 730  # in a month
_SHARD_HOUR = 0.015
_DAY, _KEPT_HOUR = 24, 0.02  # what a shard's keeping records for longer adds
_ON_DEMAND_HOUR = 0.04
_CPU_HOUR, _GB_HOUR = 0.0405, 0.00445  # Fargate
_ADDRESS_HOUR = 0.005
_FIREWALL_HOUR = 0.395  # each of its endpoints

# What of a type costs by the month, whatever is set.
_MONTHLY: Mapping[str, tuple[str, float]] = {
    "AWS::CloudWatch::Alarm": ("alarm", 0.10),
    "AWS::CloudWatch::CompositeAlarm": ("composite alarm", 0.50),
    "AWS::CloudWatch::Dashboard": ("dashboard", 3.00),
    "AWS::EC2::EIP": ("public address", _ADDRESS_HOUR * _HOURS),
    "AWS::EC2::NatGateway": ("NAT gateway", 0.045 * _HOURS),
    "AWS::KMS::Key": ("KMS key", 1.00),
}


class Cost(Struct, frozen=True, kw_only=True):
    """So many of one thing.

    Attributes:
        what: One of them, in words.
        count: How many.
        monthly_usd: All of them for 730 hours.
    """

    what: str
    count: int
    monthly_usd: float


def fixed_costs(templates: Iterable[Mapping[str, Any]]) -> list[Cost]:
    """Return what the resources of some templates cost a month, the dearest first.

    >>> shards = {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 2}}
    >>> fixed_costs([{"Resources": {"Stream": shards}}])
    [Cost(what='shard', count=2, monthly_usd=21.9)]
    """
    counts: dict[str, int] = {}
    prices: dict[str, float] = {}
    for template in templates:
        resources = template["Resources"]
        for resource in resources.values():
            for what, count, price in _priced(resource, resources):
                counts[what] = counts.get(what, 0) + count
                prices[what] = price
    costs = [
        Cost(what=what, count=count, monthly_usd=round(count * prices[what], 2))
        for what, count in counts.items()
        if count
    ]
    return sorted(costs, key=lambda cost: -cost.monthly_usd)


def _priced(
    resource: Mapping[str, Any], others: Mapping[str, Any]
) -> Iterable[tuple[str, int, float]]:
    type_, properties = resource["Type"], resource.get("Properties", {})
    if type_ in _MONTHLY:
        what, price = _MONTHLY[type_]
        yield what, 1, price
    elif type_ == "AWS::Kinesis::Stream":
        yield from _stream(properties)
    elif type_ == "AWS::NetworkFirewall::Firewall":
        endpoints = len(properties["SubnetMappings"])
        yield "firewall endpoint", endpoints, _FIREWALL_HOUR * _HOURS
    elif type_ == "AWS::ECS::Service":
        yield from _service(properties, others)


def _stream(properties: Mapping[str, Any]) -> Iterable[tuple[str, int, float]]:
    shards = properties.get("ShardCount")
    if shards is None:
        yield "stream on demand", 1, _ON_DEMAND_HOUR * _HOURS
        return
    yield "shard", shards, _SHARD_HOUR * _HOURS
    if properties.get("RetentionPeriodHours", _DAY) > _DAY:
        yield "shard that keeps more than a day", shards, _KEPT_HOUR * _HOURS


def _service(
    properties: Mapping[str, Any], others: Mapping[str, Any]
) -> Iterable[tuple[str, int, float]]:
    task = others[properties["TaskDefinition"]["Ref"]]["Properties"]
    count = properties["DesiredCount"]
    hourly = int(task["Cpu"]) / 1024 * _CPU_HOUR + int(task["Memory"]) / 1024 * _GB_HOUR
    yield "Fargate task", count, hourly * _HOURS
    network = properties["NetworkConfiguration"]["AwsvpcConfiguration"]
    if network["AssignPublicIp"] == "ENABLED":
        yield "public address", count, _ADDRESS_HOUR * _HOURS
