/** What is done with the trades: tables, topic, and the functions that decide. */

import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import type * as ec2 from "aws-cdk-lib/aws-ec2";
import * as events from "aws-cdk-lib/aws-events";
import * as targets from "aws-cdk-lib/aws-events-targets";
import type * as kinesis from "aws-cdk-lib/aws-kinesis";
import type * as kms from "aws-cdk-lib/aws-kms";
import * as lambda from "aws-cdk-lib/aws-lambda";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type * as sns from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";

import { hasThreshold } from "./config.ts";
import { type Arns, FACTS } from "./facts.ts";
import { type FunctionName, makeFunction, neverAgain } from "./functions.ts";
import { bucketArn, keyArns, named } from "./names.ts";
import { consumers, type Settings } from "./settings.ts";
import { makeTables, type Tables } from "./tables.ts";
import { makeTopic } from "./topics.ts";

export interface DataConsumerStackProps extends StackProps {
  readonly settings: Settings;
  readonly stream: kinesis.IStream;
  readonly eventsStream: kinesis.IStream | undefined;
  readonly bucket: s3.IBucket;
  readonly key: kms.IKey;
  readonly vpc: ec2.IVpc | undefined;
}

/** The consumer, the sweeper, and what they write; the enrichment where wanted. */
export class DataConsumerStack extends Stack {
  readonly tables: Tables;
  /** Where alerts go. */
  readonly topic: sns.Topic;
  readonly consumer: lambda.Function;
  readonly sweeper: lambda.Function;
  /** There where events are enriched. */
  readonly enrichment: lambda.Function | undefined;
  readonly #props: DataConsumerStackProps;

  constructor(scope: Construct, id: string, props: DataConsumerStackProps) {
    super(scope, id, props);
    this.#props = props;
    this.tables = makeTables(this, props.settings);
    this.topic = makeTopic(this, "Topic", {
      settings: props.settings,
      name: "topic",
      displayName: "Crypto price alerts",
      key: props.key,
    });
    this.consumer = this.#makeConsumer();
    this.sweeper = this.#makeSweeper();
    if (props.eventsStream) {
      this.enrichment = this.#makeEnrichment(props.eventsStream);
    }
    new CfnOutput(this, "FunctionName", { value: this.consumer.functionName });
    new CfnOutput(this, "TableName", { value: this.tables.history.tableName });
    new CfnOutput(this, "TopicArn", { value: this.topic.topicArn });
  }

  #makeConsumer(): lambda.Function {
    const { settings, stream } = this.#props;
    const consumer = this.#function("consumer", {
      timeoutS: FACTS.functions.consumer_timeout_s,
      reserved: settings.reserveConcurrency ? consumers(settings) : undefined,
    });
    const target =
      settings.provisionedConcurrency === 0
        ? consumer
        : new lambda.Alias(this, "Warm", {
            aliasName: "warm",
            version: consumer.currentVersion,
            provisionedConcurrentExecutions: settings.provisionedConcurrency,
          });
    this.#feed("ConsumerSource", FACTS.consumer, target.functionArn, consumer, stream);
    return consumer;
  }

  #makeEnrichment(stream: kinesis.IStream): lambda.Function {
    const made = this.#function("enrichment");
    this.#feed("EnrichmentSource", FACTS.enrichment, made.functionArn, made, stream);
    return made;
  }

  #makeSweeper(): lambda.Function {
    const made = this.#function("sweeper");
    neverAgain(made);
    new events.Rule(this, "SweepSchedule", {
      ruleName: named(this.#props.settings, "sweep_schedule"),
      description: "Delivers what a crash left in an outbox",
      schedule: events.Schedule.expression(FACTS.sweeper.schedule),
      targets: [new targets.LambdaFunction(made)],
    });
    return made;
  }

  #function(
    name: FunctionName,
    own: { readonly timeoutS?: number; readonly reserved?: number | undefined } = {},
  ): lambda.Function {
    const { settings, vpc } = this.#props;
    return makeFunction(this, name, {
      settings,
      timeoutS: settings.timeoutS,
      environment: this.#variables(),
      arns: this.#resources(),
      vpc,
      ...own,
    });
  }

  #variables(): Record<string, string> {
    const { settings, stream, bucket } = this.#props;
    return {
      STREAM_NAME: stream.streamName,
      BUCKET_NAME: bucket.bucketName,
      SNS_TOPIC_ARN: this.topic.topicArn,
      DYNAMO_TABLE_NAME: this.tables.history.tableName,
      STATE_TABLE_NAME: this.tables.state.tableName,
      POSITIONS_TABLE_NAME: this.tables.positions.tableName,
      // It is the price of one alert: settings that have one say it themselves.
      ...(!hasThreshold(settings) && { PRICE_THRESHOLD: String(settings.priceThreshold) }),
    };
  }

  #resources(): Arns {
    const { settings, stream, eventsStream, key } = this.#props;
    return {
      stream: stream.streamArn,
      bucket: bucketArn(settings),
      key: keyArns(settings, key),
      topic: this.topic.topicArn,
      history_table: this.tables.history.tableArn,
      state_table: this.tables.state.tableArn,
      positions_table: this.tables.positions.tableArn,
      lookup_tables: this.tables.lookups.map((table) => table.tableArn),
      ...(eventsStream && { events_stream: eventsStream.streamArn }),
    };
  }

  /**
   * A line that is no trade never fails a batch, so what fails is a store that is
   * away: the consumer comes back until it answers, or a decision would be lost.
   */
  #feed(
    id: string,
    facts: typeof FACTS.consumer,
    functionName: string,
    made: lambda.Function,
    stream: kinesis.IStream,
  ): void {
    const source = new lambda.CfnEventSourceMapping(this, id, {
      functionName,
      eventSourceArn: stream.streamArn,
      startingPosition: "TRIM_HORIZON",
      batchSize: facts.batch_size,
      maximumBatchingWindowInSeconds: facts.window_s,
      maximumRetryAttempts: facts.retries,
      maximumRecordAgeInSeconds: facts.record_age_s,
      parallelizationFactor: facts.parallelization_factor,
      bisectBatchOnFunctionError: true,
      functionResponseTypes: ["ReportBatchItemFailures"],
      destinationConfig: { onFailure: { destination: this.#props.bucket.bucketArn } },
    });
    // Lambda tries the role's rights when the mapping is made.
    source.node.addDependency(made);
  }
}
