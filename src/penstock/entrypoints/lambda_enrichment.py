"""A Kinesis stream's events -> lookups -> enriched events in the bucket.

The event source mapping must ask for `ReportBatchItemFailures`.  A batch is stored
whole or comes again whole: nothing of an event depends on the one before it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from penstock.bootstrap import aws_enrichment, clock_us
from penstock.enrichment import EnrichmentPorts, enrich_batch
from penstock.entrypoints.lambda_consumer import Response, read_event, respond
from penstock.entrypoints.lambda_context import Context
from penstock.entrypoints.lambda_log import Log, Value, open_log
from penstock.entrypoints.lambda_settings import read_settings
from penstock.ports import Record

__all__ = ["Enrichment", "handler"]


class Enrichment:
    """Enriches batches of one stream.

    Args:
        ports: What is looked up, and where events and dead letters go.
        log: Told of every batch.
        clock_us: Tells the time.
    """

    def __init__(
        self, ports: EnrichmentPorts, log: Log, *, clock_us: Callable[[], int]
    ) -> None:
        self._ports, self._log, self._clock_us = ports, log, clock_us

    def handle(self, event: Mapping[str, Any], context: Context) -> Response:
        """Enrich a batch, or name its first record, to have it come again.

        Raises:
            BadRecordError: The event is not of a Kinesis stream.
            PenstockError: Something that no retry of a few records will help, such as
                a right that is missing; all of the batch comes again.
        """
        began_us = self._clock_us()
        try:
            records = read_event(event)
            result = enrich_batch(records, self._ports, began_us)
        except Exception as e:
            error = f"{type(e).__name__}: {e}"
            self._log.write("error", "batch failed", context, error=error)
            raise
        first = records[0].sequence_number if result.failed else None
        self._log.write(
            "warning" if result.failed else "info",
            "batch",
            context,
            metrics={
                "Records": len(event["Records"]),
                "Events": result.events,
                "MissingRows": result.missing,
                "DeadLetters": result.dead_letters,
                "FailedBatches": 1 if result.failed else 0,
                **_age(records, began_us),
            },
            **_place(records),
            object=result.key,
            error=str(result.failed or ""),
            resume_at="" if first is None else str(first),
        )
        return respond(event, first)


def _age(records: Sequence[Record], now_us: int) -> dict[str, Value]:
    if not records:
        return {}
    return {"IteratorAge": max(0, now_us - records[-1].arrival_us) / 1000}


def _place(records: Sequence[Record]) -> dict[str, object]:
    if not records:
        return {}
    return {
        "shard": records[0].shard,
        "first": str(records[0].sequence_number),
        "last": str(records[-1].sequence_number),
    }


@cache
def _enrichment() -> Enrichment:
    settings = read_settings(os.environ)
    ports, log = aws_enrichment(settings), open_log(os.environ)
    return Enrichment(ports, log, clock_us=clock_us)


def handler(event: Mapping[str, Any], context: Context) -> Response:
    """Enrich a batch, as `Enrichment.handle`; the first one makes the clients.

    Raises:
        ConfigError: The settings cannot be used.
    """
    return _enrichment().handle(event, context)
