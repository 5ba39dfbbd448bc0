/** The stream of the trades, and the key that encrypts it and the topics. */

import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import * as kinesis from "aws-cdk-lib/aws-kinesis";
import * as kms from "aws-cdk-lib/aws-kms";
import type { Construct } from "constructs";

import { FACTS } from "./facts.ts";
import { accept } from "./nag.ts";
import { named } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface KinesisStreamStackProps extends StackProps {
  readonly settings: Settings;
}

/** The Kinesis streams. */
export class KinesisStreamStack extends Stack {
  /** Encrypts the streams and the topics. */
  readonly key: kms.Key;
  /** The trades, one ticker a partition key. */
  readonly stream: kinesis.IStream;
  /** Events to be enriched, where they are. */
  readonly events: kinesis.IStream | undefined;
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, props: KinesisStreamStackProps) {
    super(scope, id, props);
    this.#settings = props.settings;
    this.key = this.#makeKey();
    this.stream = this.#trades();
    if (props.settings.enrichment) {
      this.events = this.#make("EventsStream", named(props.settings, "events_stream"), {
        hours: FACTS.events.retention_hours,
        shards: FACTS.events.shards,
      });
    }
    new CfnOutput(this, "StreamName", { value: this.stream.streamName });
  }

  #makeKey(): kms.Key {
    const key = new kms.Key(this, "Key", {
      alias: `alias/${named(this.#settings, "key")}`,
      description: "Streams and topics of the Penstock pipeline",
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // An alarm publishes to an encrypted topic only with leave of the key itself.
    key.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["kms:Decrypt", "kms:GenerateDataKey"],
        resources: ["*"],
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    );
    return key;
  }

  #trades(): kinesis.IStream {
    const { shards, streamArn } = this.#settings;
    if (streamArn !== "") {
      return kinesis.Stream.fromStreamArn(this, "Stream", streamArn);
    }
    return this.#make("Stream", named(this.#settings, "stream"), {
      hours: FACTS.stream.retention_hours,
      shards,
    });
  }

  #make(id: string, streamName: string, size: { hours: number; shards: number }): kinesis.Stream {
    const provisioned = this.#settings.streamMode === "provisioned";
    const made = new kinesis.Stream(this, id, {
      streamName,
      streamMode: provisioned ? kinesis.StreamMode.PROVISIONED : kinesis.StreamMode.ON_DEMAND,
      ...(provisioned && { shardCount: size.shards }),
      retentionPeriod: Duration.hours(size.hours),
      encryption: kinesis.StreamEncryption.KMS,
      encryptionKey: this.key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(made, "KDS3", "One key of our own for streams and topics, for alarms' sake");
    return made;
  }
}
