/** What wakes somebody, and what that somebody looks at first. */

import { CfnOutput, Duration, Stack, type StackProps } from "aws-cdk-lib";
import * as budgets from "aws-cdk-lib/aws-budgets";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as actions from "aws-cdk-lib/aws-cloudwatch-actions";
import type * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as kinesis from "aws-cdk-lib/aws-kinesis";
import type * as kms from "aws-cdk-lib/aws-kms";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type * as sns from "aws-cdk-lib/aws-sns";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";

import { makeDashboard } from "./dashboard.ts";
import { FACTS } from "./facts.ts";
import { named } from "./names.ts";
import type { Settings } from "./settings.ts";
import { makeTopic } from "./topics.ts";

const LIMITS = FACTS.alarms;

/** What the alarms and the dashboard are about. */
export interface Watched {
  readonly stream: kinesis.IStream;
  readonly bucket: s3.IBucket;
  readonly tables: readonly dynamodb.Table[];
  readonly consumer: lambda.Function;
  /** All functions, the consumer too, by their names in infra/facts.json. */
  readonly functions: Readonly<Record<string, lambda.Function>>;
  /** Events that did not reach the producer, where it has a schedule. */
  readonly queue: sqs.IQueue | undefined;
}

export interface MonitoringStackProps extends StackProps {
  readonly settings: Settings;
  readonly watched: Watched;
  readonly key: kms.IKey;
}

/** An alarm in the words of this stack; it is quiet where no data come. */
interface AlarmProps extends Partial<cloudwatch.AlarmProps> {
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  readonly alarmDescription: string;
}

/** Alarms, their topic, the dashboard and the monthly budget. */
export class MonitoringStack extends Stack {
  readonly #settings: Settings;
  readonly #topic: sns.Topic;
  readonly #alarms: cloudwatch.Alarm[] = [];

  constructor(scope: Construct, id: string, props: MonitoringStackProps) {
    super(scope, id, props);
    const { settings, watched } = props;
    this.#settings = settings;
    this.#topic = this.#makeTopic(props.key);
    for (const [name, one] of Object.entries(watched.functions)) {
      this.#watchFunction(name, one);
    }
    this.#watchConsumer(watched.consumer);
    for (const name of ["consumer", "enrichment"]) {
      const one = watched.functions[name];
      if (one) {
        this.#watchDeadLetters(name, one);
      }
    }
    this.#watchStream(watched.stream);
    if (watched.queue) {
      this.#watchQueue(watched.queue);
    }
    for (const table of watched.tables) {
      this.#watchTable(table);
    }
    this.#watchBucket(watched.bucket);
    this.#summary();
    makeDashboard(this, { settings, watched, alarms: this.#alarms });
    this.#budget();
  }

  #makeTopic(key: kms.IKey): sns.Topic {
    const topic = makeTopic(this, "AlarmTopic", {
      settings: this.#settings,
      name: "alarm_topic",
      displayName: "Crypto pipeline alarms",
      key,
    });
    // The policy that refuses plain HTTP takes the place of SNS's own, which lets the
    // account's alarms publish.
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    );
    new CfnOutput(this, "AlarmTopicArn", { value: topic.topicArn });
    return topic;
  }

  #alarm(name: string, props: AlarmProps): void {
    const isSum = props.metric instanceof cloudwatch.MathExpression;
    if (isSum && this.#settings.profile === "sandbox") {
      return; // the emulator has no metric math
    }
    const alarm = new cloudwatch.Alarm(this, name, {
      alarmName: `crypto-${name}-${this.#settings.environment}`,
      evaluationPeriods: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      ...props,
    });
    alarm.addAlarmAction(new actions.SnsAction(this.#topic));
    alarm.addOkAction(new actions.SnsAction(this.#topic));
    this.#alarms.push(alarm);
  }

  #watchFunction(name: string, watched: lambda.Function): void {
    this.#alarm(`${name}-errors`, {
      metric: watched.metricErrors({ period: period(), statistic: "Sum" }),
      threshold: LIMITS.function_errors,
      alarmDescription: `The ${name} fails; its log says why: penstock logs ${name}`,
    });
    this.#alarm(`${name}-throttles`, {
      metric: watched.metricThrottles({ period: period(), statistic: "Sum" }),
      threshold: LIMITS.function_throttles,
      alarmDescription: `The ${name} is throttled: raise the quota of concurrency, or reserve`,
    });
  }

  #watchConsumer(consumer: lambda.Function): void {
    const metric = consumer.metric("IteratorAge", { period: period(), statistic: "Maximum" });
    const alarmDescription =
      "The consumer falls behind: add shards, or see what it waits for";
    this.#alarm("iterator-age-warn", {
      metric,
      threshold: LIMITS.iterator_age_warn_ms,
      alarmDescription,
    });
    this.#alarm("iterator-age-page", {
      metric,
      threshold: LIMITS.iterator_age_page_ms,
      alarmDescription,
    });
    this.#alarm("consumer-slow", {
      metric: consumer.metricDuration({ period: period(), statistic: "p99" }),
      threshold: LIMITS.latency_p99_ms,
      alarmDescription: "The consumer comes close to its time-out: see which store is slow",
    });
  }

  #watchDeadLetters(name: string, watched: lambda.Function): void {
    this.#alarm(`${name}-dead-letters`, {
      metric: new cloudwatch.Metric({
        namespace: "Penstock",
        metricName: "DeadLetters",
        dimensionsMap: { FunctionName: watched.functionName },
        period: period(),
        statistic: "Sum",
      }),
      threshold: 0,
      alarmDescription: `The ${name} put lines aside that it cannot read, under dead-letter/`,
    });
  }

  #watchQueue(queue: sqs.IQueue): void {
    this.#alarm("schedule-dead-letters", {
      metric: queue.metricApproximateNumberOfMessagesVisible({
        period: period(),
        statistic: "Maximum",
      }),
      threshold: 0,
      alarmDescription: "EventBridge could not call the producer: the queue holds its events",
    });
  }

  #watchStream(stream: kinesis.IStream): void {
    if (this.#settings.producer !== "none") {
      this.#alarm("no-records", {
        metric: stream.metricIncomingRecords({ period: Duration.minutes(1), statistic: "Sum" }),
        threshold: 1,
        alarmDescription: "Nothing arrives: the producer has stopped, or the venue is down",
        evaluationPeriods: LIMITS.quiet_periods,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    }
    this.#alarm("write-throttles", {
      metric: stream.metricWriteProvisionedThroughputExceeded({
        period: period(),
        statistic: "Sum",
      }),
      threshold: LIMITS.write_throttles,
      alarmDescription: "A shard takes no more: add shards, or look for a hot ticker",
    });
    this.#alarm("reader-age", {
      metric: stream.metricGetRecordsIteratorAgeMilliseconds({
        period: period(),
        statistic: "Maximum",
      }),
      threshold: LIMITS.reader_age_ms,
      alarmDescription: "Some reader of some shard falls behind: the consumer, or Firehose",
    });
  }

  #watchTable(table: dynamodb.Table): void {
    const name = table.node.id.replace(/_table$/, "").replace("_table-", "-");
    const throttled = (kind: string): cloudwatch.Metric =>
      table.metric(`${kind}ThrottleEvents`, { period: period(), statistic: "Sum" });
    this.#alarm(`${name}-throttles`, {
      metric: new cloudwatch.MathExpression({
        expression: "reads + writes",
        label: "Throttled requests",
        usingMetrics: { reads: throttled("Read"), writes: throttled("Write") },
        period: period(),
      }),
      threshold: LIMITS.table_throttles,
      alarmDescription: "One ticker may write 1,000 units a second: keep the history coarser",
    });
  }

  #watchBucket(bucket: s3.IBucket): void {
    this.#alarm("bucket-errors", {
      metric: new cloudwatch.Metric({
        namespace: "AWS/S3",
        metricName: "5xxErrors",
        dimensionsMap: { BucketName: bucket.bucketName, FilterId: "EntireBucket" },
        period: period(),
        statistic: "Sum",
      }),
      threshold: LIMITS.bucket_errors,
      alarmDescription: "S3 refuses what is put: see the bucket's metrics",
    });
  }

  #summary(): void {
    const rings = this.#alarms.map((alarm) =>
      cloudwatch.AlarmRule.fromAlarm(alarm, cloudwatch.AlarmState.ALARM),
    );
    new cloudwatch.CompositeAlarm(this, "Health", {
      compositeAlarmName: `crypto-pipeline-health-${this.#settings.environment}`,
      alarmDescription: "Some alarm of the pipeline rings",
      alarmRule: cloudwatch.AlarmRule.anyOf(...rings),
    });
  }

  #budget(): void {
    const { monthly_usd: amount, warn_percent: threshold } = FACTS.budget;
    const { email: address } = this.#settings;
    new budgets.CfnBudget(this, "Budget", {
      budget: {
        budgetName: named(this.#settings, "budget"),
        budgetType: "COST",
        timeUnit: "MONTHLY",
        budgetLimit: { amount, unit: "USD" },
        costFilters: { TagKeyValue: [`user:project$${FACTS.tags.project}`] },
      },
      ...(address !== "" && {
        notificationsWithSubscribers: [
          {
            notification: {
              notificationType: "FORECASTED",
              comparisonOperator: "GREATER_THAN",
              threshold,
              thresholdType: "PERCENTAGE",
            },
            subscribers: [{ address, subscriptionType: "EMAIL" }],
          },
        ],
      }),
    });
  }
}

function period(): Duration {
  return Duration.seconds(LIMITS.period_s);
}
