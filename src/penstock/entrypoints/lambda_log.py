"""What a function says: a line of JSON each, with its metrics in it.

CloudWatch takes the metrics out of the line (the embedded metric format), so that they
cost no call and no wait, and whoever reads the line sees the same numbers.  Written by
hand: Powertools, which does this too, would be imported at every cold start.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from penstock.bootstrap import clock_us
from penstock.codec import encode_json, iso_time
from penstock.entrypoints.lambda_context import Context

__all__ = ["METRICS", "NAMESPACE", "Log", "Value", "open_log", "some"]

NAMESPACE = "Penstock"
# Every metric, with its unit.
METRICS: Mapping[str, str] = {
    "Records": "Count",
    "Trades": "Count",
    "Events": "Count",
    "MissingRows": "Count",
    "Duplicates": "Count",
    "Redelivered": "Count",
    "Late": "Count",
    "Gaps": "Count",
    "DeadLetters": "Count",
    "Alerts": "Count",
    "CompletedTrades": "Count",
    "Profit": "None",
    "FailedTickers": "Count",
    "UndeliveredTickers": "Count",
    "DeliveredTickers": "Count",
    "FailedPrices": "Count",
    "FailedBatches": "Count",
    "IteratorAge": "Milliseconds",
    "Latency": "Milliseconds",
}

# CloudWatch takes so many values of a metric from a line.
_MAX_VALUES = 100
# A line may be 256 kB long, and nobody reads more than the first few of anything.
_SOME = 10

Value = float | Sequence[float]


class Log:
    """Writes lines, each with the invocation that it is about.

    Args:
        environ: Of the function; asked for its name, and for the trace of each
            invocation, which Lambda puts there.
        write: Takes a line, newline included.
        now_us: Tells the time.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        write: Callable[[str], object],
        now_us: Callable[[], int],
    ) -> None:
        self._environ, self._write, self._now_us = environ, write, now_us
        self._function = environ.get("AWS_LAMBDA_FUNCTION_NAME") or "local"
        self._is_cold = True

    def write(
        self,
        level: str,
        event: str,
        context: Context | None,
        *,
        metrics: Mapping[str, Value] | None = None,
        **fields: object,
    ) -> None:
        """Write a line.

        Args:
            level: "info", "warning" or "error".
            event: What happened, in a word or two, the same each time.
            context: The invocation; None outside of any.
            metrics: Of METRICS.  A sequence is as many values, of which the first 100
                are taken.
            fields: What else there is to say.
        """
        now_us = self._now_us()
        line: dict[str, object] = {
            "time": iso_time(now_us),
            "level": level,
            "event": event,
            "FunctionName": self._function,
        }
        if context is not None:
            line["request_id"] = context.aws_request_id
        if trace := self._environ.get("_X_AMZN_TRACE_ID"):
            line["trace_id"] = trace
        if self._is_cold:
            line["cold_start"], self._is_cold = True, False
        line |= fields
        if metrics:
            line |= _values(metrics)
            line["_aws"] = _directive(metrics, now_us)
        self._write(encode_json(line).decode() + "\n")


def open_log(environ: Mapping[str, str]) -> Log:
    """Make the log of this function, on standard output, which CloudWatch keeps.

    Where `PENSTOCK_XRAY` is 1, calls to AWS are traced from here on, if the package
    aws-xray-sdk is there.
    """
    log = Log(environ, _to_stdout, clock_us)
    if environ.get("PENSTOCK_XRAY") == "1":
        try:
            import_module("aws_xray_sdk.core").patch(("botocore",))
        except ImportError as e:
            log.write("warning", "no tracing", None, message=str(e))
    return log


def some(texts: Mapping[str, object]) -> dict[str, str]:
    """Return the first few of what may be many, as text.

    >>> some({"test:BTC-USD": ValueError("refused")})
    {'test:BTC-USD': 'refused'}
    """
    return {key: str(texts[key]) for key in list(texts)[:_SOME]}


def _values(metrics: Mapping[str, Value]) -> dict[str, Value]:
    return {
        name: value[:_MAX_VALUES] if isinstance(value, Sequence) else value
        for name, value in metrics.items()
    }


def _directive(metrics: Mapping[str, Value], now_us: int) -> dict[str, object]:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["FunctionName"]],
        "Metrics": [{"Name": name, "Unit": METRICS[name]} for name in metrics],
    }
    return {"Timestamp": now_us // 1000, "CloudWatchMetrics": [directive]}


def _to_stdout(line: str) -> None:
    # In one piece: Lambda makes a log event of each.
    sys.stdout.write(line)
    sys.stdout.flush()
