"""AWS below botocore's HTTP layer: signed requests in, answers out, no network.

What comes in has been built, validated, serialised and signed by botocore, and what
goes out is parsed by it: all that a function pays for a call, but the wait.  Conditions
are always met.  Time spent here is counted, to be taken off.
"""

import io
import json
import sys
import time
from collections import Counter
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

HTTP = "botocore.httpsession"


class Aws(MetaPathFinder):
    """Tables in dicts; counts calls; takes botocore's place on the line once imported.

    Botocore is not imported here, for its import is a part of a cold start.
    """

    def __init__(self):
        self.calls = Counter()
        self.spent_s = 0.0
        self.tables = {}

    def find_spec(self, name, path, target=None):
        if name != HTTP:
            return None
        spec = PathFinder.find_spec(name, path, target)
        execute = spec.loader.exec_module

        def patched(module):
            execute(module)
            module.URLLib3Session.send = lambda _session, request: self.send(request)

        spec.loader.exec_module = patched
        return spec

    def send(self, request):
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 (see the class)

        began_s = time.process_time()
        operation, body = self.answer(request)
        self.calls[operation] += 1
        answer = AWSResponse(request.url, 200, {}, Raw(body))
        self.spent_s += time.process_time() - began_s
        return answer

    def answer(self, request):
        target = request.headers.get("X-Amz-Target")
        if target:
            operation = target.decode() if isinstance(target, bytes) else target
            operation = operation.partition(".")[2]
            data = json.loads(request.body)
            return operation, json.dumps(self.dynamodb(operation, data)).encode()
        if "sns" in request.url:
            name = "PublishBatch" if "PublishBatch" in str(request.body) else "Publish"
            return name, (
                f"<{name}Response><{name}Result><MessageId>1</MessageId>"
                f"</{name}Result></{name}Response>"
            ).encode()
        kind = "completed" if "completed-trades" in request.url else "other"
        return f"{request.method} {kind}", b""

    def dynamodb(self, operation, data):
        if operation == "PutItem":
            self.put(data["TableName"], data["Item"])
        for item in data.get("TransactItems", ()):
            for action in item.values():
                if "Item" in action:
                    self.put(action["TableName"], action["Item"])
        if operation == "GetItem":
            item = self.get(data["TableName"], data["Key"])
            return {"Item": item} if item else {}
        if operation == "BatchGetItem":
            found = {}
            for table, asked in data["RequestItems"].items():
                items = [self.get(table, key) for key in asked["Keys"]]
                found[table] = [item for item in items if item]
            return {"Responses": found, "UnprocessedKeys": {}}
        return {"UnprocessedItems": {}} if operation == "BatchWriteItem" else {}

    def put(self, table, item):
        # History is only counted: nobody reads it here.
        if "history" not in table:
            self.tables.setdefault(table, {})[item["ticker"]["S"]] = item

    def get(self, table, key):
        return self.tables.get(table, {}).get(key["ticker"]["S"])


class Raw(io.BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_):
        yield self.getvalue()


def install():
    """Put a new AWS on the line of this process."""
    aws = Aws()
    sys.meta_path.insert(0, aws)
    return aws
