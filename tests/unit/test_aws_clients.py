"""How long the clients of AWS's services wait."""

import json
from pathlib import Path

import pytest

from penstock.aws.clients import Clients
from penstock.pipeline import _NOT_TAKEN

FACTS = json.loads((Path(__file__).parents[2] / "infra" / "facts.json").read_text())
LONGEST_PAUSE_S = 1  # botocore's, before the second attempt


@pytest.mark.parametrize("service", ["s3", "sns"])
def test_a_delivery_that_gets_no_answer_is_given_up_before_the_function_is(
    service, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    config = Clients(region="eu-west-1", endpoint="")(service).meta.config
    slowest_s = max(config.connect_timeout, config.read_timeout)
    attempts = config.retries["total_max_attempts"]
    longest_s = attempts * slowest_s + (attempts - 1) * LONGEST_PAUSE_S
    assert _NOT_TAKEN * longest_s < 0.8 * FACTS["functions"]["consumer_timeout_s"]
