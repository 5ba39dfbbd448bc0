"""What is published to SNS, and whose fault a refusal is."""

import msgspec
import pytest

from penstock.aws.notifier import SnsNotifier
from penstock.errors import ConfigError, UnavailableError
from tests.contract.samples import alert

ARN = "arn:aws:sns:us-east-1:000000000000:alerts"
THROTTLED = {"Id": "0", "Code": "Throttling", "SenderFault": True, "Message": "slow"}
BROKEN = {"Id": "0", "Code": "InternalError", "SenderFault": False, "Message": "why"}
OURS = {"Id": "1", "Code": "InvalidParameter", "SenderFault": True, "Message": "what"}


class Client:
    def __init__(self, *failed):
        self.failed = failed
        self.batches = []

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):
        self.batches.append(PublishBatchRequestEntries)
        return {"Failed": list(self.failed)}


def publish(client, *alerts):
    SnsNotifier(lambda _: client, ARN).notify(alerts)


@pytest.mark.parametrize("failed", [[BROKEN], [THROTTLED]])
def test_what_may_pass_is_unavailable(failed):
    with pytest.raises(UnavailableError, match=f"{ARN}: {failed[0]['Code']}: "):
        publish(Client(*failed), alert())


@pytest.mark.parametrize("failed", [[OURS], [BROKEN, OURS]])
def test_what_is_the_senders_fault_is_for_the_operator(failed):
    with pytest.raises(ConfigError, match="InvalidParameter: what"):
        publish(Client(*failed), alert(), alert(2))


def test_alerts_go_ten_at_a_time():
    client = Client()
    publish(client, *(alert(n) for n in range(21)))
    assert [len(batch) for batch in client.batches] == [10, 10, 1]


def test_subscribers_can_filter_by_ticker_rule_and_kind():
    client = Client()
    publish(client, alert(1))
    ((entry,),) = client.batches
    assert {n: a["StringValue"] for n, a in entry["MessageAttributes"].items()} == {
        "ticker": "coinbase:BTC-USD",
        "rule": "below:85000",
        "kind": "below",
    }


def test_a_subject_is_ascii_and_of_100_characters_whatever_the_ticker_is():
    client = Client()
    publish(client, alert(ticker="v:\u00c9-USD"), alert(ticker="v:" + "A" * 200))
    ((accented, long),) = client.batches
    assert accented["Subject"] == "v:?-USD at 84999.99: below:85000"
    assert long["Subject"] == "v:" + "A" * 98
    assert msgspec.json.decode(accented["Message"])["ticker"] == "v:\u00c9-USD"
