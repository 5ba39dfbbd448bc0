"""Items of the tables: sizes, numbers, what is left unprocessed, cancelled commits."""

import math
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from penstock import memory
from penstock.aws import patience, states
from penstock.aws.dynamodb import batch_get, batch_put
from penstock.aws.history import DynamoHistory
from penstock.aws.states import DynamoStates
from penstock.errors import ConfigError, UnavailableError
from penstock.model import HistoryRow, TickerState
from penstock.pipeline import Ports, deliver
from tests.contract.samples import BTC, ETH, alert, position


class ConditionalCheckFailedError(ClientError):
    """As botocore's client makes it."""


class TransactionCanceledError(ClientError):
    """As botocore's client makes it."""


class Client:
    """Tables in dicts; `unprocessed` says how much of each batch is left."""

    exceptions = SimpleNamespace(
        ConditionalCheckFailedException=ConditionalCheckFailedError,
        TransactionCanceledException=TransactionCanceledError,
    )

    def __init__(self, unprocessed=lambda _: []):
        self.unprocessed = unprocessed
        self.calls = []
        self.items = {}
        self.cancelled = None

    def batch_get_item(self, *, RequestItems):
        ((table, wanted),) = RequestItems.items()
        keys = wanted["Keys"]
        self.calls.append(keys)
        left = self.unprocessed(keys)
        done = [key for key in keys if key not in left]
        answer = {"Responses": {table: done}}
        if left:
            answer["UnprocessedKeys"] = {table: {"Keys": left}}
        return answer

    def batch_write_item(self, *, RequestItems):
        ((table, requests),) = RequestItems.items()
        self.calls.append(requests)
        return {"UnprocessedItems": {table: self.unprocessed(requests)}}

    def put_item(self, *, Item, **_):
        self.calls.append(Item)
        self.items[Item["ticker"]["S"]] = Item

    def transact_write_items(self, **_):
        response = {"Error": {"Code": "TransactionCanceledException"}}
        raise TransactionCanceledError(response | self.cancelled, "TransactWriteItems")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that goes on a second each time that somebody looks."""
    seconds = iter(range(10_000))
    fake = SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: None)
    monkeypatch.setattr(patience, "time", fake)


def keys(count):
    return [{"ticker": {"S": f"k{n}"}} for n in range(count)]


def test_keys_go_100_at_a_time_and_the_unprocessed_again():
    client = Client(lambda asked: asked[1:] if len(asked) > 98 else [])
    found = batch_get(lambda _: client, "t", keys(150), is_consistent=True)
    assert sorted(k["ticker"]["S"] for k in found) == sorted(
        f"k{n}" for n in range(150)
    )
    assert [len(call) for call in client.calls] == [100, 99, 98, 50]


def test_keys_that_stay_unprocessed_are_unavailable_and_never_missing():
    client = Client(lambda asked: asked[:1])
    with pytest.raises(UnavailableError, match="1 items are still missing"):
        batch_get(lambda _: client, "t", keys(3), is_consistent=True)


def test_items_go_25_at_a_time_and_the_unprocessed_again():
    client = Client(lambda asked: asked[20:])
    assert batch_put(lambda _: client, "t", keys(30)) == []
    assert [len(call) for call in client.calls] == [25, 5, 5]


def test_items_that_stay_unprocessed_are_returned():
    stuck = {"PutRequest": {"Item": keys(2)[1]}}
    client = Client(lambda asked: [r for r in asked if r == stuck])
    assert batch_put(lambda _: client, "t", keys(3)) == [keys(2)[1]]
    assert all(call == [stuck] for call in client.calls[1:])


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (1.5, "1.5"),
        (1e-131, "0"),
        (1e200, "9.9e+125"),
        (-1e200, "-9.9e+125"),
        (math.inf, "9.9e+125"),
        (math.nan, "0"),
    ],
)
def test_a_number_is_one_that_dynamodb_takes(value, stored):
    client = Client()
    row = HistoryRow(
        series=BTC,
        last_refreshed="2024",
        price=1.0,
        open=1.0,
        high=1.0,
        low=1.0,
        volume=1.0,
        notional=value,
        trades=1,
        gaps=0,
    )
    assert DynamoHistory(lambda _: client, "t").put([row]) == set()
    assert client.items[BTC]["notional"] == {"N": stored}


def test_an_items_size_is_that_of_its_utf_8():
    item = {"ticker": {"S": "v:\u00c9"}, "data": {"S": '"\\\u00e9'}}
    assert states._size(item) == len("ticker") + 4 + len("data") + 4


def commit(client, *committed):
    store = DynamoStates(lambda _: client, "states", "positions")
    return store, store.commit(committed)


def test_a_state_that_dynamodb_would_refuse_fails_alone_and_says_why():
    client = Client()
    full = TickerState(
        ticker=BTC, version=1, outbox=tuple(alert(n) for n in range(3_000))
    )
    _, refused = commit(client, full, TickerState(ticker=ETH, version=1))
    assert list(refused) == [BTC]
    assert isinstance(refused[BTC], UnavailableError)
    assert "3000 deliveries wait in its outbox" in str(refused[BTC])
    assert list(client.items) == [ETH]


def test_a_full_outbox_can_be_emptied():
    client, notifier = Client(), memory.MemoryNotifier()
    almost = TickerState(
        ticker=BTC, version=1, outbox=tuple(alert(n) for n in range(1_800))
    )
    store, refused = commit(client, almost)
    assert refused == {}
    ports = Ports(
        states=store,
        history=memory.MemoryHistory(),
        objects=memory.MemoryObjects(),
        notifier=notifier,
        dead_letters=memory.MemoryDeadLetters(),
    )
    emptied, undelivered = deliver({BTC: almost}, ports)
    assert undelivered == {}
    assert emptied[BTC].outbox == ()
    assert "undelivered" not in client.items[BTC]
    assert list(notifier.alerts.values()) == list(almost.outbox)


@pytest.mark.parametrize(
    "reasons",
    [
        {},
        {"CancellationReasons": []},
        {"CancellationReasons": [{"Code": "TransactionConflict"}]},
    ],
)
def test_a_cancelled_transaction_may_pass(reasons):
    client = Client()
    client.cancelled = reasons
    held = TickerState(ticker=BTC, version=1, position=position())
    _, refused = commit(client, held)
    assert isinstance(refused[BTC], UnavailableError)


def test_a_transaction_of_what_dynamodb_cannot_store_is_for_the_operator():
    client = Client()
    client.cancelled = {"CancellationReasons": [{"Code": "ValidationError"}]}
    held = TickerState(ticker=BTC, version=1, position=position())
    with pytest.raises(ConfigError, match="commit coinbase:BTC-USD"):
        commit(client, held)
