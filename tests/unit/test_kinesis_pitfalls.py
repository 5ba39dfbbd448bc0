"""What commonly goes wrong between Kinesis and Lambda, and does not here.

The consumer behind an event source mapping that follows what AWS documents; each test
is named after its trap.
"""

import pytest
from msgspec.structs import replace

from penstock.ports import Record
from penstock.sandbox.events import kinesis_event
from penstock.sandbox.mapping import Discarded, ShardMapping, failed_at
from penstock.sandbox.settings import MappingSettings
from tests.kpl import aggregate
from tests.lambdas import Context
from tests.unit.test_lambda_consumer import Function, refusing_at, trades_of
from tests.worlds import BTC, ETH, SOL

STREAM_ARN = "arn:aws:kinesis:eu-west-3:123456789012:stream/trades"
ROLE_ARN = "arn:aws:iam::123456789012:role/consumer"
LATER_US = 3_600_000_000

# What a mapping should be deployed with.
ADVISED = MappingSettings(reports_failures=True, bisect=True, max_retries=2)


def of(n, ticker, data=None):
    """The n-th record of a shard: of one trade, which has the same number."""
    data = trades_of(ticker, (100 + n, n), since=n) if data is None else data
    return Record("shardId-000000000000", n, ticker, data, arrival_us=0)


class Deployed:
    """A consumer behind a mapping.

    Attributes:
        invoked: The sequence numbers of each invocation.
        discarded: Those that were given up.
    """

    def __init__(self, settings=ADVISED):
        self.function, self.mapping = Function(), ShardMapping(settings)
        self.world = self.function.world
        self.invoked, self.discarded, self._now_us = [], [], 0

    def process(self, *records, most=50):
        """Process records until nothing is left to do."""
        self.mapping.add(records, self._now_us)
        for _ in range(most):
            self._now_us += LATER_US
            for item in self.mapping.due(self._now_us):
                self._deal_with(item)

    def seqs(self, *tickers):
        """The last trade that each ticker's state has seen."""
        return [self.world.state(t).last_seq for t in tickers]

    def _deal_with(self, item):
        numbers = [r.sequence_number for r in item.records]
        if isinstance(item, Discarded):
            self.discarded.append(numbers)
            return
        self.invoked.append(numbers)
        event = kinesis_event(item.records, stream_arn=STREAM_ARN, role_arn=ROLE_ARN)
        response = self.function.consumer.handle(event, Context())
        self.mapping.finish(item, response, self._now_us)


def test_1_a_record_that_cannot_be_read_blocks_no_shard():
    # With AWS's defaults it would, for a week.
    deployed = Deployed(MappingSettings(reports_failures=True))
    deployed.process(of(1, BTC), of(2, BTC, data=b"garbage\n"), of(3, BTC))
    assert deployed.invoked == [[1, 2, 3]]
    assert deployed.mapping.checkpoint == 3
    assert [d.data for d in deployed.world.ports.dead_letters.list()] == [b"garbage"]
    assert deployed.seqs(BTC) == [3]


def test_2_only_the_failing_ticker_is_given_up():
    deployed = Deployed()
    deployed.world.fault = refusing_at("commit", {ETH})
    deployed.process(of(1, ETH), of(2, BTC), of(3, ETH), of(4, SOL))
    assert deployed.discarded == [[1], [3]]
    assert deployed.invoked.count([1]) == 3
    assert deployed.seqs(BTC, SOL) == [2, 4]
    assert deployed.mapping.checkpoint == 4


def test_4_what_is_replayed_after_the_first_failure_counts_once():
    deployed = Deployed(replace(ADVISED, bisect=False, max_retries=-1))
    down = {ETH}
    deployed.world.fault = refusing_at("commit", down)
    deployed.process(of(1, BTC), of(2, ETH), of(3, BTC), of(4, ETH), most=3)
    assert deployed.invoked == [[1, 2, 3, 4], [2, 3, 4], [2, 3, 4]]
    down.clear()
    deployed.process()
    assert deployed.seqs(BTC, ETH) == [3, 4]
    assert [deployed.world.state(t).trades for t in (BTC, ETH)] == [2, 2]


@pytest.mark.parametrize("down", [set(), {BTC}, {ETH}, {BTC, ETH}])
def test_5_lambda_takes_the_response_for_what_it_is(down):
    # An identifier that is empty or unknown would fail the batch from its first record.
    function = Function()
    function.world.fault = refusing_at("commit", down)
    records = [of(1, SOL), of(2, ETH), of(3, BTC)]
    event = kinesis_event(records, stream_arn=STREAM_ARN, role_arn=ROLE_ARN)
    response = function.consumer.handle(event, Context())
    failing = [n for n, r in enumerate(records) if r.key in down]
    assert failed_at(response, records) == min(failing, default=None)


def test_6_batches_of_one_shard_at_once_leave_the_same():
    tickers = [
        f"test:{base}-USD" for base in ("ADA", "BTC", "DOT", "ETH", "SOL", "XRP")
    ]
    records = [of(n, tickers[n * n % 6]) for n in range(1, 61)]
    alone = Deployed(replace(ADVISED, lanes=1))
    alone.process(*records)
    several = Deployed(replace(ADVISED, lanes=4, batch_size=3))
    several.process(*records)
    assert len(several.invoked) > 15
    assert several.world.left() == alone.world.left()


def test_9_what_the_producer_sent_twice_counts_once():
    # With another sequence number, by which nobody could tell.
    deployed = Deployed()
    first = of(1, BTC)
    deployed.process(first, of(2, BTC), replace(first, sequence_number=3))
    state = deployed.world.state(BTC)
    assert (state.trades, state.last_seq, state.stream_position) == (2, 2, 3)


def test_10_what_comes_out_of_order_after_a_retry_is_not_gone_back_to():
    deployed = Deployed()
    newer, older = of(1, BTC), of(2, BTC)
    deployed.process(replace(newer, data=older.data), replace(older, data=newer.data))
    state = deployed.world.state(BTC)
    assert (state.trades, state.last_seq, state.last_price) == (1, 2, 102.0)


def test_14_an_aggregate_of_several_tickers_is_each_ticker_s_own():
    data = aggregate([(BTC, of(1, BTC).data), (ETH, of(1, ETH).data)])
    deployed = Deployed()
    deployed.world.fault = refusing_at("commit", {ETH})
    deployed.process(of(1, "any", data=data))
    assert deployed.discarded == [[1]]
    assert deployed.seqs(BTC) == [1]
    assert deployed.world.state(ETH) is None


def test_15_a_bar_goes_on_from_one_batch_to_the_next_and_over_a_reshard():
    # A tumbling window of Lambda's would end with its shard, and by time of arrival.
    parent, child = Deployed(), Deployed()
    child.function = parent.function
    parent.process(of(1, BTC), of(2, BTC))
    child.process(replace(of(3, BTC), shard="shardId-000000000002"))
    bar = parent.world.state(BTC).bar
    assert (bar.trades, bar.open, bar.close) == (3, 101.0, 103.0)
