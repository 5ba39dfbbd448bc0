/** The lake: Firehose into the bucket, Glue over it, Athena to ask it. */

import { CfnOutput, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as athena from "aws-cdk-lib/aws-athena";
import * as glue from "aws-cdk-lib/aws-glue";
import type * as kinesis from "aws-cdk-lib/aws-kinesis";
import * as firehose from "aws-cdk-lib/aws-kinesisfirehose";
import type * as kms from "aws-cdk-lib/aws-kms";
import * as logs from "aws-cdk-lib/aws-logs";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

import { FACTS, policy } from "./facts.ts";
import { makeLogGroup, makeRole } from "./functions.ts";
import { accept } from "./nag.ts";
import { bucketArn, keyArns, logGroupArn, named } from "./names.ts";
import type { Settings } from "./settings.ts";

const SERDES: Readonly<Record<string, string>> = {
  json: "org.openx.data.jsonserde.JsonSerDe",
  // Its separator never stands in JSON, so that a whole line is the one column.
  lines: "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
};
const INPUT = "org.apache.hadoop.mapred.TextInputFormat";
const OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
const EXAMPLE = `SELECT symbol, AVG(price) AS avg_price, COUNT(*) AS records
FROM raw_data GROUP BY symbol`;

/** A table of facts.json: the part of the bucket, and columns with their types. */
interface TableFacts {
  readonly part: string;
  readonly form: string;
  readonly columns: Readonly<Record<string, string>>;
}

const PREFIXES: Readonly<Record<string, string>> = {
  raw: FACTS.bucket.raw.prefix,
  enriched: FACTS.bucket.enriched.prefix,
  completed: FACTS.bucket.completed.prefix,
  dead_letter: FACTS.bucket.dead_letter.prefix,
};

export interface AnalyticsStackProps extends StackProps {
  readonly settings: Settings;
  readonly stream: kinesis.IStream;
  readonly bucket: s3.IBucket;
  readonly key: kms.IKey;
}

/** Firehose, the Glue catalog with its crawler, and the Athena workgroup. */
export class AnalyticsStack extends Stack {
  /** The Firehose delivery stream. */
  readonly delivery: firehose.CfnDeliveryStream;
  readonly #settings: Settings;
  readonly #bucket: s3.IBucket;
  readonly #database: string;

  constructor(scope: Construct, id: string, props: AnalyticsStackProps) {
    super(scope, id, props);
    this.#settings = props.settings;
    this.#bucket = props.bucket;
    this.#database = `${FACTS.names.database}_${props.settings.environment}`;
    this.delivery = this.#deliver(props.stream, props.key);
    const database = new glue.CfnDatabase(this, "Database", {
      catalogId: this.account,
      databaseInput: { name: this.#database, description: "Trades, raw and completed" },
    });
    for (const [name, table] of Object.entries(FACTS.tables)) {
      this.#table(name, table).addResourceDependency(database);
    }
    this.#crawler().addResourceDependency(database);
    this.#workgroup();
  }

  #deliver(stream: kinesis.IStream, key: kms.IKey): firehose.CfnDeliveryStream {
    const deliveryStreamName = named(this.#settings, "delivery_stream");
    const groupName = `/aws/kinesisfirehose/${deliveryStreamName}`;
    const logGroup = makeLogGroup(this, "DeliveryLog", groupName);
    const logStream = new logs.LogStream(this, "DeliveryLogStream", {
      logGroup,
      logStreamName: "S3Delivery",
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const document = policy("delivery", {
      stream: stream.streamArn,
      bucket: bucketArn(this.#settings),
      key: keyArns(this.#settings, key),
      log_group: logGroupArn(groupName),
    });
    const role = makeRole(this, "DeliveryRole", deliveryStreamName, "firehose", document);
    const delivery = new firehose.CfnDeliveryStream(this, "Delivery", {
      deliveryStreamName,
      deliveryStreamType: "KinesisStreamAsSource",
      kinesisStreamSourceConfiguration: {
        kinesisStreamArn: stream.streamArn,
        roleArn: role.roleArn,
      },
      extendedS3DestinationConfiguration: this.#destination(role.roleArn, {
        enabled: true,
        logGroupName: logGroup.logGroupName,
        logStreamName: logStream.logStreamName,
      }),
    });
    accept(delivery, "KDF1", "Its source is the stream, which is encrypted");
    // Firehose tries the role's rights when it is made.
    delivery.node.addDependency(role);
    return delivery;
  }

  #destination(
    roleArn: string,
    cloudWatchLoggingOptions: firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty,
  ): firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty {
    const { raw, failed_deliveries: failed } = FACTS.bucket;
    return {
      bucketArn: this.#bucket.bucketArn,
      roleArn,
      prefix: `${raw.prefix}!{timestamp:yyyy/MM/dd/HH}/`,
      errorOutputPrefix:
        `${failed.prefix}!{firehose:error-output-type}/` + "!{timestamp:yyyy/MM/dd/HH}/",
      compressionFormat: "GZIP",
      bufferingHints: {
        intervalInSeconds: FACTS.analytics.buffer_s,
        sizeInMBs: FACTS.analytics.buffer_mb,
      },
      cloudWatchLoggingOptions,
    };
  }

  /** Makes a table whose partitions are computed, so that none is ever added. */
  #table(name: string, facts: TableFacts): glue.CfnTable {
    const location = this.#location(PREFIXES[facts.part]);
    return new glue.CfnTable(this, name, {
      catalogId: this.account,
      databaseName: this.#database,
      tableInput: {
        name,
        tableType: "EXTERNAL_TABLE",
        partitionKeys: [{ name: "hour", type: "string" }],
        parameters: {
          classification: "json",
          "projection.enabled": "true",
          "projection.hour.type": "date",
          "projection.hour.format": "yyyy/MM/dd/HH",
          "projection.hour.interval": "1",
          "projection.hour.interval.unit": "HOURS",
          "projection.hour.range": `${FACTS.analytics.projection_from},NOW`,
          "storage.location.template": `${location}\${hour}/`,
        },
        storageDescriptor: {
          location,
          inputFormat: INPUT,
          outputFormat: OUTPUT,
          serdeInfo: { serializationLibrary: SERDES[facts.form] },
          columns: Object.entries(facts.columns).map(([column, type]) => ({
            name: column,
            type,
          })),
        },
      },
    });
  }

  #crawler(): glue.CfnCrawler {
    const name = named(this.#settings, "crawler");
    const catalog = `arn:${this.partition}:glue:${this.region}:${this.account}`;
    const document = policy("crawler", {
      bucket: bucketArn(this.#settings),
      catalog: `${catalog}:catalog`,
      database: `${catalog}:database/${this.#database}`,
      tables: `${catalog}:table/${this.#database}/*`,
      log_group: logGroupArn("/aws-glue/crawlers"),
    });
    const crawler = new glue.CfnCrawler(this, "Crawler", {
      name,
      role: makeRole(this, "CrawlerRole", name, "glue", document).roleArn,
      databaseName: this.#database,
      tablePrefix: "crawled_",
      schedule: { scheduleExpression: FACTS.analytics.crawler_schedule },
      targets: { s3Targets: [{ path: this.#location(FACTS.bucket.raw.prefix) }] },
      schemaChangePolicy: { updateBehavior: "UPDATE_IN_DATABASE", deleteBehavior: "LOG" },
    });
    accept(crawler, "GL1", "Its log names objects, and holds none of their data");
    return crawler;
  }

  #workgroup(): void {
    const name = named(this.#settings, "workgroup");
    const workgroup = new athena.CfnWorkGroup(this, "Queries", {
      name,
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        publishCloudWatchMetricsEnabled: true,
        bytesScannedCutoffPerQuery: FACTS.analytics.scan_limit_bytes,
        resultConfiguration: {
          outputLocation: this.#location(FACTS.bucket.results.prefix),
          encryptionConfiguration: { encryptionOption: "SSE_S3" },
        },
      },
    });
    new athena.CfnNamedQuery(this, "Example", {
      name: "average-price-by-symbol",
      database: this.#database,
      workGroup: name,
      queryString: EXAMPLE,
    }).addResourceDependency(workgroup);
    new CfnOutput(this, "WorkGroup", { value: name });
  }

  #location(prefix: string | undefined): string {
    if (prefix === undefined) {
      throw new Error("a table of infra/facts.json names no part of the bucket");
    }
    return `s3://${this.#bucket.bucketName}/${prefix}`;
  }
}
