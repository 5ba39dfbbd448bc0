"""What the tables have in common: reading and writing many items at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from penstock.aws.clients import Clients
from penstock.aws.errors import translated
from penstock.aws.patience import attempts
from penstock.errors import UnavailableError

__all__ = ["Item", "batch_get", "batch_put", "pages"]

Item = dict[str, dict[str, Any]]
"""Attributes by name, each as {type: value}."""

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
_MOST_GET = 100
_MOST_PUT = 25


def batch_get(
    clients: Clients, table: str, keys: Sequence[Item], *, is_consistent: bool
) -> list[Item]:
    """Return the items of `keys` that there are, in no order.

    Raises:
        UnavailableError: Some keys were still unprocessed after ten seconds.
        ConfigError: There is no such table, or no leave to read it.
    """
    found: list[Item] = []
    for start in range(0, len(keys), _MOST_GET):
        found += _get(clients, table, keys[start : start + _MOST_GET], is_consistent)
    return found


def _get(
    clients: Clients, table: str, keys: Sequence[Item], is_consistent: bool
) -> list[Item]:
    found: list[Item] = []
    for _ in attempts():
        request = {table: {"Keys": keys, "ConsistentRead": is_consistent}}
        with translated(f"read from table {table}"):
            answer = clients("dynamodb").batch_get_item(RequestItems=request)
        found += answer["Responses"].get(table, [])
        keys = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        if not keys:
            return found
    raise UnavailableError(
        f"read from table {table}: throttled: {len(keys)} items are still missing"
    )


def batch_put(clients: Clients, table: str, items: Sequence[Item]) -> list[Item]:
    """Store items whatever is there; return those that may not have been stored.

    No two may have the same key.

    Raises:
        ConfigError: There is no such table, or no leave to write to it.
    """
    refused: list[Item] = []
    for start in range(0, len(items), _MOST_PUT):
        refused += _put(clients, table, items[start : start + _MOST_PUT])
    return refused


def _put(clients: Clients, table: str, items: Sequence[Item]) -> Sequence[Item]:
    for _ in attempts():
        requests = [{"PutRequest": {"Item": item}} for item in items]
        try:
            with translated(f"write to table {table}"):
                answer = clients("dynamodb").batch_write_item(
                    RequestItems={table: requests}
                )
        except UnavailableError:
            continue
        left = answer.get("UnprocessedItems", {}).get(table, [])
        items = [request["PutRequest"]["Item"] for request in left]
        if not items:
            break
    return items


def pages(
    clients: Clients, operation: str, table: str, arguments: Mapping[str, Any]
) -> Iterator[Iterable[Item]]:
    """Yield the pages of a query or a scan.

    Raises:
        UnavailableError: The table did not answer.
        ConfigError: There is no such table, or no leave to read it.
    """
    call = getattr(clients("dynamodb"), operation)
    start: Mapping[str, Any] = {}
    while True:
        with translated(f"{operation} table {table}"):
            answer = call(TableName=table, **arguments, **start)
        yield answer["Items"]
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
