"""Alerts to an SNS topic."""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.aws.clients import Clients
from penstock.aws.errors import RETRYABLE, translated
from penstock.codec import encode_json
from penstock.errors import ConfigError, UnavailableError
from penstock.model import Alert

__all__ = ["SnsNotifier"]

# https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
_MOST = 10
_LONGEST_SUBJECT = 100


class SnsNotifier:
    """A `Notifier` that publishes; the message is the alert as JSON, with its id."""

    def __init__(self, clients: Clients, topic_arn: str) -> None:
        self._clients, self._topic = clients, topic_arn

    def notify(self, alerts: Sequence[Alert]) -> None:
        """See `Notifier.notify`.

        Raises:
            ConfigError: There is no such topic, no leave to publish to it, or SNS says
                that the fault is ours.
        """
        for start in range(0, len(alerts), _MOST):
            self._publish(alerts[start : start + _MOST])

    def _publish(self, alerts: Sequence[Alert]) -> None:
        with translated(f"publish to {self._topic}"):
            answer = self._clients("sns").publish_batch(
                TopicArn=self._topic,
                PublishBatchRequestEntries=[
                    _entry(n, alert) for n, alert in enumerate(alerts)
                ],
            )
        # First what is ours: it does not get better by itself.
        for failed in sorted(answer.get("Failed", ()), key=_may_pass):
            error = UnavailableError if _may_pass(failed) else ConfigError
            raise error(
                f"publish to {self._topic}: {failed['Code']}:"
                f" {failed.get('Message', '')}"
            )


def _may_pass(failed: Mapping[str, Any]) -> bool:
    return failed["Code"] in RETRYABLE or not failed.get("SenderFault")


def _entry(number: int, alert: Alert) -> dict[str, Any]:
    text = f"{alert.ticker} at {alert.price:.15g}: {alert.rule}"
    subject = "".join(c if " " <= c <= "~" else "?" for c in text)  # ASCII alone
    attributes = {
        "ticker": alert.ticker,
        "rule": alert.rule,
        "kind": alert.rule.partition(":")[0],
    }
    return {
        "Id": str(number),
        "Subject": subject[:_LONGEST_SUBJECT],
        "Message": encode_json(alert).decode(),
        # For subscribers' filters.
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in attributes.items()
        },
    }
