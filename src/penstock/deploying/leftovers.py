"""What is still there of an environment, whoever made it: by tag, and by name.

CloudFormation knows only what it has made.  Services make log groups of their own, and
a crawler makes tables; and a tag's index forgets slowly.  So both are asked.
"""

import re
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import Struct

from penstock.aws.errors import translated
from penstock.deploying.target import Target

__all__ = ["Names", "delete_log_groups", "find_leftovers"]

# Service, operation, where the answer has its items, and where an item has its name.
_LISTS = (
    ("athena", "list_work_groups", "WorkGroups", "Name"),
    ("cloudwatch", "describe_alarms", "CompositeAlarms", "AlarmName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("dynamodb", "list_tables", "TableNames", ""),
    ("ecs", "list_clusters", "clusterArns", ""),
    ("events", "list_rules", "Rules", "Name"),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames", ""),
    ("glue", "get_crawlers", "Crawlers", "Name"),
    ("glue", "get_databases", "DatabaseList", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("kinesis", "list_streams", "StreamNames", ""),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", ""),
)
_KEY = ":key/"
_PATIENCE_S = 120
_LOOK_S = 5


class Names(Struct, frozen=True, kw_only=True):
    """What an environment's resources are called.

    Attributes:
        project: Value of their tag `project`.
        bases: How their names begin.
        environment: What they end in.
    """

    project: str
    bases: frozenset[str]
    environment: str

    def matches(self, name: str) -> bool:
        """Tell whether a part of a name, ARN or address is one of ours.

        >>> names = Names(project="p", bases=frozenset({"trades"}), environment="dev")
        >>> names.matches("/aws/lambda/trades-dev"), names.matches("trades-test")
        (True, False)
        """
        ends = (f"-{self.environment}", f"_{self.environment}")
        return any(
            part.endswith(ends) and part.startswith(tuple(self.bases))
            for part in re.split("[/:]", name)
        )


def find_leftovers(target: Target, names: Names) -> list[str]:
    """Return the ARNs or names of what is there, sorted.

    A key that AWS keeps for the days in which its deletion can be taken back is not
    there any longer.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        listed = _list_all(target)
        named = {
            f"{service} {name}"
            for service, found in listed.items()
            for name in found
            if names.matches(name)
        }
        tagged = {arn for arn in _tagged(target, names) if not _is_gone(arn, listed)}
        tagged = {arn for arn in tagged if _short(arn) not in named}
        # A name tells at once, the index of tags in some minutes.
        waits = tagged and not named and target.kind == "aws"
        if not waits or time.monotonic() > deadline:
            return sorted(named | tagged)
        time.sleep(_LOOK_S)


def delete_log_groups(target: Target, names: Names) -> list[str]:
    """Delete the log groups that services have made, and return their names."""
    logs = target.clients("logs")
    found = [
        name
        for name in _names(
            target, "logs", "describe_log_groups", "logGroups", "logGroupName"
        )
        if names.matches(name)
    ]
    for name in found:
        with translated(f"logs DeleteLogGroup {name}"):
            logs.delete_log_group(logGroupName=name)
    return found


def _list_all(target: Target) -> dict[str, set[str]]:
    listed: dict[str, set[str]] = {}
    for service, operation, items, key in _LISTS:
        found = _names(target, service, operation, items, key)
        listed.setdefault(service, set()).update(found)
    return listed


def _is_gone(arn: str, listed: Mapping[str, Collection[str]]) -> bool:
    """Tell whether a service does not list any longer what the index of tags has.

    What it has besides goes with what it lists.
    """
    service, name = arn.split(":")[2], _last(arn)
    return (
        service in listed
        and _KEY not in arn
        and name not in {_last(found) for found in listed[service]}
    )


def _short(arn: str) -> str:
    return f"{arn.split(':')[2]} {_last(arn)}"


def _last(name: str) -> str:
    return re.split("[/:]", name)[-1]


def _names(
    target: Target, service: str, operation: str, items: str, key: str
) -> Iterator[str]:
    client = target.clients(service)
    with translated(f"{service} {operation}"):
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate()
        else:
            pages = _pages(getattr(client, operation))
        for page in pages:
            for item in page.get(items, []):
                yield item[key] if key else item


def _pages(operation: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (boto3's)
    answer = operation()
    yield answer
    while token := answer.get("NextToken"):
        answer = operation(NextToken=token)
        yield answer


def _tagged(target: Target, names: Names) -> Iterator[str]:
    tags = {"project": names.project, "environment": names.environment}
    with translated("resourcegroupstaggingapi GetResources"):
        pages = (
            target.clients("resourcegroupstaggingapi")
            .get_paginator("get_resources")
            .paginate(TagFilters=[{"Key": k, "Values": [v]} for k, v in tags.items()])
        )
        arns = [r["ResourceARN"] for p in pages for r in p["ResourceTagMappingList"]]
    yield from (arn for arn in arns if not _is_going(target, arn))


def _is_going(target: Target, arn: str) -> bool:
    if _KEY not in arn:
        return False
    with translated(f"kms DescribeKey {arn}"):
        found = target.clients("kms").describe_key(KeyId=arn)
    return bool(found["KeyMetadata"]["KeyState"] == "PendingDeletion")
