"""A Kinesis stream's records -> the pipeline -> which of them have to come again.

The event source mapping must ask for `ReportBatchItemFailures`.  Lambda then comes back
with everything from the lowest number that is named, which costs little: what a
ticker's state has seen is skipped.
"""

import os
from binascii import a2b_base64
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, TypedDict

from penstock.bootstrap import aws_ports, clock_us
from penstock.codec import decimal_text
from penstock.engine.rules import Rules
from penstock.entrypoints.kpl import unpack
from penstock.entrypoints.lambda_context import Context, while_there_is_time
from penstock.entrypoints.lambda_log import Log, Value, open_log, some
from penstock.entrypoints.lambda_settings import read_settings
from penstock.errors import BadRecordError, UnavailableError
from penstock.pipeline import BatchResult, Ports, process_batch
from penstock.ports import Record

__all__ = ["Consumer", "Failure", "Response", "handler", "read_event", "respond"]

# Tickers that are processed together: enough to fill the calls that take 25 items, few
# enough to stop in time.
_TICKERS = 25

_LATE = "there was no time left for it"


class Failure(TypedDict):
    """A record that has to come again, and with it those after it."""

    itemIdentifier: str


class Response(TypedDict):
    """What Lambda is told: none, or the one failure that matters, the first."""

    batchItemFailures: list[Failure]


class Consumer:
    """Processes batches of one stream.

    Args:
        ports: Where state, history, alerts, objects and dead letters go.
        rules: What decides.
        log: Told of every batch.
        clock_us: Tells the time.
    """

    def __init__(
        self, ports: Ports, rules: Rules, log: Log, *, clock_us: Callable[[], int]
    ) -> None:
        self._ports, self._rules, self._log = ports, rules, log
        self._clock_us = clock_us

    def handle(self, event: Mapping[str, Any], context: Context) -> Response:
        """Process a batch, and name the first record that has to come again.

        A ticker whose stores do not answer fails alone, and all of them may: that is
        an answer like any other.

        Raises:
            BadRecordError: The event is not of a Kinesis stream.
            PenstockError: Something that no retry of a few records will help, such as
                a right that is missing; all of the batch comes again.
        """
        began_us = self._clock_us()
        try:
            records = read_event(event)
            results, failed = self._process(records, context)
        except Exception as e:
            error = f"{type(e).__name__}: {e}"
            self._log.write("error", "batch failed", context, error=error)
            raise
        numbers = [r.sequence_number for r in records if r.key in failed]
        undelivered = {t: e for r in results for t, e in r.undelivered.items()}
        self._log.write(
            "warning" if failed or undelivered else "info",
            "batch",
            context,
            metrics={
                **_counts(results),
                "Records": len(event["Records"]),
                "FailedTickers": len(failed),
                "UndeliveredTickers": len(undelivered),
                **self._ages(records, results, began_us),
            },
            **_place(records),
            failed=some(failed),
            resume_at=str(min(numbers, default="")),
            undelivered=some(undelivered),
            profit=_profit(results),
        )
        return respond(event, min(numbers, default=None))

    def _process(
        self, records: Sequence[Record], context: Context
    ) -> tuple[list[BatchResult], dict[str, UnavailableError]]:
        # By ticker, and not by place in the batch: so each is still committed once.
        groups: dict[str, list[Record]] = {}
        for record in records:
            groups.setdefault(record.key, []).append(record)
        unbegun = dict.fromkeys(groups, UnavailableError(_LATE))
        results: list[BatchResult] = []
        failed: dict[str, UnavailableError] = {}
        for tickers in while_there_is_time(list(groups), context, size=_TICKERS):
            batch = [record for ticker in tickers for record in groups[ticker]]
            result = process_batch(batch, self._ports, self._rules)
            results.append(result)
            failed |= result.failed
            for ticker in tickers:
                del unbegun[ticker]
        return results, failed | unbegun

    def _ages(
        self,
        records: Sequence[Record],
        results: Sequence[BatchResult],
        began_us: int,
    ) -> dict[str, Value]:
        """Say how old the newest record was, and each ticker's newest trade is now."""
        ages: dict[str, Value] = {}
        if records:
            ages["IteratorAge"] = max(0, began_us - records[-1].arrival_us) / 1000
        now_us = self._clock_us()
        latencies = [
            (now_us - state.last_us) / 1000
            for result in results
            if result.applied
            for state in result.states.values()
            if state.last_us
        ]
        return {**ages, "Latency": latencies} if latencies else ages


def read_event(event: Mapping[str, Any]) -> list[Record]:
    """Read the records of a Kinesis event, taken apart where they were aggregated.

    Raises:
        BadRecordError: The event is another one.
    """
    try:
        return [part for item in event["Records"] for part in unpack(_record(item))]
    except (KeyError, TypeError, ValueError) as e:
        raise BadRecordError(
            "an event of a Kinesis stream holds Records, each with kinesis and "
            f"eventID; found {', '.join(map(str, event or ())) or 'nothing'}. Is the "
            "function's trigger a stream?"
        ) from e


def _record(item: Mapping[str, Any]) -> Record:
    kinesis = item["kinesis"]
    return Record(
        shard=item["eventID"].rpartition(":")[0],
        sequence_number=int(kinesis["sequenceNumber"]),
        key=kinesis["partitionKey"],
        data=a2b_base64(kinesis["data"]),
        arrival_us=round(kinesis["approximateArrivalTimestamp"] * 1e6),
    )


def respond(event: Mapping[str, Any], resume_at: int | None) -> Response:
    """Name the record of an event from which all have to come again; None for none.

    As the event names it: Lambda takes any other name, or none, for a failure of the
    whole batch.
    """
    if resume_at is None:
        return {"batchItemFailures": []}
    names = (item["kinesis"]["sequenceNumber"] for item in event["Records"])
    name = next(name for name in names if int(name) == resume_at)
    return {"batchItemFailures": [{"itemIdentifier": name}]}


def _counts(results: Sequence[BatchResult]) -> dict[str, Value]:
    completed = [trade for result in results for trade in result.completed]
    return {
        "Trades": sum(r.applied for r in results),
        "Duplicates": sum(r.duplicates for r in results),
        "Redelivered": sum(r.redelivered for r in results),
        "Late": sum(r.late for r in results),
        "Gaps": sum(r.gaps for r in results),
        "DeadLetters": sum(r.dead_letters for r in results),
        "Alerts": sum(len(r.alerts) for r in results),
        "CompletedTrades": len(completed),
        "Profit": float(sum(trade.profit for trade in completed)),
    }


def _profit(results: Sequence[BatchResult]) -> dict[str, str]:
    """Sum the profits, exactly, by the currency that they are in."""
    profit: dict[str, Decimal] = {}
    for result in results:
        for trade in result.completed:
            quote = trade.ticker.rpartition("-")[2]
            profit[quote] = profit.get(quote, Decimal(0)) + trade.profit
    return {quote: decimal_text(amount) for quote, amount in profit.items()}


def _place(records: Sequence[Record]) -> dict[str, object]:
    if not records:
        return {}
    return {
        "shard": records[0].shard,
        "first": str(records[0].sequence_number),
        "last": str(records[-1].sequence_number),
        "tickers": len({record.key for record in records}),
    }


@cache
def _consumer() -> Consumer:
    settings = read_settings(os.environ)
    ports, log = aws_ports(settings), open_log(os.environ)
    return Consumer(ports, settings.rules, log, clock_us=clock_us)


def handler(event: Mapping[str, Any], context: Context) -> Response:
    """Process a batch, as `Consumer.handle`; the first one makes the clients.

    Raises:
        ConfigError: The settings cannot be used.
    """
    return _consumer().handle(event, context)
