"""What the functions on AWS leave is what the pipeline on one machine leaves."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.bootstrap import aws_stream
from tests.aws.both import (
    CONFIG,
    deployed,
    embedded,
    polling,
    produce,
    recorded,
    settings_of,
    wait_for,
)
from tests.aws.pipeline import Pipeline
from tests.aws.proxy import Proxy
from tests.embedded import market
from tests.recordings import needs_recordings

TRADES = 4_000


@pytest.fixture
def pipeline(aws, emulator, zips):
    made = Pipeline(aws, emulator.endpoint, zips, config=CONFIG)
    made.add_function("consumer")
    return made


def test_the_deployed_pipeline_leaves_what_the_embedded_one_does(
    pipeline, aws, tmp_path
):
    trades = market(TRADES)
    expected = embedded(tmp_path / "embedded", trades)
    assert len(expected["alerts"]) > 3
    assert len(expected["completed"]) > 3
    assert sum(map(len, expected["raw"].values())) == TRADES
    with polling(aws, tmp_path / "poller"):
        pipeline.map("consumer")
        produce(pipeline, trades)
        wait_for(pipeline, expected)
    assert deployed(pipeline, pipeline.made.received()) == expected


def whole(pipeline, proxy, batch):
    assert pipeline.deliver(batch)


def again(pipeline, proxy, batch):
    assert pipeline.deliver(batch)
    assert pipeline.deliver(batch)


def split(pipeline, proxy, batch):
    for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
        assert pipeline.deliver(half) or not half


def in_part(pipeline, proxy, batch):
    assert pipeline.deliver(batch[: len(batch) // 2 + 1])
    assert pipeline.deliver(batch)


def twice_at_once(pipeline, proxy, batch):
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(pipeline.deliver, [batch, batch]))
    assert any(done)
    assert pipeline.deliver(batch)


def timed_out_after_the_commit(pipeline, proxy, batch):
    table = pipeline.made.settings.state_table
    writes = [0]

    def hold_back(calls):
        is_commit = any(c.action == "PutItem" and table in c.resource for c in calls)
        writes[0] += is_commit
        return SHORT_S + 1 if is_commit and writes[0] > 1 else 0.0

    proxy.spoil = hold_back
    assert not pipeline.deliver(batch)
    proxy.spoil = lambda _calls: 0.0
    assert writes[0] > 1
    assert pipeline.deliver(batch)


ROUGHLY = [
    whole,
    twice_at_once,
    again,
    split,
    timed_out_after_the_commit,
    in_part,
    twice_at_once,
]
SHORT_S = 6


def test_it_stays_equal_however_roughly_batches_are_delivered(
    aws, emulator, zips, tmp_path
):
    trades = market(TRADES)
    expected = embedded(tmp_path / "embedded", trades)
    with Proxy(emulator.endpoint) as proxy:
        pipeline = Pipeline(
            aws,
            emulator.endpoint,
            zips,
            config=CONFIG,
            shards=1,
            seen_at=proxy.endpoint,
        )
        pipeline.add_function("consumer", timeout_s=SHORT_S)
        produce(pipeline, trades, size=25)
        stream = aws_stream(settings_of(pipeline))
        (shard,) = stream.shards()
        records = stream.read(shard, after=0, limit=10_000)
        size = len(records) // 14 + 1
        batches = [records[n : n + size] for n in range(0, len(records), size)]
        assert len(batches) >= len(ROUGHLY)
        for number, batch in enumerate(batches):
            ROUGHLY[number % len(ROUGHLY)](pipeline, proxy, batch)
    assert deployed(pipeline, pipeline.made.received()) == expected


@needs_recordings
@pytest.mark.parametrize(
    "name",
    [
        "coinbase-exchange-2021-04-17.frames.gz",
        "coinbase-advanced-2026-08-09.jsonl.zst",
        "binance-spot-btcusdt-2024-08-09.frames.gz",
    ],
)
def test_recorded_markets_leave_the_same_in_both(pipeline, aws, tmp_path, name):
    trades = recorded(name)[:6_000]
    expected = embedded(tmp_path / "embedded", trades)
    assert sum(s.trades for s in expected["states"].values()) > 100
    with polling(aws, tmp_path / "poller"):
        pipeline.map("consumer")
        produce(pipeline, trades)
        wait_for(pipeline, expected)
    assert deployed(pipeline, pipeline.made.received()) == expected
