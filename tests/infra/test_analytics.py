"""The lake, value by value."""

import pytest

from tests.infra.templates import FACTS, text_of


@pytest.fixture
def stack(ours):
    return ours.stack("default", "AnalyticsStack")


def test_firehose_writes_gzip_each_five_minutes(stack):
    delivery = stack.one("KinesisFirehose::DeliveryStream")
    assert delivery["DeliveryStreamName"] == "crypto-raw-data-dev"
    assert delivery["DeliveryStreamType"] == "KinesisStreamAsSource"
    source = delivery["KinesisStreamSourceConfiguration"]
    assert text_of(source["KinesisStreamARN"]) == "<StreamArn>"
    target = delivery["ExtendedS3DestinationConfiguration"]
    assert target["BufferingHints"] == {"IntervalInSeconds": 300, "SizeInMBs": 64}
    assert target["CompressionFormat"] == "GZIP"
    assert target["Prefix"] == "raw-data/!{timestamp:yyyy/MM/dd/HH}/"
    assert target["ErrorOutputPrefix"] == (
        "firehose-errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
    )
    assert target["CloudWatchLoggingOptions"]["Enabled"] is True


def test_tables_find_their_hours_by_themselves(stack):
    folders = {
        "raw_data": "raw-data/",
        "completed_trades": "completed-trades/",
        "enriched_data": "enriched-data/",
        "dead_letters": "dead-letter/",
    }
    tables = {t["TableInput"]["Name"]: t for t in stack.all("Glue::Table").values()}
    assert tables.keys() == folders.keys()
    for name, folder in folders.items():
        table = tables[name]
        assert table["DatabaseName"] == "trading_analytics_dev"
        given = table["TableInput"]
        location = f"s3://<Bucket>/{folder}"
        assert text_of(given["StorageDescriptor"]["Location"]) == location
        parameters = dict(given["Parameters"])
        template = text_of(parameters.pop("storage.location.template"))
        assert template == f"{location}${{hour}}/"
        assert parameters == {
            "classification": "json",
            "projection.enabled": "true",
            "projection.hour.type": "date",
            "projection.hour.format": "yyyy/MM/dd/HH",
            "projection.hour.interval": "1",
            "projection.hour.interval.unit": "HOURS",
            "projection.hour.range": "2024/01/01/00,NOW",
        }
        assert given["PartitionKeys"] == [{"Name": "hour", "Type": "string"}]
        columns = given["StorageDescriptor"]["Columns"]
        assert {c["Name"]: c["Type"] for c in columns} == FACTS["tables"][name][
            "columns"
        ]


def test_an_enriched_event_is_one_column_whatever_it_holds(stack):
    serdes = {
        t["TableInput"]["Name"]: t["TableInput"]["StorageDescriptor"]["SerdeInfo"][
            "SerializationLibrary"
        ]
        for t in stack.all("Glue::Table").values()
    }
    lines = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    json = "org.openx.data.jsonserde.JsonSerDe"
    assert serdes == {
        "raw_data": json,
        "completed_trades": json,
        "enriched_data": lines,
        "dead_letters": json,
    }


def test_the_crawler_comes_once_a_day(stack):
    crawler = stack.one("Glue::Crawler")
    assert crawler["Name"] == "trading-data-crawler-dev"
    assert crawler["Schedule"] == {"ScheduleExpression": "cron(15 2 * * ? *)"}
    assert crawler["DatabaseName"] == "trading_analytics_dev"
    assert crawler["TablePrefix"] == "crawled_"
    (target,) = crawler["Targets"]["S3Targets"]
    assert text_of(target["Path"]) == "s3://<Bucket>/raw-data/"
    assert crawler["SchemaChangePolicy"] == {
        "DeleteBehavior": "LOG",
        "UpdateBehavior": "UPDATE_IN_DATABASE",
    }


def test_a_query_may_scan_10_gib_and_its_result_is_encrypted(stack):
    group = stack.one("Athena::WorkGroup")
    assert group["Name"] == "trading-analytics-dev"
    configuration = group["WorkGroupConfiguration"]
    assert configuration["BytesScannedCutoffPerQuery"] == 10 * 1024**3
    assert configuration["EnforceWorkGroupConfiguration"] is True
    result = configuration["ResultConfiguration"]
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert text_of(result["OutputLocation"]) == "s3://<Bucket>/athena-results/"
    query = stack.one("Athena::NamedQuery")
    assert (query["Database"], query["WorkGroup"]) == (
        "trading_analytics_dev",
        "trading-analytics-dev",
    )
