"""`penstock package`: small zips, the same again, that work where nothing else is."""

import filecmp
import json
import os
import subprocess
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from penstock.codec import encode_trade
from penstock.packaging import FUNCTIONS
from penstock.ports import Record
from tests.commands import penstock, read_json
from tests.lambdas import NOW_US, kinesis_event
from tests.tape import trade

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
LOCKED = ROOT / "src" / "penstock" / "packaging" / "lambda.txt"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
EXPORT = ["export", "--quiet", "--locked", "--no-default-groups", "--no-emit-project"]
EXPORT += ["--no-header", "--no-annotate"]

pytestmark = pytest.mark.skipif(not UV.exists(), reason="uv is not beside this Python")


def export(*options):
    """Return a part of uv.lock as requirements."""
    command = [UV, *EXPORT, *options]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def test_what_is_packed_is_what_is_locked():
    assert LOCKED.read_text() == export("--extra", "live", "--prune", "websockets")


@pytest.fixture(scope="module")
def zips(tmp_path_factory):
    """The zips for this machine's Python."""
    out = tmp_path_factory.mktemp("lambda")
    made = package(out, arch=os.uname().machine, python=HERE)
    return {item["function"]: Path(item["path"]) for item in made}


def package(out, *, arch="arm64", python="3.13"):
    names = ["--target", "lambda", "--arch", arch, "--python", python, "--out", out]
    return read_json("package", *names)


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_zips_are_small_the_same_again_and_for_the_machine_asked_for(tmp_path, python):
    one = package(tmp_path / "one", python=python)
    two = package(tmp_path / "two", python=python)
    assert [item["function"] for item in one] == list(FUNCTIONS)
    for first, second in zip(one, two, strict=True):
        assert filecmp.cmp(first["path"], second["path"], shallow=False)
        assert first["size_bytes"] == Path(first["path"]).stat().st_size < 3_000_000
        with zipfile.ZipFile(first["path"]) as archive:
            names = archive.namelist()
        tag = python.replace(".", "")
        assert f"msgspec/_core.cpython-{tag}-aarch64-linux-gnu.so" in names
        assert f"data_{first['function']}_lambda.py" in names
        assert not {n for n in names if n.startswith(("boto", "penstock/local"))}


def test_pip_makes_the_same_zips_where_there_is_no_uv(tmp_path, monkeypatch):
    by_uv = package(tmp_path / "one")
    monkeypatch.setattr("penstock.packaging.installing.shutil.which", lambda _: None)
    python = tmp_path / "python"  # which no uv stands beside
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr("penstock.packaging.installing.sys.executable", str(python))
    by_pip = package(tmp_path / "two")
    for first, second in zip(by_uv, by_pip, strict=True):
        assert filecmp.cmp(first["path"], second["path"], shallow=False)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A Python that has what Lambda's runtime has, and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    locked = folder / "locked.txt"
    locked.write_text(export("--extra", "aws", "--prune", "msgspec"))
    subprocess.run([UV, "venv", "-q", "-p", sys.executable, folder / "v"], check=True)
    python = folder / "v" / "bin" / "python"
    install = [UV, "pip", "install", "-q", "--require-hashes", "--python", python]
    subprocess.run([*install, "-r", locked], check=True)
    return python


class Answers(BaseHTTPRequestHandler):
    """What AWS, and Coinbase, would answer: there is nothing, and all is well."""

    protocol_version = "HTTP/1.1"
    found: ClassVar = {
        "BatchGetItem": {"Responses": {}},
        "PutRecords": {"FailedRecordCount": 0, "Records": [{"SequenceNumber": "1"}]},
        "Query": {"Items": [], "Count": 0},
        "Scan": {"Items": [], "Count": 0},
    }

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        asked = operation or f"{self.command} {self.path}"
        self.server.asked.append(asked)
        price = {"data": {"amount": "85012.34", "base": "BTC", "currency": "USD"}}
        body = price if self.path.endswith("/spot") else self.found.get(operation, {})
        data = b"" if self.command == "PUT" else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def cloud():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked = []
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


EVENTS = {
    "producer": {},
    "consumer": kinesis_event(
        Record("s", 1, "test:BTC-USD", encode_trade(trade(100, 1, seq=1)), NOW_US)
    ),
    "enrichment": kinesis_event(Record("s", 1, "k", b'{"user_id": "u1"}', NOW_US)),
    "sweeper": {},
}
ANSWERS = {
    "producer": {"trades": 1, "failed": {}},
    "consumer": {"batchItemFailures": []},
    "enrichment": {"batchItemFailures": []},
    "sweeper": {"delivered": 0, "undelivered": 0, "left": 0},
}
LOOKUP = {"table": "users", "key": "user_id", "into": "user"}
CALL = """
import json, sys, data_{name}_lambda as module
class Context:
    aws_request_id = "r"
    def get_remaining_time_in_millis(self): return 60000
print(json.dumps(module.handler(json.load(sys.stdin), Context())))
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_zip_answers_where_only_the_sdk_is(name, zips, runtime, cloud, tmp_path):
    with zipfile.ZipFile(zips[name]) as archive:
        archive.extractall(tmp_path)
    endpoint = f"http://127.0.0.1:{cloud.server_port}"
    source = {"kind": "coinbase-spot", "endpoints": {"coinbase-spot": endpoint}}
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "BUCKET_NAME": "crypto-trading-data",
        "SNS_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",
        "PENSTOCK_CONFIG": json.dumps({"source": source, "lookups": [LOOKUP]}),
    }
    done = subprocess.run(
        [runtime, "-W", "error", "-c", CALL.format(name=name)],
        cwd=tmp_path,
        env=environment,
        input=json.dumps(EVENTS[name]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, answer, modules = done.stdout.splitlines()
    assert json.loads(answer) == ANSWERS[name]
    assert f"data_{name}_lambda" in json.loads(modules)
    assert cloud.asked != []


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--target", "azure", "--target must be lambda or sandbox; found 'azure'."),
        ("--arch", "arm", "--arch must be arm64 or x86_64; found 'arm'."),
        ("--python", "2.7", "--python must be 3.11 or 3.12 or 3.13; found '2.7'."),
    ],
)
def test_what_lambda_does_not_have_is_told(option, value, complaint):
    said = penstock("package", option, value, code=2)
    assert said.stderr == f"penstock: {complaint}\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    said = penstock("package", "--out", tmp_path / "file" / "zips", code=2)
    assert "cannot be written: Not a directory. Pass another --out." in said.stderr


def test_the_sandbox_runs_functions_with_what_it_has(tmp_path, monkeypatch):
    out = tmp_path / "out"
    given = penstock(
        "package", "--target", "sandbox", "--arch", "arm64", "--out", out, code=2
    )
    assert "--arch and --python are the emulator's own" in given.stderr
    monkeypatch.setenv("PENSTOCK_SANDBOX", str(tmp_path / "none"))
    absent = penstock("package", "--target", "sandbox", "--out", out, code=2)
    assert "Run `penstock sandbox install`" in absent.stderr
    assert not out.exists()
