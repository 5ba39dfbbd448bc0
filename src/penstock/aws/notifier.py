"""Alerts to an SNS topic."""

from collections.abc import Sequence
from typing import Any

from penstock.aws.clients import Clients
from penstock.aws.errors import translated
from penstock.codec import encode_json
from penstock.errors import UnavailableError
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
            ConfigError: There is no such topic, or no leave to publish to it.
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
        for failed in answer.get("Failed", ()):
            raise UnavailableError(
                f"publish to {self._topic}: {failed['Code']}:"
                f" {failed.get('Message', '')}"
            )


def _entry(number: int, alert: Alert) -> dict[str, Any]:
    subject = f"{alert.ticker} at {alert.price:.15g}: {alert.rule}"
    return {
        "Id": str(number),
        "Subject": subject[:_LONGEST_SUBJECT],
        "Message": encode_json(alert).decode(),
        # For subscribers' filters.
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in (("ticker", alert.ticker), ("rule", alert.rule))
        },
    }
