"""The sandbox's clients are nobody's: what a user has set up for AWS is not theirs."""

from penstock.sandbox.clients import make_clients


def test_what_the_user_has_set_up_means_nothing(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-is-not-there")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-users-own")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
    client = make_clients("http://127.0.0.1:1", key="123456789012")("kinesis")
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    assert client.meta.region_name == "us-east-1"
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.token) == ("123456789012", None)


def test_a_service_has_one_client():
    clients = make_clients("http://127.0.0.1:1")
    assert clients("sqs") is clients("sqs")
