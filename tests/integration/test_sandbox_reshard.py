"""After a reshard the parent's records come first, retries included.

MiniStack deletes a parent with its records, so that this is not to be tried on it.
"""

import io
import json
import threading
from base64 import b64decode
from datetime import UTC, datetime

from penstock.bootstrap import clock_us
from penstock.sandbox.poller import Poller

PARENT, CHILD = "shardId-000000000000", "shardId-000000000001"
RECORDS = {PARENT: [1, 2], CHILD: [3, 4]}


class Pages:
    def __init__(self, page):
        self.page = page

    def paginate(self, **_):
        return [self.page()]


class Aws:
    """A stream with a closed shard, a mapping, and a function that fails once."""

    def __init__(self):
        self.is_enabled, self.seen, self.done = True, [], threading.Event()

    def get_paginator(self, name):
        return Pages(getattr(self, name))

    def list_shards(self):
        begin = {"SequenceNumberRange": {"StartingSequenceNumber": "1"}}
        return {
            "Shards": [
                {"ShardId": PARENT, **begin},
                {"ShardId": CHILD, "ParentShardId": PARENT, **begin},
            ]
        }

    def get_shard_iterator(self, *, ShardId, **_):
        return {"ShardIterator": f"{ShardId} 0"}

    def get_records(self, *, ShardIterator, Limit):
        name, _, at = ShardIterator.partition(" ")
        now = datetime.now(UTC)
        entries = [
            {
                "SequenceNumber": str(number),
                "PartitionKey": "a",
                "Data": str(number).encode(),
                "ApproximateArrivalTimestamp": now,
            }
            for number in RECORDS[name][int(at) :]
        ]
        following = None if name == PARENT else f"{name} 2"
        return {"Records": entries, "NextShardIterator": following}

    def list_event_source_mappings(self):
        mapping = {
            "UUID": "u",
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
            "State": "Enabled" if self.is_enabled else "Disabled",
            "LastModified": datetime.now(UTC),
            "BatchSize": 1,
        }
        return {"EventSourceMappings": [mapping]}

    def update_event_source_mapping(self, *, UUID, Enabled):
        self.is_enabled = Enabled

    def get_function_configuration(self, **_):
        return {"Role": "arn:aws:iam::000000000000:role/r"}

    def invoke(self, *, FunctionName, Payload):
        (record,) = json.loads(Payload)["Records"]
        self.seen.append(int(b64decode(record["kinesis"]["data"])))
        if self.seen[-1] == 4:
            self.done.set()
        failed = {"FunctionError": "Unhandled"} if self.seen == [1, 2] else {}
        answer = {"Payload": io.BytesIO(b"null"), "ResponseMetadata": {}}
        return answer | failed


def test_a_child_is_read_once_its_parent_is_done(tmp_path):
    aws, stopping = Aws(), threading.Event()
    with Poller(lambda _: aws, tmp_path, clock_us) as poller:
        thread = threading.Thread(target=poller.run, args=[stopping])
        thread.start()
        try:
            assert aws.done.wait(60)
        finally:
            stopping.set()
            thread.join()
    assert aws.seen == [1, 2, 2, 3, 4]
    saved = json.loads((tmp_path / "positions.json").read_bytes())
    assert saved["u"]["checkpoints"][CHILD] == 4
    assert saved["u"]["done"] == [PARENT]
    assert aws.is_enabled is False
