"""Faults between an adapter and AWS: in the adapters' own clients, as botocore sends.

Refused are calls and parts of calls that name one of some keys: PutRecords and
BatchWriteItem go through without those entries, and answer that they were refused, as
the services do; any other call is throttled.
"""

import json
from contextlib import contextmanager
from io import BytesIO
from urllib.parse import unquote_plus

from botocore.awsrequest import AWSResponse

__all__ = ["Faults"]

_THROTTLED = "ProvisionedThroughputExceededException"
_SERVICES = ("kinesis", "dynamodb", "s3", "sns")
_READS = ("BatchGet", "Get", "List", "Query", "Scan")


class Faults:
    """Refuses what is about `keys`.

    Attributes:
        calls: Operations that were sent, such as "kinesis.PutRecords".
    """

    def __init__(self, clients):
        self.keys = set()
        self.calls = []
        self._dropped = None
        self._clients = clients
        for register, name, handler in self._handlers():
            register(name, handler)

    def _handlers(self, *, leaving=False):
        clients = [(service, self._clients(service)) for service in _SERVICES]
        clients.append(("kinesis", self._clients("kinesis", once=True)))
        for service, client in clients:
            events = client.meta.events
            register = events.unregister if leaving else events.register
            yield register, f"before-call.{service}", self._before_call
            yield register, f"before-send.{service}", self._before_send
            yield register, f"after-call.{service}", self._after_call

    def close(self):
        """Leave the clients as they were."""
        for unregister, name, handler in self._handlers(leaving=True):
            unregister(name, handler)

    @contextmanager
    def refusing(self, *keys):
        self.keys.update(keys)
        yield keys.__contains__
        self.keys.difference_update(keys)

    def _names(self, text):
        # A dead letter's id is in its object's key in another form.
        forms = (form for key in self.keys for form in (key, _in_object_key(key)))
        return any(form in text for form in forms)

    def _before_call(self, model, params, **_):
        self.calls.append(f"{model.service_model.service_name}.{model.name}")
        if not self.keys or model.name not in _PARTLY:
            return None
        body = json.loads(params["body"])
        self._dropped, is_empty = _PARTLY[model.name](body, self._names)
        params["body"] = json.dumps(body).encode()
        if not is_empty:
            return None
        answer = {"Records": [], "ResponseMetadata": {}}
        return AWSResponse(params["url"], 200, {}, _Raw(b"{}")), answer

    def _after_call(self, model, parsed, **_):
        dropped, self._dropped = self._dropped, None
        if not dropped:
            return
        if model.name == "PutRecords":
            answers = iter(parsed["Records"])
            count = len(parsed["Records"]) + len(dropped)
            refusal = {"ErrorCode": _THROTTLED, "ErrorMessage": "Rate exceeded"}
            parsed["Records"] = [
                refusal if n in dropped else next(answers) for n in range(count)
            ]
            parsed["FailedRecordCount"] = len(dropped)
        else:
            parsed["UnprocessedItems"] = dropped

    def _before_send(self, request, event_name, **_):
        _, service, operation = event_name.split(".")
        if not self.keys or operation in _PARTLY or operation.startswith(_READS):
            return None
        body = request.body
        if isinstance(body, bytes):
            body = body.decode(errors="replace")
        text = body if isinstance(body, str) else ""
        if not self._names(unquote_plus(request.url + text)):
            return None
        return AWSResponse(request.url, *_throttled(service))


def _in_object_key(letter_id):
    record, slash, _line = letter_id.rpartition("/")
    return record.replace("/", "-") if slash else letter_id


def _records(body, names):
    records = body["Records"]
    refused = {n for n, r in enumerate(records) if names(r["PartitionKey"])}
    body["Records"] = [r for n, r in enumerate(records) if n not in refused]
    return refused, not body["Records"]


def _items(body, names):
    ((table, requests),) = body["RequestItems"].items()
    refused = [r for r in requests if names(json.dumps(r, ensure_ascii=False))]
    kept = [r for r in requests if r not in refused]
    body["RequestItems"] = {table: kept}
    return ({table: refused} if refused else None), not kept


_PARTLY = {"PutRecords": _records, "BatchWriteItem": _items}


class _Raw(BytesIO):
    def stream(self, **_):
        return iter([self.read()])


def _throttled(service):
    if service in ("kinesis", "dynamodb"):
        answer = json.dumps({"__type": _THROTTLED, "message": "Rate exceeded"})
        return 400, {}, _Raw(answer.encode())
    code = "SlowDown" if service == "s3" else "Throttling"
    error = f"<Error><Code>{code}</Code><Message>Rate exceeded</Message></Error>"
    if service == "sns":
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return 503, {}, _Raw(error.encode())
