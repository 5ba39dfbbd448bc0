"""A function that does as its records tell it, deployed; and what it has seen.

A record is JSON: {"n": 1, "do": "crash"}.  The function writes down which it was given
before it does anything, in a file, since the emulator runs it on this machine.
"""

import io
import json
import zipfile
from time import monotonic, sleep

__all__ = ["Told"]

_CODE = """
import base64, json, os, time

FOLDER = os.environ["FOLDER"]


def handler(event, context):
    data = [base64.b64decode(r["kinesis"]["data"]) for r in event["Records"]]
    orders = [json.loads(text) for text in data]
    numbers = [told["n"] for told in orders]
    with open(f"{FOLDER}/seen", "a") as seen:
        seen.write(json.dumps({"numbers": numbers, "event": event}) + "\\n")
    failed = []
    for told, record in zip(orders, event["Records"]):
        do, _, how = told.get("do", "").partition(" ")
        if how == "once":
            if os.path.exists(f"{FOLDER}/done-{told['n']}"):
                continue
            open(f"{FOLDER}/done-{told['n']}", "w").close()
        if do == "crash":
            raise RuntimeError(f"told to crash by {told['n']}")
        if do == "exit":
            os._exit(1)
        if do == "sleep":
            time.sleep(30)
        if do == "fail":
            failed.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
        if do == "touch":
            open(f"{FOLDER}/{how}", "w").close()
        while do == "await" and not os.path.exists(f"{FOLDER}/{how}"):
            time.sleep(0.01)
    return {"batchItemFailures": failed}
"""


class Told:
    """The function, a stream, and the mapping between them."""

    def __init__(self, client, folder, *, shards=1, timeout_s=20, name="told"):
        self.client, self.folder, self.name = client, folder, name
        self.seen_file = folder / "seen"
        folder.mkdir(exist_ok=True)
        client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        summary = client("kinesis").describe_stream_summary(StreamName=name)
        self.stream_arn = summary["StreamDescriptionSummary"]["StreamARN"]
        self.function_arn = client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/told",
            Handler="told.handler",
            Code={"ZipFile": _zip()},
            Timeout=timeout_s,
            Environment={"Variables": {"FOLDER": str(folder)}},
        )["FunctionArn"]

    def map(self, **settings):
        made = self.client("lambda").create_event_source_mapping(
            EventSourceArn=self.stream_arn,
            FunctionName=self.name,
            **{"StartingPosition": "TRIM_HORIZON", "BatchSize": 100, **settings},
        )
        return made["UUID"]

    def put(self, *records, key="a"):
        """Append records; a number alone tells the function nothing."""
        told = [r if isinstance(r, dict) else {"n": r} for r in records]
        self.client("kinesis").put_records(
            StreamName=self.name,
            Records=[
                {"Data": json.dumps(r).encode(), "PartitionKey": key} for r in told
            ],
        )

    def invocations(self):
        """The events that the function was given so far, in order."""
        if not self.seen_file.exists():
            return []
        return [json.loads(line) for line in self.seen_file.read_text().splitlines()]

    def seen(self):
        """The numbers of each invocation's records, in order."""
        return [invocation["numbers"] for invocation in self.invocations()]

    def wait(self, *expected):
        """Wait until the function has seen exactly these batches, and assert it."""
        wait_until(lambda: len(self.seen()) >= len(expected))
        assert self.seen() == list(expected)


def wait_until(condition, *, patience_s=30):
    deadline = monotonic() + patience_s
    while not condition() and monotonic() < deadline:
        sleep(0.02)


def _zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("told.py", _CODE)
    return file.getvalue()
