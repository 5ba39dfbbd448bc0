"""The adapters where answers are lost, shards change, and nobody hears."""

from collections import Counter
from decimal import Decimal

import pytest

from penstock import memory
from penstock.aws import clients as aws_clients_module
from penstock.bootstrap import aws_ports, aws_stream
from penstock.config import Settings
from penstock.engine.rules import BelowRule, Rules
from penstock.errors import UnavailableError
from penstock.model import TickerState
from penstock.pipeline import Ports, deliver, process_batch
from tests.aws.proxy import Proxy
from tests.aws.resources import deploy
from tests.contract.samples import entry, position
from tests.tape import tape
from tests.worlds import BTC, ETH, for_ticker, record

WRITES = {"PutItem", "PutRecords"}
HELD_S = 1.0
KEYS = [f"coinbase:T{n}-USD" for n in range(20)]


@pytest.fixture
def proxy(emulator):
    with Proxy(emulator.endpoint) as running:
        yield running


@pytest.fixture
def impatient(aws, proxy, monkeypatch):
    """Settings for adapters that wait 0.3 s, before a proxy that loses one answer."""
    monkeypatch.setattr(aws_clients_module, "_READ_S", 0.3)
    settings = Settings(aws=deploy(aws, proxy.endpoint).settings)
    lost = []

    def spoil(calls):
        if lost or not any(call.action in WRITES for call in calls):
            return 0.0
        lost.append(calls)
        return HELD_S

    proxy.spoil = spoil
    yield settings
    assert lost


def writes(proxy):
    return [call.action for call in proxy.calls if call.action in WRITES]


@pytest.mark.parametrize("held", [None, position(BTC)], ids=["put", "transaction"])
def test_a_commit_whose_answer_was_lost_counts_as_done(impatient, proxy, held):
    states = aws_ports(impatient).states
    state = TickerState(ticker=BTC, version=1, last_seq=7, position=held)
    assert states.commit([state]) == {}
    assert states.load([BTC]) == {BTC: state}
    assert len(writes(proxy)) == (2 if held is None else 4)
    assert states.positions() == ([held] if held else [])


def test_an_append_whose_answer_was_lost_is_there_twice_in_order(impatient):
    stream = aws_stream(impatient)
    assert stream.append([entry(BTC, "1")]) == []
    assert stream.append([entry(BTC, "2")]) == []
    (shard,) = stream.shards()
    found = [r.data for r in stream.read(shard, after=0, limit=10)]
    assert found == [b"1\n", b"1\n", b"2\n"]


def test_a_shard_that_is_gone_ends_and_those_made_of_it_are_read(aws, emulator):
    # The emulator forgets at once what is split, with the records, as AWS does once
    # these have expired.
    deployed = deploy(aws, emulator.endpoint)
    stream = aws_stream(Settings(aws=deployed.settings))

    def append(part):
        assert stream.append([entry(key, part) for key in KEYS]) == []

    append("whole")
    (whole,) = stream.shards()
    records = stream.read(whole, after=0, limit=100)
    assert Counter(r.key for r in records) == Counter(KEYS)
    aws("kinesis").split_shard(
        StreamName=deployed.settings.stream,
        ShardToSplit=whole,
        NewStartingHashKey=str(2**127),
    )
    append("split")
    left, right = stream.shards()
    assert stream.read(whole, after=records[-1].sequence_number, limit=100) == []
    assert stream.read(whole, after=0, limit=100) == []
    found = [r for s in (left, right) for r in stream.read(s, after=0, limit=100)]
    assert Counter((r.key, r.data) for r in found) == Counter(
        (key, b"split\n") for key in KEYS
    )
    # Where they come from is told as long as that is there.
    assert [stream.parents(shard) for shard in (left, right)] == [[], []]


def falling_and_rising(count, *, since):
    """Trades of which every other one fires the rule below 95."""
    prices = ((90, 100)[n % 2] for n in range(count))
    return tape(*((price, since + n) for n, price in enumerate(prices)), since=since)


def test_where_nobody_hears_for_long_a_ticker_stops_alone_and_nothing_is_lost(
    aws, emulator, monkeypatch
):
    # As DynamoDB's 400 KB would: the emulator has the same limit, but it takes longer.
    monkeypatch.setattr("penstock.aws.states._MOST_ITEM_BYTES", 10_000)
    deployed = deploy(aws, emulator.endpoint)
    ports = aws_ports(Settings(aws=deployed.settings))
    down = {BTC}
    notifier = memory.MemoryNotifier(fault=memory.refusing(down))
    ports = Ports(
        states=ports.states,
        history=memory.MemoryHistory(),
        objects=ports.objects,
        notifier=notifier,
        dead_letters=ports.dead_letters,
    )
    rules = Rules(alerts=(BelowRule(below=Decimal(95)),))
    batches = [
        [record(n, falling_and_rising(20, since=1 + 20 * (n - 1)))]
        for n in range(1, 11)
    ]
    committed, refused = 0, None
    for batch in batches:
        number = batch[0].sequence_number
        calm = for_ticker(ETH, tape((100, number), since=number))
        result = process_batch([*batch, record(number, calm, key=ETH)], ports, rules)
        assert result.states[ETH].last_seq == number
        if BTC in result.failed:
            refused = result
            break
        committed += 1
    assert 0 < committed < len(batches)
    assert refused.resume_at == committed + 1
    assert isinstance(refused.failed[BTC], UnavailableError)
    assert "deliveries wait in its outbox" in str(refused.failed[BTC])
    assert len(ports.states.load([BTC])[BTC].outbox) == 10 * committed

    down.clear()
    assert ports.states.undelivered() == [BTC]
    assert deliver(ports.states.load([BTC]), ports)[1] == {}
    for batch in batches[committed:]:
        assert process_batch(batch, ports, rules).failed == {}
    assert ports.states.load([BTC])[BTC].outbox == ()
    assert Counter(a.ticker for a in notifier.alerts.values()) == {BTC: 100}
