"""Lookup tables in DynamoDB, one each, whose items are the rows.

A row's fields are the item's attributes, so that whatever else writes to the table, the
console among others, need know nothing of penstock.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from penstock.aws.clients import Clients
from penstock.aws.dynamodb import Item, batch_get, batch_put, pages
from penstock.errors import UnavailableError
from penstock.ports import Row

__all__ = ["DynamoLookupTable"]


class DynamoLookupTable:
    """A `LookupTable` in one table."""

    def __init__(self, clients: Clients, name: str, key: str) -> None:
        """`key` is the table's partition key, a string; it has no sort key."""
        self._clients, self._name, self._key = clients, name, key

    def get(self, keys: Collection[str]) -> dict[str, Row]:
        """See `LookupTable.get`.

        Raises:
            ConfigError: There is no such table, or no leave to read it.
        """
        asked = [{self._key: {"S": key}} for key in keys]
        found = batch_get(self._clients, self._name, asked, is_consistent=False)
        return {item[self._key]["S"]: _row(item) for item in found}

    def put(self, rows: Sequence[Row]) -> None:
        """See `LookupTable.put`.

        Raises:
            ConfigError: There is no such table, or no leave to write to it.
        """
        last = {row[self._key]: row for row in rows}
        items = [_attribute(row)["M"] for row in last.values()]
        refused = batch_put(self._clients, self._name, items)
        if refused:
            raise UnavailableError(
                f"write to table {self._name}: {len(refused)} of {len(items)} rows may "
                "not have been stored"
            )

    def list(self, *, limit: int = 0) -> list[Row]:
        """See `LookupTable.list`.

        Raises:
            ConfigError: There is no such table, or no leave to read it.
        """
        rows: list[Row] = []
        arguments = {"Limit": limit} if limit else {}
        for page in pages(self._clients, "scan", self._name, arguments):
            rows += map(_row, page)
            if limit and len(rows) >= limit:
                break
        return rows[: limit or None]


def _attribute(value: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever JSON holds)
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case str():
            return {"S": value}
        case dict():
            return {"M": {name: _attribute(v) for name, v in value.items()}}
        case _:
            return {"L": [_attribute(v) for v in value]}


def _row(item: Item) -> Row:
    return {name: _value(attribute) for name, attribute in item.items()}


def _value(attribute: dict[str, Any]) -> Any:  # noqa: ANN401 (whatever JSON holds)
    ((kind, value),) = attribute.items()
    return _READERS[kind](value)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _text_of(value: bytes) -> str:
    return b64encode(value).decode()


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "NULL": lambda _: None,
    "BOOL": bool,
    "N": _number,
    "S": str,
    "M": _row,
    "L": lambda values: [_value(v) for v in values],
    # Others may write what JSON does not have: sets, and bytes.
    "SS": list,
    "NS": lambda texts: [_number(text) for text in texts],
    "B": _text_of,
    "BS": lambda values: [_text_of(v) for v in values],
}
