"""History rows in DynamoDB.

    history table    ticker (key), last_refreshed (sort key), price, open, high, low,
                     volume, notional, trades, gaps, venue

`ticker` is the row's series: the ticker itself, or `ticker@1m` for its bars.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isnan
from typing import Any

import msgspec

from penstock.aws.clients import Clients, at_once
from penstock.aws.dynamodb import Item, batch_put, pages
from penstock.aws.errors import translated
from penstock.errors import UnavailableError
from penstock.model import HistoryRow

__all__ = ["DynamoHistory"]

# DynamoDB's numbers begin and end here: what is nearer to nothing is stored as nothing,
# what is larger, or too large for a float, as the largest.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_SMALLEST, _LARGEST = 1e-130, 9.9e125
_UNLESS_MORE = "attribute_not_exists(ticker) OR trades <= :trades"


class DynamoHistory:
    """A `HistoryStore` in one table.

    The newest row of each series is written on condition that none is there that
    counts more trades.  The older ones of the same call are closed: whoever writes
    them, they are the same, and they go 25 at a time without conditions.
    """

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients, self._table = clients, table

    def put(self, rows: Sequence[HistoryRow]) -> set[str]:
        """See `HistoryStore.put`.

        Raises:
            ConfigError: There is no such table, or no leave to write to it.
        """
        best: dict[tuple[str, str], HistoryRow] = {}
        newest: dict[str, str] = {}
        for row in rows:
            key = (row.series, row.last_refreshed)
            if key not in best or row.trades >= best[key].trades:
                best[key] = row
            if row.last_refreshed >= newest.get(row.series, ""):
                newest[row.series] = row.last_refreshed
        closed = [
            _item(row)
            for row in best.values()
            if newest[row.series] != row.last_refreshed
        ]
        opened = [best[series, time] for series, time in newest.items()]
        refused = {
            item["ticker"]["S"]
            for item in batch_put(self._clients, self._table, closed)
        }
        written = at_once(self._put_newest, opened)
        for row, is_written in zip(opened, written, strict=True):
            if not is_written:
                refused.add(row.series)
        return refused

    def _put_newest(self, row: HistoryRow) -> bool:
        client = self._clients("dynamodb")
        try:
            with (
                translated(f"write {row.series} to table {self._table}"),
                # What is there counts more.
                suppress(client.exceptions.ConditionalCheckFailedException),
            ):
                client.put_item(
                    TableName=self._table,
                    Item=_item(row),
                    ConditionExpression=_UNLESS_MORE,
                    ExpressionAttributeValues={":trades": {"N": str(row.trades)}},
                )
        except UnavailableError:
            return False
        return True

    def query(
        self,
        series: str,
        *,
        start: str = "",
        end: str = "~",
        limit: int = 0,
        newest_first: bool = False,
    ) -> list[HistoryRow]:
        """See `HistoryStore.query`.

        Raises:
            ConfigError: There is no such table, or no leave to read it.
        """
        if start >= end:
            return []
        arguments: dict[str, Any] = {
            # BETWEEN includes its end, which is filtered out below.
            "KeyConditionExpression": (
                "ticker = :series AND last_refreshed BETWEEN :start AND :end"
            ),
            "ExpressionAttributeValues": {
                ":series": {"S": series},
                ":start": {"S": start or " "},  # a key is never empty
                ":end": {"S": end},
            },
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        if limit:
            arguments["Limit"] = limit + 1
        rows: list[HistoryRow] = []
        for page in pages(self._clients, "query", self._table, arguments):
            rows += [row for row in map(_row, page) if row.last_refreshed < end]
            if limit and len(rows) >= limit:
                break
        return rows[: limit or None]


def _item(row: HistoryRow) -> Item:
    values: Mapping[str, Any] = msgspec.structs.asdict(row)
    item: Item = {
        name: {"N": _number(value)}
        for name, value in values.items()
        if name not in ("series", "last_refreshed")
    }
    item["ticker"] = {"S": row.series}
    item["last_refreshed"] = {"S": row.last_refreshed}
    item["venue"] = {"S": row.series.partition(":")[0]}
    return item


def _number(value: float) -> str:
    if isnan(value) or abs(value) < _SMALLEST:
        return "0"
    return repr(min(max(value, -_LARGEST), _LARGEST))


def _row(item: Item) -> HistoryRow:
    number = {name: value["N"] for name, value in item.items() if "N" in value}
    return msgspec.convert(
        {
            **number,
            "series": item["ticker"]["S"],
            "last_refreshed": item["last_refreshed"]["S"],
        },
        HistoryRow,
        strict=False,
    )
