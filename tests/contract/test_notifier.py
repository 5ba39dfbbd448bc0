"""What every Notifier must do."""

import pytest

from penstock.errors import UnavailableError
from tests.contract.samples import BTC, ETH, alert


@pytest.fixture
def notifier(backend):
    return backend.notifier


def by_id(alerts):
    return sorted(alerts, key=lambda a: a.id)


def test_alerts_arrive_as_they_were_sent(backend, notifier):
    alerts = [alert(1), alert(2, high=90000.5), alert(3, ticker=ETH)]
    notifier.notify(alerts)
    assert by_id(backend.notified()) == by_id(alerts)


def test_nothing_can_be_delivered(backend, notifier):
    notifier.notify([])
    assert backend.notified() == []


def test_an_alert_that_comes_again_is_the_same_alert(backend, notifier):
    notifier.notify([alert(1), alert(2)])
    notifier.notify([alert(2), alert(3), alert(3)])
    assert by_id(backend.notified()) == [alert(1), alert(2), alert(3)]


def test_after_a_refusal_all_can_be_sent_again(backend, notifier):
    alerts = [alert(1, ticker=ETH), alert(1, ticker=BTC), alert(2, ticker=ETH)]
    with backend.refusing(BTC), pytest.raises(UnavailableError):
        notifier.notify(alerts)
    assert all(a in alerts for a in backend.notified())
    notifier.notify(alerts)
    assert by_id(backend.notified()) == by_id(alerts)
