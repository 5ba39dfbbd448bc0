"""State items and open positions in DynamoDB.

    state table      ticker (key), version, data, undelivered
    positions table  ticker (key), id, quantity, entry_price, entry_fee, entry_us

`data` is the state as JSON, which only this module reads.  `undelivered` is there, and
the item in the index of that name, only while its outbox waits.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from penstock.aws.clients import Clients, at_once
from penstock.aws.dynamodb import Item, batch_get, pages
from penstock.aws.errors import translated
from penstock.codec import encode_json
from penstock.errors import ConfigError, StaleStateError, UnavailableError
from penstock.model import Position, TickerState
from penstock.ports import Refused

__all__ = ["CHECKPOINT_MARK", "UNDELIVERED", "DynamoStates"]

UNDELIVERED = "undelivered"
"""The index of the states whose outbox waits, and the attribute that it is over."""

CHECKPOINT_MARK = "~"
"""What the keys of other items than states begin with; no ticker does."""

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MOST_ITEM_BYTES = 400 * 1024
_WAITING = "1"
_MOST_SEEN = 10_000
_IF_FIRST = "attribute_not_exists(ticker)"
_IF_NEXT = "version = :before"

_decoder = msgspec.json.Decoder(TickerState)


class DynamoStates:
    """A `StateStore` in two tables.

    Remembers which positions it has seen, so that a commit that moves none costs one
    write, and not a transaction's four.
    """

    def __init__(self, clients: Clients, table: str, positions_table: str) -> None:
        self._clients = clients
        self._table, self._positions = table, positions_table
        self._seen: dict[str, tuple[int, Position | None]] = {}

    def load(self, tickers: Collection[str]) -> dict[str, TickerState]:
        """See `StateStore.load`.

        Raises:
            ConfigError: A state cannot be read, there is no such table, or no leave.
        """
        keys = [_key(ticker) for ticker in dict.fromkeys(tickers)]
        items = batch_get(self._clients, self._table, keys, is_consistent=True)
        states = {item["ticker"]["S"]: self._decode(item) for item in items}
        for state in states.values():
            self._remember(state)
        return states

    def _decode(self, item: Item) -> TickerState:
        try:
            return _decoder.decode(item["data"]["S"])
        except msgspec.DecodeError as e:
            raise ConfigError(
                f"table {self._table}: the state of {item['ticker']['S']} cannot be"
                f" read: {e}. Another version of penstock wrote it: use that one, or"
                " delete the item and replay its trades."
            ) from e

    def commit(self, states: Sequence[TickerState]) -> dict[str, Refused]:
        """See `StateStore.commit`.

        Where an answer was lost and the call is repeated, what is stored is ours
        already: that counts as done.

        Raises:
            ConfigError: There is no such table, or no leave to write to it.
        """
        outcomes = at_once(self._commit, states)
        return {
            state.ticker: refused
            for state, refused in zip(states, outcomes, strict=True)
            if refused is not None
        }

    def _commit(self, state: TickerState) -> Refused | None:
        item = _item(state)
        size = _size(item)
        if size > _MOST_ITEM_BYTES:
            return UnavailableError(
                f"{state.ticker}: its state of {size:,} bytes is above DynamoDB's"
                f" {_MOST_ITEM_BYTES:,}: {len(state.outbox)} deliveries wait in its"
                " outbox. See why they fail: no more of its trades are applied till"
                " then, and they come again."
            )
        put = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": _IF_FIRST if state.version == 1 else _IF_NEXT,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if state.version > 1:
            put["ExpressionAttributeValues"] = {
                ":before": {"N": str(state.version - 1)}
            }
        try:
            stored = self._write(put, state)
        except UnavailableError as e:
            return e
        if stored is None or stored == item:
            self._remember(state)
            return None
        return StaleStateError(state.ticker, state.version - 1)

    def _write(self, put: dict[str, Any], state: TickerState) -> Item | None:
        # Returns what is stored where the condition failed, {} for nothing.
        client = self._clients("dynamodb")
        with translated(f"commit {state.ticker} to table {self._table}"):
            if not self._moves_position(state):
                try:
                    client.put_item(**put)
                except client.exceptions.ConditionalCheckFailedException as e:
                    return e.response.get("Item", {})  # type: ignore[no-any-return]
                return None
            try:
                client.transact_write_items(
                    TransactItems=[{"Put": put}, self._position(state)]
                )
            except client.exceptions.TransactionCanceledException as e:
                reasons = e.response.get("CancellationReasons") or [{}]
                if reasons[0].get("Code") == "ConditionalCheckFailed":
                    return reasons[0].get("Item", {})  # type: ignore[no-any-return]
                is_wrong = any(r.get("Code") == "ValidationError" for r in reasons)
                error = ConfigError if is_wrong else UnavailableError
                raise error(f"commit {state.ticker} to table {self._table}: {e}") from e
        return None

    def _moves_position(self, state: TickerState) -> bool:
        if state.version == 1:
            return state.position is not None
        seen = self._seen.get(state.ticker)
        return seen != (state.version - 1, state.position)

    def _remember(self, state: TickerState) -> None:
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[state.ticker] = (state.version, state.position)

    def _position(self, state: TickerState) -> dict[str, Any]:
        if state.position is None:
            return {"Delete": {"TableName": self._positions, "Key": _key(state.ticker)}}
        return {"Put": {"TableName": self._positions, "Item": _row_of(state.position)}}

    def tickers(self) -> list[str]:
        """See `StateStore.tickers`; reads the whole table's keys.

        Raises:
            ConfigError: There is no such table, or no leave to read it.
        """
        scan = {"ProjectionExpression": "ticker", "ConsistentRead": True}
        found = (
            item["ticker"]["S"]
            for page in pages(self._clients, "scan", self._table, scan)
            for item in page
        )
        return sorted(t for t in found if not t.startswith(CHECKPOINT_MARK))

    def positions(self) -> list[Position]:
        """See `StateStore.positions`.

        Raises:
            ConfigError: There is no such table, or no leave to read it.
        """
        scan = {"ConsistentRead": True}
        found = [
            _position_of(item)
            for page in pages(self._clients, "scan", self._positions, scan)
            for item in page
        ]
        return sorted(found, key=lambda position: position.ticker)

    def undelivered(self) -> list[str]:
        """See `StateStore.undelivered`.

        The index follows its table within a second or so: a state that has just been
        committed may be missing, or still be there.

        Raises:
            ConfigError: There is no such index, or no leave to read it.
        """
        query = {
            "IndexName": UNDELIVERED,
            "KeyConditionExpression": f"{UNDELIVERED} = :waiting",
            "ExpressionAttributeValues": {":waiting": {"S": _WAITING}},
        }
        return sorted(
            item["ticker"]["S"]
            for page in pages(self._clients, "query", self._table, query)
            for item in page
        )


def _key(ticker: str) -> Item:
    return {"ticker": {"S": ticker}}


def _size(item: Item) -> int:
    """Return the bytes that DynamoDB counts, of names and values in UTF-8.

    Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(
        len(name.encode()) + len(next(iter(value.values())).encode())
        for name, value in item.items()
    )


def _item(state: TickerState) -> Item:
    item = {
        **_key(state.ticker),
        "version": {"N": str(state.version)},
        "data": {"S": encode_json(state).decode()},
    }
    if state.outbox:
        item[UNDELIVERED] = {"S": _WAITING}
    return item


# Decimals are text: as numbers DynamoDB would drop the zeros at their ends.
_NUMBERS = frozenset({"entry_us"})


def _row_of(position: Position) -> Item:
    values: Mapping[str, Any] = msgspec.to_builtins(position)
    return {
        name: {"N" if name in _NUMBERS else "S": str(value)}
        for name, value in values.items()
    }


def _position_of(item: Item) -> Position:
    values = {name: next(iter(value.values())) for name, value in item.items()}
    return msgspec.convert(values, Position, strict=False)
