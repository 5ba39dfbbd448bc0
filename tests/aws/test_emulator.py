"""The emulator starts where nobody else listens, keeps what it should, and ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

import boto3
import pytest
from botocore.exceptions import ClientError

from penstock.errors import BusyError, ConfigError, UnavailableError
from penstock.sandbox.clients import make_clients
from penstock.sandbox.emulator import ended_badly, find, start, stop
from penstock.sandbox.environment import (
    environment_path,
    install,
    is_installed,
    python_of,
)


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "sandbox"
    stop(tmp_path / "sandbox")


@pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127.0.0.0/8")
def test_it_answers_on_the_loopback_address_alone(emulator):
    with urlopen(f"{emulator.endpoint}/_ministack/health") as answer:  # noqa: S310 (http)
        assert answer.status == 200
    # Every address of 127.0.0.0/8 is this machine: 127.0.0.2 finds a server that
    # listens on all of them.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", emulator.port), timeout=5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_it_inherits_nothing_of_the_users(emulator_python, folder, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "HTTPS_PROXY", "PYTHONPATH"):
        monkeypatch.setenv(name, "the-users-own")
    started = start(emulator_python, folder, is_tied=True)
    inherited = Path(f"/proc/{started.pid}/environ").read_text(encoding="utf-8")
    assert "the-users-own" not in inherited
    assert f"HOME={folder}/home" in inherited


def test_what_it_keeps_survives_a_stop(emulator_python, folder):
    first = start(emulator_python, folder, keeps=True)
    make_clients(first.endpoint)("kinesis").create_stream(
        StreamName="kept", ShardCount=1
    )
    assert find(folder) == first
    assert stop(folder) is True
    assert (find(folder), ended_badly(folder)) == (None, False)

    again = start(emulator_python, folder, port=first.port, keeps=True)
    assert again.port == first.port
    listed = make_clients(again.endpoint)("kinesis").list_streams()
    assert listed["StreamNames"] == ["kept"]


def test_it_enforces_policies_if_it_is_to(emulator_python, folder):
    started = start(emulator_python, folder, is_tied=True, settings={"AUTH": "true"})
    client = make_clients(started.endpoint)
    client("iam").create_user(UserName="nobody")
    key = client("iam").create_access_key(UserName="nobody")["AccessKey"]
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=started.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    with pytest.raises(ClientError, match=r"not authorized .* kinesis:ListStreams"):
        kinesis.list_streams()
    assert client("kinesis").list_streams()["StreamNames"] == []


def test_one_that_was_killed_has_what_the_last_stop_left(emulator_python, folder):
    first = start(emulator_python, folder, keeps=True)
    make_clients(first.endpoint)("kinesis").create_stream(StreamName="a", ShardCount=1)
    stop(folder)
    killed = start(emulator_python, folder, keeps=True)
    make_clients(killed.endpoint)("kinesis").create_stream(StreamName="b", ShardCount=1)
    os.kill(killed.pid, signal.SIGKILL)
    _wait_until_gone(folder)
    assert ended_badly(folder)

    again = start(emulator_python, folder, keeps=True)
    assert find(folder) == again
    assert not ended_badly(folder)
    listed = make_clients(again.endpoint)("kinesis").list_streams()
    assert listed["StreamNames"] == ["a"]


def test_one_that_is_tied_ends_with_the_process_that_started_it(
    emulator_python, folder
):
    code = f"""
import os, pathlib, signal
from penstock.sandbox.emulator import start
started = start(
    pathlib.Path({str(emulator_python)!r}), pathlib.Path({str(folder)!r}), is_tied=True
)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    _wait_until_gone(folder)
    assert find(folder) is None


def test_one_that_does_not_end_is_killed(emulator_python, folder):
    started = start(emulator_python, folder)
    os.kill(started.pid, signal.SIGSTOP)
    assert stop(folder, patience_s=0.1) is False
    assert (find(folder), ended_badly(folder)) == (None, False)


def test_a_folder_has_one_emulator(emulator_python, emulator):
    with pytest.raises(BusyError, match=f"{emulator.endpoint} .process {emulator.pid}"):
        start(emulator_python, emulator.folder)


def test_a_port_in_use_is_said_to_be(emulator_python, folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(BusyError, match=f"port {port} is in use"):
            start(emulator_python, folder, port=port)
    assert find(folder) is None


def test_one_that_ends_at_once_says_why(folder):
    with pytest.raises(UnavailableError, match="No module named ministack"):
        start(Path(sys.executable), folder)


def test_stopping_nothing_does_nothing(folder):
    assert stop(folder) is True


def test_the_environment_is_the_named_one_or_within_ours(tmp_path):
    assert environment_path({"PENSTOCK_SANDBOX": str(tmp_path)}) == tmp_path
    assert environment_path({}) == Path(sys.prefix) / "sandbox"


def test_without_an_environment_the_command_that_makes_it_is_named(tmp_path):
    with pytest.raises(
        ConfigError, match=r"not installed in .*penstock sandbox install"
    ):
        python_of(tmp_path / "none")


def test_an_environment_of_other_pins_is_out_of_date(tmp_path):
    (tmp_path / "requirements.txt").write_text("ministack==1.0\n")
    assert not is_installed(tmp_path)
    with pytest.raises(ConfigError, match="is out of date"):
        python_of(tmp_path)


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="is in the way"):
        install(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_what_is_installed_is_not_installed_again(emulator_python):
    assert install(emulator_python.parents[1]) is False


def _wait_until_gone(folder):
    deadline = monotonic() + 20
    while find(folder) and monotonic() < deadline:
        sleep(0.02)
