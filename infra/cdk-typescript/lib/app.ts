/** All stacks of one deployment, and how they hang together. */

import { type App, Tags, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";

import { AnalyticsStack } from "./analytics-stack.ts";
import { DataConsumerStack } from "./data-consumer-stack.ts";
import { DataProducerStack } from "./data-producer-stack.ts";
import { FACTS } from "./facts.ts";
import { FoundationStack } from "./foundation-stack.ts";
import { KinesisStreamStack } from "./kinesis-stream-stack.ts";
import { MonitoringStack } from "./monitoring-stack.ts";
import { S3BucketStack } from "./s3-bucket-stack.ts";
import { leaveOut } from "./sandbox.ts";
import { readSettings, type Settings, type Where } from "./settings.ts";

/**
 * Writes the templates of what the context of `app` asks for.
 *
 * @param where Where they are to be deployed; "" where that is not known.
 * @throws SettingsError Something is asked for that cannot be deployed.
 * @throws Error A rule of cdk-nag's AwsSolutions is broken, which is written.
 */
export function synthesise(app: App, where: Where): void {
  build(app, readSettings(app, where));
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
}

/** Adds the stacks that `settings` ask for to `app`, tagged. */
export function build(app: App, settings: Settings): void {
  const named = (stack: string): string => `${stack}-${settings.environment}`;
  const common = {
    settings,
    env: {
      ...(settings.account && { account: settings.account }),
      ...(settings.region && { region: settings.region }),
    },
  };

  const vpc =
    settings.network !== "none" || settings.audit
      ? new FoundationStack(app, named("FoundationStack"), common).vpc
      : undefined;
  const { stream, events, key } = new KinesisStreamStack(
    app,
    named("KinesisStreamStack"),
    common,
  );
  const { bucket } = new S3BucketStack(app, named("S3BucketStack"), common);
  const { consumer, sweeper, enrichment, tables } = new DataConsumerStack(
    app,
    named("DataConsumerStack"),
    { ...common, stream, eventsStream: events, bucket, key, vpc },
  );
  const producer =
    settings.producer === "none"
      ? undefined
      : new DataProducerStack(app, named("DataProducerStack"), { ...common, stream, key, vpc });
  if (settings.analytics) {
    new AnalyticsStack(app, named("AnalyticsStack"), { ...common, stream, bucket, key });
  }
  new MonitoringStack(app, named("MonitoringStack"), {
    ...common,
    key,
    watched: {
      stream,
      bucket,
      tables: [tables.history, tables.state, tables.positions, ...tables.lookups],
      consumer,
      queue: producer?.queue,
      functions: {
        consumer,
        sweeper,
        ...(enrichment && { enrichment }),
        ...(producer?.function && { producer: producer.function }),
      },
    },
  });

  Tags.of(app).add("owner", settings.owner);
  Tags.of(app).add("project", FACTS.tags.project);
  Tags.of(app).add("environment", settings.environment);
  if (settings.profile === "sandbox") {
    leaveOut(app);
  }
}
