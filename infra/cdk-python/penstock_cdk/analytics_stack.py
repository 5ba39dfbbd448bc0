"""The lake: Firehose into the bucket, Glue over it, Athena to ask it."""

from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from penstock_cdk.facts import FACTS, policy
from penstock_cdk.functions import log_group, role
from penstock_cdk.nag import accept
from penstock_cdk.names import bucket_arn, key_arns, log_group_arn
from penstock_cdk.settings import Settings

__all__ = ["AnalyticsStack"]

_SERDES = {
    "json": "org.openx.data.jsonserde.JsonSerDe",
    # Its separator never stands in JSON, so that a whole line is the one column.
    "lines": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
}
_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_EXAMPLE = """SELECT symbol, AVG(price) AS avg_price, COUNT(*) AS records
FROM raw_data GROUP BY symbol"""


class AnalyticsStack(Stack):
    """Firehose, the Glue catalog with its crawler, and the Athena workgroup.

    Attributes:
        delivery: The Firehose delivery stream.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        stream: kinesis.IStream,
        bucket: s3.IBucket,
        key: kms.IKey,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self._settings = settings
        self._bucket = bucket
        self.delivery = self._delivery(stream, key)
        self._database = f"{FACTS['names']['database']}_{settings.environment}"
        database = self._make_database()
        for name, table in FACTS["tables"].items():
            self._table(name, table).add_resource_dependency(database)
        self._crawler().add_resource_dependency(database)
        self._workgroup()

    def _delivery(
        self, stream: kinesis.IStream, key: kms.IKey
    ) -> firehose.CfnDeliveryStream:
        name = self._settings.named("delivery_stream")
        facts = FACTS["analytics"]
        group_name = f"/aws/kinesisfirehose/{name}"
        group = log_group(self, "DeliveryLog", group_name)
        log_stream = logs.LogStream(
            self,
            "DeliveryLogStream",
            log_group=group,
            log_stream_name="S3Delivery",
            removal_policy=RemovalPolicy.DESTROY,
        )
        arns: dict[str, str | list[str]] = {
            "stream": stream.stream_arn,
            "bucket": bucket_arn(self._settings),
            "key": key_arns(self._settings, key),
            "log_group": log_group_arn(group_name),
        }
        made = role(self, "DeliveryRole", name, "firehose", policy("delivery", arns))
        properties = firehose.CfnDeliveryStream
        delivery = properties(
            self,
            "Delivery",
            delivery_stream_name=name,
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=properties.KinesisStreamSourceConfigurationProperty(
                kinesis_stream_arn=stream.stream_arn, role_arn=made.role_arn
            ),
            extended_s3_destination_configuration=properties.ExtendedS3DestinationConfigurationProperty(
                bucket_arn=self._bucket.bucket_arn,
                role_arn=made.role_arn,
                prefix=f"{FACTS['bucket']['raw']['prefix']}!{{timestamp:yyyy/MM/dd/HH}}/",
                error_output_prefix=(
                    f"{FACTS['bucket']['failed_deliveries']['prefix']}"
                    "!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd/HH}/"
                ),
                compression_format="GZIP",
                buffering_hints=properties.BufferingHintsProperty(
                    interval_in_seconds=facts["buffer_s"],
                    size_in_m_bs=facts["buffer_mb"],
                ),
                cloud_watch_logging_options=properties.CloudWatchLoggingOptionsProperty(
                    enabled=True,
                    log_group_name=group.log_group_name,
                    log_stream_name=log_stream.log_stream_name,
                ),
            ),
        )
        accept(delivery, "KDF1", "Its source is the stream, which is encrypted")
        # Firehose tries the role's rights when it is made.
        delivery.node.add_dependency(made)
        return delivery

    def _make_database(self) -> glue.CfnDatabase:
        return glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self._database, description="Trades, raw and completed"
            ),
        )

    def _table(self, name: str, facts: dict[str, Any]) -> glue.CfnTable:
        """Make a table whose partitions are computed, so that none is ever added."""
        prefix = FACTS["bucket"][facts["part"]]["prefix"]
        location = f"s3://{self._bucket.bucket_name}/{prefix}"
        columns = glue.CfnTable.ColumnProperty
        return glue.CfnTable(
            self,
            name,
            catalog_id=self.account,
            database_name=self._database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                table_type="EXTERNAL_TABLE",
                partition_keys=[columns(name="hour", type="string")],
                parameters={
                    "classification": "json",
                    "projection.enabled": "true",
                    "projection.hour.type": "date",
                    "projection.hour.format": "yyyy/MM/dd/HH",
                    "projection.hour.interval": "1",
                    "projection.hour.interval.unit": "HOURS",
                    "projection.hour.range": (
                        f"{FACTS['analytics']['projection_from']},NOW"
                    ),
                    "storage.location.template": f"{location}${{hour}}/",
                },
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=location,
                    input_format=_INPUT,
                    output_format=_OUTPUT,
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=_SERDES[facts["form"]]
                    ),
                    columns=[
                        columns(name=column, type=type_)
                        for column, type_ in facts["columns"].items()
                    ],
                ),
            ),
        )

    def _crawler(self) -> glue.CfnCrawler:
        name = self._settings.named("crawler")
        catalog = f"arn:{self.partition}:glue:{self.region}:{self.account}"
        arns: dict[str, str | list[str]] = {
            "bucket": bucket_arn(self._settings),
            "catalog": f"{catalog}:catalog",
            "database": f"{catalog}:database/{self._database}",
            "tables": f"{catalog}:table/{self._database}/*",
            "log_group": log_group_arn("/aws-glue/crawlers"),
        }
        made: iam.Role = role(
            self, "CrawlerRole", name, "glue", policy("crawler", arns)
        )
        prefix = FACTS["bucket"]["raw"]["prefix"]
        crawler = glue.CfnCrawler(
            self,
            "Crawler",
            name=name,
            role=made.role_arn,
            database_name=self._database,
            table_prefix="crawled_",
            schedule=glue.CfnCrawler.ScheduleProperty(
                schedule_expression=FACTS["analytics"]["crawler_schedule"]
            ),
            targets=glue.CfnCrawler.TargetsProperty(
                s3_targets=[
                    glue.CfnCrawler.S3TargetProperty(
                        path=f"s3://{self._bucket.bucket_name}/{prefix}"
                    )
                ]
            ),
            schema_change_policy=glue.CfnCrawler.SchemaChangePolicyProperty(
                update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
            ),
        )
        accept(crawler, "GL1", "Its log names objects, and holds none of their data")
        return crawler

    def _workgroup(self) -> None:
        name = self._settings.named("workgroup")
        properties = athena.CfnWorkGroup
        prefix = FACTS["bucket"]["results"]["prefix"]
        workgroup = properties(
            self,
            "Queries",
            name=name,
            recursive_delete_option=True,
            work_group_configuration=properties.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=FACTS["analytics"]["scan_limit_bytes"],
                result_configuration=properties.ResultConfigurationProperty(
                    output_location=f"s3://{self._bucket.bucket_name}/{prefix}",
                    encryption_configuration=properties.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )
        example = athena.CfnNamedQuery(
            self,
            "Example",
            name="average-price-by-symbol",
            database=self._database,
            work_group=name,
            query_string=_EXAMPLE,
        )
        example.add_resource_dependency(workgroup)
        CfnOutput(self, "WorkGroup", value=name)
