"""An HTTP proxy before the emulator: writes down each call, and spoils some.

    with Proxy(emulator.endpoint) as proxy:
        ...                          # clients speak to proxy.endpoint
    proxy.calls                      # [Call("dynamodb", "PutItem", "arn:...", role)]

What is spoilt has reached the emulator all the same: an answer that comes too late, or
not at all, is one whose write has happened.
"""

import http.client
import json
import re
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["Call", "Proxy", "as_allowed"]

_ACCOUNT = "000000000000"
_REGION = "us-east-1"
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_BATCHES = {"BatchGetItem", "BatchWriteItem"}
_S3 = {"PUT": "PutObject", "GET": "GetObject", "DELETE": "DeleteObject"}


class Call(NamedTuple):
    """A call as IAM sees it.

    Attributes:
        service: As in an action: "dynamodb".
        action: Without the service: "PutItem".
        resource: ARN of what it is about.
    """

    service: str
    action: str
    resource: str


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Say nothing: a function that is killed leaves connections behind."""


class Proxy:
    """Passes on whatever comes.

    Attributes:
        calls: Each call, in order; of a transaction, each of its parts.
        spoil: Asked after each call with its `Call`s: seconds to hold the answer back.
    """

    def __init__(self, endpoint):
        self._target = urlsplit(endpoint).netloc
        self.calls = []
        self.spoil = lambda _calls: 0.0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with suppress(ConnectionError):  # who has timed out has gone
                    proxy._pass_on(self)

            do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        calls = list(_calls(handler.command, handler.path, handler.headers, body))
        self.calls += calls
        connection = http.client.HTTPConnection(self._target)
        headers = {
            k: v for k, v in handler.headers.items() if k.lower() not in _HOP_BY_HOP
        }
        connection.request(handler.command, handler.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        time.sleep(self.spoil(calls))
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(data)


def _calls(method, path, headers, body):
    """Say what a request is, from its own form of protocol."""
    target = headers.get("X-Amz-Target", "")
    if target.startswith("DynamoDB"):
        yield from _tables(target.rpartition(".")[2], json.loads(body))
    elif target.startswith("Kinesis"):
        wanted = json.loads(body)
        name = (
            wanted.get("StreamName") or wanted.get("StreamARN", "").rpartition("/")[2]
        )
        arn = f"arn:aws:kinesis:{_REGION}:{_ACCOUNT}:stream/{name}"
        yield Call("kinesis", target.rpartition(".")[2], arn)
    elif "form-urlencoded" in headers.get("Content-Type", ""):
        form = parse_qs(body.decode())
        action = form["Action"][0].removesuffix("Batch")  # as IAM names it
        yield Call("sns", action, form.get("TopicArn", [""])[0])
    elif method in _S3:
        bucket, _, key = unquote(urlsplit(path).path).lstrip("/").partition("/")
        action = _S3[method] if key else "ListBucket"
        yield Call("s3", action, f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else ""))


def _tables(operation, wanted):
    def about(table, action=operation, index=""):
        arn = f"arn:aws:dynamodb:{_REGION}:{_ACCOUNT}:table/{table}"
        return Call("dynamodb", action, f"{arn}/index/{index}" if index else arn)

    if operation in _BATCHES:
        for table in wanted["RequestItems"]:
            yield about(table)
    elif operation == "TransactWriteItems":
        # Allowed by the actions of its parts; it has none of its own.
        for part in wanted["TransactItems"]:
            ((kind, change),) = part.items()
            yield about(change["TableName"], f"{kind}Item")
    else:
        yield about(wanted["TableName"], index=wanted.get("IndexName", ""))


def as_allowed(calls, prefixes):
    """Return the calls as (action, resource) of a policy.

    Args:
        calls: What was called.
        prefixes: Of objects' ARNs; those under one become that with a star.
    """
    return {
        (f"{c.service}:{c.action}", _shortened(c.resource, prefixes)) for c in calls
    }


def _shortened(resource, prefixes):
    for prefix in prefixes:
        if resource.startswith(prefix):
            return re.sub(r"/?$", "/*", prefix)
    return resource
