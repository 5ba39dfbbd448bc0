import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.codec import encode_trade
from penstock.entrypoints.lambda_consumer import Consumer, read_event
from penstock.errors import BadRecordError, ConfigError
from penstock.memory import refusing
from penstock.ports import Record
from tests.kpl import aggregate
from tests.lambdas import NOW_US, Context, Lines, kinesis_event, metrics_of
from tests.tape import START_US, buying, trade
from tests.worlds import BTC, ETH, LIVELY, SOL, World

# Sequence numbers as Kinesis gives them: 56 digits.
BASE = 49545115243490985018280067714973144582180062593244200961


def trades_of(ticker, *moves, since=1):
    """A record's bytes, of a ticker at the venue `test`."""
    symbol = ticker.partition(":")[2]
    found = [trade(price, at_s, seq=n) for n, (price, at_s) in enumerate(moves, since)]
    lines = [encode_trade(t).replace(b"BTC-USD", symbol.encode()) for t in found]
    return b"".join(lines)


def of(n, ticker, data=None, key=None):
    """The n-th record of a shard, of one trade a second."""
    data = trades_of(ticker, (100, n), since=n) if data is None else data
    return Record("s", BASE + n, key or ticker, data, arrival_us=NOW_US - 3_000_000)


class Function:
    """A consumer over a world in memory, and its lines."""

    def __init__(self, rules=LIVELY, now_us=NOW_US):
        self.world, self.lines = World(), Lines()
        self.consumer = Consumer(
            self.world.ports, rules, self.lines.log, clock_us=lambda: now_us
        )

    def __call__(self, *records, context=None):
        # Through JSON, as Lambda passes it.
        event = json.loads(json.dumps(kinesis_event(*records)))
        return self.consumer.handle(event, context or Context())


def refusing_at(operation, tickers):
    """A fault of one operation only."""
    fault = refusing(tickers)

    def ask(op, key, done):
        if op == operation:
            fault(op, key, done)

    return ask


def failing(response):
    """The numbers that a response names, counted from BASE."""
    assert list(response) == ["batchItemFailures"]
    items = response["batchItemFailures"]
    assert all(list(item) == ["itemIdentifier"] for item in items)
    assert all(item["itemIdentifier"] for item in items)
    return [int(item["itemIdentifier"]) - BASE for item in items]


# Events.


def test_an_event_of_the_documentation_is_read():
    # docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    event = {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "49590338271490256608559692538361571095921575989"
                    "136588898",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:4959033827149025660855969253836157109"
                "5921575989136588898",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/l",
            }
        ]
    }
    assert read_event(event) == [
        Record(
            shard="shardId-000000000006",
            sequence_number=49590338271490256608559692538361571095921575989136588898,
            key="1",
            data=b"Hello, this is a test.",
            arrival_us=1_545_084_650_987_000,
        )
    ]


@given(st.integers(0, 2**41))
def test_times_of_arrival_are_exact_to_the_millisecond(arrival_ms):
    event = kinesis_event(Record("s", 1, "k", b"", arrival_ms * 1000))
    assert read_event(event)[0].arrival_us == arrival_ms * 1000


def test_aggregated_records_are_taken_apart():
    data = aggregate([(BTC, b"1\n"), (ETH, b"2\n"), (BTC, b"3\n")])
    parts = read_event(kinesis_event(of(1, BTC, data)))
    assert [(p.key, p.data, p.sequence_number - BASE) for p in parts] == [
        (BTC, b"1\n3\n", 1),
        (ETH, b"2\n", 1),
    ]


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({}, "nothing"),
        (None, "nothing"),
        ({"key1": "value1", "key2": "value2"}, "key1, key2"),
        ({"Records": [{"Sns": {}, "EventSource": "aws:sns"}]}, "Records"),
        ({"Records": None}, "Records"),
    ],
)
def test_another_event_is_refused_and_said(event, found):
    function = Function()
    with pytest.raises(BadRecordError) as e:
        function.consumer.handle(event, Context())
    assert str(e.value) == (
        "an event of a Kinesis stream holds Records, each with kinesis and eventID; "
        f"found {found}. Is the function's trigger a stream?"
    )
    line = function.lines.last()
    assert (line["level"], line["event"]) == ("error", "batch failed")
    assert line["error"] == f"BadRecordError: {e.value}"


# Responses.


def test_a_batch_that_is_done_names_nothing():
    function = Function()
    assert failing(function(of(1, BTC), of(2, ETH), of(3, BTC))) == []
    assert function.world.state(BTC).trades == 2
    assert function.world.state(BTC).stream_position == BASE + 3


def test_an_empty_batch_names_nothing():
    assert Function()() == {"batchItemFailures": []}


def test_a_failed_ticker_is_named_by_its_first_record_and_others_are_done():
    function = Function()
    function.world.fault = refusing_at("commit", {ETH})
    records = [of(1, BTC), of(2, ETH), of(3, SOL), of(4, ETH), of(5, BTC)]
    assert failing(function(*records)) == [2]
    assert function.world.state(BTC).trades == 2
    assert function.world.state(ETH) is None
    # Lambda comes back with all from there: what was done is skipped.
    function.world.fault = None
    assert failing(function(*records[1:])) == []
    assert [function.world.state(t).trades for t in (BTC, ETH, SOL)] == [2, 2, 1]
    assert metrics_of(function.lines.last())["Redelivered"] == 2


def test_a_record_is_named_as_lambda_named_it():
    # Digits that mean the same are, to Lambda, another record's.
    function = Function()
    function.world.fault = refusing_at("commit", {BTC})
    event = kinesis_event(of(1, ETH), of(2, BTC))
    named = f"000{BASE + 2}"
    event["Records"][1]["kinesis"]["sequenceNumber"] = named
    answer = function.consumer.handle(event, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": named}]}


def test_a_whole_batch_may_fail_which_is_an_answer_like_any_other():
    function = Function()
    function.world.fault = refusing({BTC, ETH})
    assert failing(function(of(3, ETH), of(4, BTC), of(5, ETH))) == [3]
    line = function.lines.last()
    assert (line["level"], line["resume_at"]) == ("warning", str(BASE + 3))
    assert line["failed"] == {
        ETH: f"load '{ETH}': refused, as `refusing` asks",
        BTC: f"load '{ETH}': refused, as `refusing` asks",
    }
    assert metrics_of(line)["FailedTickers"] == 2


def test_a_part_of_an_aggregate_that_fails_names_the_whole():
    function = Function()
    function.world.fault = refusing_at("commit", {ETH})
    data = aggregate([(BTC, trades_of(BTC, (100, 1))), (ETH, trades_of(ETH, (7, 1)))])
    assert failing(function(of(1, SOL), of(2, "other", data))) == [2]
    assert function.world.state(BTC).trades == 1
    function.world.fault = None
    assert failing(function(of(2, "other", data))) == []
    assert [function.world.state(t).trades for t in (BTC, ETH)] == [1, 1]


def test_what_no_retry_of_a_record_helps_is_raised_and_said():
    function = Function()

    def deny(operation, key, done):
        raise ConfigError("dynamodb:BatchGetItem is not allowed")

    function.world.fault = deny
    with pytest.raises(ConfigError):
        function(of(1, BTC))
    assert function.lines.last()["error"] == (
        "ConfigError: dynamodb:BatchGetItem is not allowed"
    )


@given(st.data())
def test_the_named_record_is_the_lowest_of_those_that_failed(data):
    tickers = [BTC, ETH, SOL]
    keys = data.draw(st.lists(st.sampled_from(tickers), min_size=1, max_size=12))
    down = data.draw(st.sets(st.sampled_from(tickers)))
    function = Function()
    function.world.fault = refusing_at("commit", down)
    records = [of(n, key) for n, key in enumerate(keys, 1)]
    expected = [r.sequence_number - BASE for r in records if r.key in down][:1]
    assert failing(function(*records)) == expected
    done = {t: function.world.state(t) for t in tickers if t not in down}
    assert {t: s.trades for t, s in done.items() if s} == {
        t: keys.count(t) for t in keys if t not in down
    }


# Time.


def many(count):
    return [of(n, f"test:T{n}-USD") for n in range(1, count + 1)]


def test_no_more_is_begun_than_can_be_done_in_time():
    function = Function()
    # 25 tickers took 5 s; the next 25 might take twice that, and there are 10.4 s.
    context = Context(15_400, 10_400)
    assert failing(function(*many(60), context=context)) == [26]
    line = function.lines.last()
    assert line["failed"]["test:T26-USD"] == "there was no time left for it"
    assert metrics_of(line)["FailedTickers"] == 35
    assert metrics_of(line)["Trades"] == 25
    assert len(line["failed"]) == 10  # a line names some


def test_with_time_enough_all_is_done():
    function = Function()
    assert failing(function(*many(60), context=Context(30_000, 29_990))) == []
    assert metrics_of(function.lines.last())["Trades"] == 60


def test_something_is_always_begun():
    function = Function()
    assert failing(function(*many(26), context=Context(0))) == [26]


# What it says.


def test_a_line_says_what_a_batch_did_with_every_metric():
    function = Function(buying(take_profit="0.05"), now_us=START_US + 9_000_000)
    function(of(1, BTC, trades_of(BTC, (100, 0), (98, 1), (104, 2)) + b"junk\n"))
    assert function.lines.texts[0].count("\n") == 1
    line = function.lines.last()
    assert metrics_of(line) == {
        "Records": 1,
        "Trades": 3,
        "Duplicates": 0,
        "Redelivered": 0,
        "Late": 0,
        "Gaps": 0,
        "DeadLetters": 1,
        "Alerts": 0,
        "CompletedTrades": 1,
        "Profit": 61.22448978,
        "FailedTickers": 0,
        "UndeliveredTickers": 0,
        "IteratorAge": 0.0,
        "Latency": [7000.0],
    }
    assert line["profit"] == {"USD": "61.22448978"}
    assert (line["level"], line["event"]) == ("info", "batch")
    assert (line["shard"], line["tickers"]) == ("shardId-000000000006", 1)
    assert line["first"] == line["last"] == str(BASE + 1)
    assert (line["failed"], line["undelivered"], line["resume_at"]) == ({}, {}, "")


def test_the_age_is_that_of_the_newest_record():
    function = Function()
    function(of(1, BTC), of(2, ETH))
    assert metrics_of(function.lines.last())["IteratorAge"] == 3000.0


def test_a_batch_of_which_all_was_done_before_has_no_latency():
    function = Function()
    function(of(1, BTC))
    function(of(1, BTC))
    assert "Latency" not in metrics_of(function.lines.last())


def test_what_could_not_be_delivered_is_said_and_nothing_comes_again():
    function = Function()
    function.world.fault = refusing_at("notify", {BTC})
    assert failing(function(of(1, BTC, trades_of(BTC, (100, 0), (99, 1))))) == []
    line = function.lines.last()
    assert line["level"] == "warning"
    assert line["undelivered"] == {BTC: f"notify '{BTC}': refused, as `refusing` asks"}
    metrics = metrics_of(line)
    assert (metrics["Alerts"], metrics["UndeliveredTickers"]) == (2, 1)
    assert function.world.ports.states.undelivered() == [BTC]
