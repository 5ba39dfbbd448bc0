"""How far each consumer has come, in the state table beside the states.

The key is `~CONSUMER/SHARD`, which no ticker can be; `reached` is the sequence number
as text of one width, so that DynamoDB compares it as the number it is.
"""

from penstock.aws.clients import Clients
from penstock.aws.errors import translated
from penstock.aws.states import CHECKPOINT_MARK

__all__ = ["DynamoCheckpoints"]

# Kinesis's sequence numbers have up to 186 bits: 56 digits.
_WIDTH = 60
_UNLESS_AHEAD = "attribute_not_exists(ticker) OR reached < :reached"


class DynamoCheckpoints:
    """`Checkpoints` in one table."""

    def __init__(self, clients: Clients, table: str) -> None:
        self._clients, self._table = clients, table

    def position(self, consumer: str, shard: str) -> int:
        """See `Checkpoints.position`.

        Raises:
            ConfigError: There is no such table, or no leave to read it.
        """
        with translated(f"read the checkpoint of {consumer} in {shard}"):
            answer = self._clients("dynamodb").get_item(
                TableName=self._table,
                Key={"ticker": {"S": _key(consumer, shard)}},
                ConsistentRead=True,
            )
        return int(answer["Item"]["reached"]["S"]) if "Item" in answer else 0

    def checkpoint(self, consumer: str, shard: str, sequence_number: int) -> None:
        """See `Checkpoints.checkpoint`.

        Raises:
            ConfigError: There is no such table, or no leave to write to it.
        """
        client = self._clients("dynamodb")
        reached = {"S": f"{sequence_number:0{_WIDTH}d}"}
        with translated(f"write the checkpoint of {consumer} in {shard}"):
            try:
                client.put_item(
                    TableName=self._table,
                    Item={
                        "ticker": {"S": _key(consumer, shard)},
                        "reached": reached,
                    },
                    ConditionExpression=_UNLESS_AHEAD,
                    ExpressionAttributeValues={":reached": reached},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return  # another has come further


def _key(consumer: str, shard: str) -> str:
    return f"{CHECKPOINT_MARK}{consumer}/{shard}"
