"""A click that is put on a real stream turns up enriched, by the deployed function."""

import gzip
import json

from tests.aws.both import polling
from tests.aws.pipeline import Pipeline
from tests.aws.resources import make_table
from tests.aws.told import wait_until

CLICK = {
    "event_type": "page_view",
    "user_id": "u1",
    "page": "/pricing",
    "timestamp": "2024-11-20T23:40:00Z",
    "session_id": "s1",
}
CONFIG = {"lookups": [{"table": "users", "key": "user_id", "into": "user"}]}


def test_a_click_on_the_stream_turns_up_enriched(aws, emulator, zips, tmp_path):
    pipeline = Pipeline(aws, emulator.endpoint, zips, config=CONFIG)
    settings = pipeline.made.settings
    table = settings.lookup_table("users")
    make_table(aws, table, "user_id")
    item = {"user_id": {"S": "u1"}, "name": {"S": "Ada"}, "visits": {"N": "3"}}
    aws("dynamodb").put_item(TableName=table, Item=item)
    pipeline.add_function("enrichment")

    def stored():
        found = aws("s3").list_objects_v2(
            Bucket=settings.bucket, Prefix="enriched-data/"
        )
        return [item["Key"] for item in found.get("Contents", [])]

    with polling(aws, tmp_path / "poller"):
        pipeline.map("enrichment")
        aws("kinesis").put_record(
            StreamName=settings.stream,
            PartitionKey="s1",
            Data=json.dumps(CLICK, indent=1).encode(),
        )
        wait_until(stored)
    (key,) = stored()
    body = aws("s3").get_object(Bucket=settings.bucket, Key=key)["Body"].read()
    (line,) = gzip.decompress(body).splitlines()
    event = json.loads(line)
    assert event.pop("penstock")["missing"] == []
    assert event == CLICK | {"user": {"user_id": "u1", "name": "Ada", "visits": 3}}
