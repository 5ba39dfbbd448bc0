/** The bucket of everything that is kept: raw data, trades, dead letters. */

import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

import { FACTS } from "./facts.ts";
import { accept } from "./nag.ts";
import { bucketName } from "./names.ts";
import { isProd, type Settings } from "./settings.ts";

/** Of objects under one prefix; after so many days each. */
interface Part {
  readonly prefix: string;
  readonly infrequent_days?: number;
  readonly glacier_days?: number;
  readonly expire_days: number;
}

const { noncurrent_days, unfinished_days } = FACTS.bucket;
const PARTS: readonly (readonly [string, Part])[] = [
  ["raw", FACTS.bucket.raw],
  ["enriched", FACTS.bucket.enriched],
  ["completed", FACTS.bucket.completed],
  ["dead-letter", FACTS.bucket.dead_letter],
  ["failed-batches", FACTS.bucket.failed_batches],
  ["failed-deliveries", FACTS.bucket.failed_deliveries],
  ["results", FACTS.bucket.results],
];

export interface S3BucketStackProps extends StackProps {
  readonly settings: Settings;
}

/** The S3 bucket. */
export class S3BucketStack extends Stack {
  /** Private, encrypted, versioned, reached by TLS alone. */
  readonly bucket: s3.Bucket;

  constructor(scope: Construct, id: string, props: S3BucketStackProps) {
    super(scope, id, props);
    this.bucket = new s3.Bucket(this, "Bucket", {
      bucketName: bucketName(props.settings),
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      lifecycleRules: [...PARTS.map(([name, part]) => rule(name, part)), leftovers()],
      metrics: [{ id: "EntireBucket" }],
      // A bucket that still holds anything is not deleted, whatever this says.
      removalPolicy: isProd(props.settings) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    accept(
      this.bucket,
      "S1",
      "Who reads and writes is kept by CloudTrail, with the switch audit; access logs" +
        " would cost more than the data",
    );
    new CfnOutput(this, "BucketName", { value: this.bucket.bucketName });
  }
}

function rule(id: string, part: Part): s3.LifecycleRule {
  const classes = [
    [s3.StorageClass.INFREQUENT_ACCESS, part.infrequent_days],
    [s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, part.glacier_days],
  ] as const;
  return {
    id,
    prefix: part.prefix,
    transitions: classes.flatMap(([storageClass, days]) =>
      days === undefined ? [] : [{ storageClass, transitionAfter: Duration.days(days) }],
    ),
    expiration: Duration.days(part.expire_days),
  };
}

function leftovers(): s3.LifecycleRule {
  return {
    id: "leftovers",
    expiredObjectDeleteMarker: true,
    noncurrentVersionExpiration: Duration.days(noncurrent_days),
    abortIncompleteMultipartUploadAfter: Duration.days(unfinished_days),
  };
}
