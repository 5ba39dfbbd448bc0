import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Match, type Template } from "aws-cdk-lib/assertions";

import { LEFT_OUT } from "../lib/sandbox.ts";
import { stackOf, templatesOf } from "./deployment.ts";

describe("the defaults", () => {
  const templates = templatesOf();

  test("are six stacks, whose names end in the environment", () => {
    const names = "KinesisStream S3Bucket DataConsumer DataProducer Analytics Monitoring";
    assert.deepEqual(
      [...templates.keys()].sort(),
      names.split(" ").map((name) => `${name}Stack-dev`).sort(),
    );
  });

  test("make an encrypted stream of two shards that keeps 48 hours", () => {
    stackOf(templates, "KinesisStreamStack-dev").hasResourceProperties("AWS::Kinesis::Stream", {
      Name: "crypto-price-stream-dev",
      ShardCount: 2,
      RetentionPeriodHours: 48,
      StreamEncryption: Match.objectLike({ EncryptionType: "KMS" }),
      StreamModeDetails: { StreamMode: "PROVISIONED" },
    });
  });

  test("keep raw data in cheaper classes after 30 and 90 days, and 730 in all", () => {
    stackOf(templates, "S3BucketStack-dev").hasResourceProperties("AWS::S3::Bucket", {
      VersioningConfiguration: { Status: "Enabled" },
      LifecycleConfiguration: {
        Rules: Match.arrayWith([
          {
            ExpirationInDays: 730,
            Id: "raw",
            Prefix: "raw-data/",
            Status: "Enabled",
            Transitions: [
              { StorageClass: "STANDARD_IA", TransitionInDays: 30 },
              { StorageClass: "GLACIER_IR", TransitionInDays: 90 },
            ],
          },
        ]),
      },
    });
  });

  test("give the consumer 256 MB, 20 s, and what its policy says", () => {
    const stack = stackOf(templates, "DataConsumerStack-dev");
    stack.hasResourceProperties("AWS::Lambda::Function", {
      FunctionName: "crypto-data-consumer-dev",
      MemorySize: 256,
      Timeout: 20,
      Architectures: ["arm64"],
      Runtime: "python3.13",
      Environment: { Variables: Match.objectLike({ PRICE_THRESHOLD: "85000" }) },
    });
    stack.hasResourceProperties("AWS::IAM::Role", {
      RoleName: "crypto-data-consumer-dev",
      Policies: [
        {
          PolicyName: "penstock",
          PolicyDocument: Match.objectLike({
            Statement: Match.arrayWith([
              Match.objectLike({
                Sid: "WriteHistory",
                Action: ["dynamodb:BatchWriteItem", "dynamodb:PutItem"],
              }),
            ]),
          }),
        },
      ],
    });
  });

  test("feed the consumer 500 records at most, from the oldest, until it takes them", () => {
    stackOf(templates, "DataConsumerStack-dev").hasResourceProperties(
      "AWS::Lambda::EventSourceMapping",
      {
        BatchSize: 500,
        BisectBatchOnFunctionError: true,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        MaximumBatchingWindowInSeconds: 0,
        MaximumRecordAgeInSeconds: 165_600,
        MaximumRetryAttempts: -1,
        ParallelizationFactor: 4,
        StartingPosition: "TRIM_HORIZON",
      },
    );
  });

  test("key the history by ticker and last_refreshed, and can wind it back", () => {
    stackOf(templates, "DataConsumerStack-dev").hasResourceProperties("AWS::DynamoDB::Table", {
      TableName: "crypto-price-history-dev",
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [
        { AttributeName: "ticker", KeyType: "HASH" },
        { AttributeName: "last_refreshed", KeyType: "RANGE" },
      ],
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  test("poll each minute", () => {
    stackOf(templates, "DataProducerStack-dev").hasResourceProperties("AWS::Events::Rule", {
      Name: "every-minute-trigger-dev",
      ScheduleExpression: "rate(1 minute)",
    });
  });

  test("deliver raw data compressed every 300 s, and limit what a query scans", () => {
    const stack = stackOf(templates, "AnalyticsStack-dev");
    stack.hasResourceProperties("AWS::KinesisFirehose::DeliveryStream", {
      ExtendedS3DestinationConfiguration: Match.objectLike({
        BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 64 },
        CompressionFormat: "GZIP",
        Prefix: "raw-data/!{timestamp:yyyy/MM/dd/HH}/",
      }),
    });
    stack.hasResourceProperties("AWS::Athena::WorkGroup", {
      WorkGroupConfiguration: Match.objectLike({ BytesScannedCutoffPerQuery: 10_737_418_240 }),
    });
  });

  test("alarm on two ages of the iterator", () => {
    const stack = stackOf(templates, "MonitoringStack-dev");
    for (const [level, limit] of [["warn", 1_800_000], ["page", 7_200_000]] as const) {
      stack.hasResourceProperties("AWS::CloudWatch::Alarm", {
        AlarmName: `crypto-iterator-age-${level}-dev`,
        Threshold: limit,
        Statistic: "Maximum",
        Period: 180,
        TreatMissingData: "notBreaching",
      });
    }
  });

  test("tag whatever takes tags", () => {
    stackOf(templates, "KinesisStreamStack-dev").hasResourceProperties("AWS::Kinesis::Stream", {
      Tags: [
        { Key: "environment", Value: "dev" },
        { Key: "owner", Value: "market-data" },
        { Key: "project", Value: "penstock" },
      ],
    });
  });
});

describe("the switches", () => {
  test("size the stream and its functions", () => {
    const templates = templatesOf({
      environment: "test",
      streamShardCount: 5,
      lambdaMemorySize: "640",
      reserveConcurrency: "true",
    });
    stackOf(templates, "KinesisStreamStack-test").hasResourceProperties("AWS::Kinesis::Stream", {
      Name: "crypto-price-stream-test",
      ShardCount: 5,
    });
    stackOf(templates, "DataConsumerStack-test").hasResourceProperties("AWS::Lambda::Function", {
      FunctionName: "crypto-data-consumer-test",
      MemorySize: 640,
      ReservedConcurrentExecutions: 20,
    });
  });

  test("send what leaves the private subnets through the firewall", () => {
    const stack = stackOf(templatesOf({ network: "firewalled" }), "FoundationStack-dev");
    stack.hasResourceProperties("AWS::NetworkFirewall::RuleGroup", {
      RuleGroup: {
        RulesSource: {
          RulesSourceList: Match.objectLike({
            Targets: ["api.coinbase.com", "api.exchange.coinbase.com", ".amazonaws.com"],
          }),
        },
      },
    });
    const routes = Object.values(stack.findResources("AWS::EC2::Route"));
    const leadTo = (property: string): number =>
      routes.filter((route) => property in (route["Properties"] as object)).length;
    assert.deepEqual(["VpcEndpointId", "NatGatewayId", "GatewayId"].map(leadTo), [4, 1, 2]);
  });

  test("run the producer as a container", () => {
    const templates = templatesOf({ producer: "ecs", producerImage: "penstock:1" });
    const stack = stackOf(templates, "DataProducerStack-dev");
    stack.hasResourceProperties("AWS::ECS::TaskDefinition", {
      Cpu: "512",
      Memory: "1024",
      ContainerDefinitions: [
        Match.objectLike({ Image: "penstock:1", ReadonlyRootFilesystem: true }),
      ],
    });
    stack.resourceCountIs("AWS::Lambda::Function", 0);
  });

  test("leave out of the sandbox what the emulator lacks, and nothing else", () => {
    const all = resourcesOf(templatesOf({ enrichment: "true" }));
    const left = resourcesOf(templatesOf({ enrichment: "true", profile: "sandbox" }));
    const gone = all.filter((resource) => !left.includes(resource));
    const [alarms, others] = [
      gone.filter((resource) => resource.endsWith("AWS::CloudWatch::Alarm")),
      gone.filter((resource) => !resource.endsWith("AWS::CloudWatch::Alarm")),
    ];
    assert.deepEqual(
      others,
      all.filter((resource) => LEFT_OUT.some((type) => resource.endsWith(` ${type}`))),
    );
    // Of reads and writes together, one for each table.
    assert.equal(alarms.length, 4);
  });
});

/** Returns the logical ids and types of all resources. */
function resourcesOf(templates: Map<string, Template>): string[] {
  return [...templates.values()].flatMap((template) => {
    const { Resources } = template.toJSON() as { Resources: Record<string, { Type: string }> };
    return Object.entries(Resources).map(([id, { Type }]) => `${id} ${Type}`);
  });
}
