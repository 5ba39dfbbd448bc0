"""`penstock sandbox`: the emulator and the poller come and go together."""

import os
import signal
import subprocess

import pytest

from penstock.sandbox import emulator as emulators
from penstock.sandbox.clients import make_clients
from penstock.sandbox.process import wait_until_free
from penstock.sandbox.service import stop_poller
from tests.aws.told import Told, wait_until
from tests.commands import penstock, read_json, start


@pytest.fixture
def data_dir(tmp_path, emulator_python, monkeypatch):
    monkeypatch.setenv("PENSTOCK_SANDBOX", str(emulator_python.parents[1]))
    yield tmp_path
    stop_poller(tmp_path / "sandbox")
    emulators.stop(tmp_path / "sandbox")


def running(data_dir):
    return read_json("sandbox", "status", data_dir=data_dir)


def test_both_run_and_serve_until_they_are_stopped(data_dir, tmp_path):
    penstock("sandbox", "start", "--port", 0, data_dir=data_dir)
    status = running(data_dir)
    told = Told(make_clients(status["emulator"]["endpoint"]), tmp_path / "told")
    told.map(BisectBatchOnFunctionError=True)
    wait_until(lambda: running(data_dir)["poller"]["mappings"])
    told.put(1, {"n": 2, "do": "crash once"})
    told.wait([1, 2], [1], [2])
    done = {"invocations": 3, "failures": 1, "discarded": 0, "waiting": 0}
    done["problem"] = None

    def mapping():
        (found,) = running(data_dir)["poller"]["mappings"]
        return found

    wait_until(lambda: mapping()["tally"] == done)
    assert (mapping()["function_arn"], mapping()["tally"]) == (told.function_arn, done)
    shown = penstock("sandbox", "status", data_dir=data_dir).stdout
    assert "told told 1 3 1 0 0" in " ".join(shown.split())

    said = penstock("sandbox", "stop", data_dir=data_dir).stdout
    assert said.startswith("Stopped. What it held is kept in")
    status = running(data_dir)
    assert (status["emulator"], status["poller"]) == (None, None)

    penstock("sandbox", "start", "--port", 0, data_dir=data_dir)
    told.client = make_clients(running(data_dir)["emulator"]["endpoint"])
    told.put(3)
    told.wait([1, 2], [1], [2], [3])


def test_starting_twice_is_as_good_as_once(data_dir):
    first = read_json("sandbox", "start", "--port", 0, data_dir=data_dir)
    penstock("sandbox", "start", data_dir=data_dir)
    again = running(data_dir)
    assert again["emulator"] == first["emulator"]
    assert again["poller"]["pid"] == first["poller"]["pid"]
    endpoint = first["emulator"]["endpoint"]
    refused = penstock(
        "sandbox", "start", "--port", 1234, data_dir=data_dir, code=2
    ).stderr
    assert f"runs already at {endpoint}. Stop it first" in refused
    refused = penstock("sandbox", "poll", data_dir=data_dir, code=2).stderr
    assert "another process serves the mappings" in refused


def test_a_shell_is_told_how_to_use_it(data_dir):
    penstock("sandbox", "start", "--port", 0, "--no-poller", data_dir=data_dir)
    status = running(data_dir)
    assert status["poller"] is None
    exports = penstock("sandbox", "env", data_dir=data_dir).stdout
    shell = f'{exports}\necho "$AWS_ENDPOINT_URL $AWS_REGION [${{AWS_PROFILE-}}]"'
    done = subprocess.run(
        ["sh", "-eu", "-c", shell],
        env={"AWS_PROFILE": "mine", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{status['emulator']['endpoint']} us-east-1 []"


def test_a_crash_is_told_and_a_poller_ends_with_its_emulator(data_dir):
    penstock("sandbox", "start", "--port", 0, "--no-poller", data_dir=data_dir)
    with start("sandbox", "poll", "--data-dir", data_dir) as poller:
        assert poller.stdout.readline().startswith("Serving event source mappings of")
        os.kill(running(data_dir)["emulator"]["pid"], signal.SIGKILL)
        _, complaint = poller.communicate(timeout=60)
    assert complaint == "penstock: the emulator has ended\n"
    assert poller.returncode == 4
    again = penstock("sandbox", "start", "--port", 0, "--no-poller", data_dir=data_dir)
    assert "the last emulator did not end by itself" in again.stderr


def test_ctrl_c_ends_the_poller(data_dir):
    penstock("sandbox", "start", "--port", 0, "--no-poller", data_dir=data_dir)
    with start("sandbox", "poll", "--data-dir", data_dir) as poller:
        poller.stdout.readline()
        poller.send_signal(signal.SIGINT)
        assert poller.communicate(timeout=60) == ("", "")
    assert poller.returncode == 0
    assert wait_until_free(data_dir / "sandbox" / "poller.lock", 0)


@pytest.mark.parametrize("command", ["env", "poll"])
def test_what_needs_a_sandbox_says_how_to_start_one(command, tmp_path):
    complaint = penstock("sandbox", command, data_dir=tmp_path, code=2).stderr
    assert f"no sandbox runs on {tmp_path}/sandbox" in complaint
    assert "`penstock sandbox start`" in complaint


def test_nothing_to_stop_is_no_error(tmp_path):
    said = penstock("sandbox", "stop", data_dir=tmp_path).stdout
    assert said == f"No sandbox runs on {tmp_path}/sandbox.\n"


def test_without_the_emulator_start_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PENSTOCK_SANDBOX", str(tmp_path / "none"))
    complaint = penstock("sandbox", "start", data_dir=tmp_path, code=2).stderr
    assert "Run `penstock sandbox install`" in complaint


def test_what_is_no_port_is_refused(tmp_path):
    refused = penstock("sandbox", "start", "--port", "http", data_dir=tmp_path, code=2)
    assert "a port, such as 4566, or 0" in " ".join(refused.stderr.split())


def test_installing_again_changes_nothing(data_dir):
    assert "It is there already" in penstock("sandbox", "install").stdout
