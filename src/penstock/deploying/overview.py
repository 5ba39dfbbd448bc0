"""How what is deployed is doing, as CloudFormation, Kinesis and CloudWatch tell it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from penstock.aws.errors import translated
from penstock.deploying import stacks
from penstock.deploying.target import Target

__all__ = ["FunctionState", "Overview", "StreamState", "look_over"]

_WINDOW = timedelta(hours=1)
_METRICS = (
    ("invocations", "Invocations", "Sum"),
    ("errors", "Errors", "Sum"),
    ("iterator_age", "IteratorAge", "Maximum"),
)


class FunctionState(Struct, frozen=True, kw_only=True):
    """A function in the last hour; None is what CloudWatch has nothing about.

    Attributes:
        name: Its name.
        invocations, errors: How many.
        iterator_age_ms: How old the oldest record was that it was given.
    """

    name: str
    invocations: int | None
    errors: int | None
    iterator_age_ms: int | None


class StreamState(Struct, frozen=True, kw_only=True):
    """A stream: its status, such as "ACTIVE", and its open shards."""

    name: str
    status: str
    shards: int


class Overview(Struct, frozen=True, kw_only=True):
    """An environment.

    Attributes:
        stacks: Each one's status.
        stream: The stream; None where there is none of our own.
        functions: Each function.
        alarms: Each alarm's state: "OK", "ALARM" or "INSUFFICIENT_DATA".
    """

    stacks: dict[str, str]
    stream: StreamState | None
    functions: list[FunctionState]
    alarms: dict[str, str]


def look_over(target: Target, project: str, now: datetime) -> Overview:
    """Look at everything that is deployed, at the time `now`.

    Raises:
        ConfigError: AWS does not let us.
        UnavailableError: AWS does not answer.
    """
    deployed = stacks.list_deployed(target, project)
    ids: dict[str, list[str]] = {}
    for stack in deployed.values():
        for found in stacks.resources(target, stack.id_):
            if id_ := found.get("PhysicalResourceId"):
                ids.setdefault(found["ResourceType"], []).append(id_)
    streams = ids.get("AWS::Kinesis::Stream", [])
    return Overview(
        stacks={name: stack.status for name, stack in deployed.items()},
        stream=_stream(target, streams[0]) if streams else None,
        functions=_functions(target, sorted(ids.get("AWS::Lambda::Function", [])), now),
        alarms=_alarms(target, ids.get("AWS::CloudWatch::Alarm", [])),
    )


def _stream(target: Target, name: str) -> StreamState:
    with translated(f"kinesis DescribeStreamSummary {name}"):
        answer = target.clients("kinesis").describe_stream_summary(StreamName=name)
    found = answer["StreamDescriptionSummary"]
    return StreamState(
        name=name, status=found["StreamStatus"], shards=found["OpenShardCount"]
    )


def _functions(
    target: Target, names: Iterable[str], now: datetime
) -> list[FunctionState]:
    queries = {
        f"{key}_{number}": (name, metric, statistic)
        for number, name in enumerate(names)
        for key, metric, statistic in _METRICS
    }
    values = _values(target, queries, now.astimezone(UTC)) if queries else {}

    def value(key: str, number: int) -> int | None:
        found = values.get(f"{key}_{number}")
        return None if found is None else round(found)

    return [
        FunctionState(
            name=name,
            invocations=value("invocations", number),
            errors=value("errors", number),
            iterator_age_ms=value("iterator_age", number),
        )
        for number, name in enumerate(names)
    ]


def _values(
    target: Target, queries: Mapping[str, tuple[str, str, str]], now: datetime
) -> dict[str, float]:
    with translated("cloudwatch GetMetricData"):
        answer = target.clients("cloudwatch").get_metric_data(
            StartTime=now - _WINDOW,
            EndTime=now,
            MetricDataQueries=[
                _query(id_, *about) for id_, about in sorted(queries.items())
            ],
        )
    # A period that began before the window may give a second value.
    return {
        found["Id"]: max(found["Values"])
        if found["Id"].startswith("iterator")
        else sum(found["Values"])
        for found in answer["MetricDataResults"]
        if found["Values"]
    }


def _query(id_: str, function: str, metric: str, statistic: str) -> dict[str, Any]:
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": "FunctionName", "Value": function}],
            },
            "Period": 300,
            "Stat": statistic,
        },
    }


def _alarms(target: Target, names: list[str]) -> dict[str, str]:
    if not names:
        return {}
    with translated("cloudwatch DescribeAlarms"):
        pages = (
            target.clients("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNames=names)
        )
        return {
            a["AlarmName"]: a["StateValue"] for p in pages for a in p["MetricAlarms"]
        }
