/** Names and ARNs that follow from the environment, whichever stack makes the thing. */

import { Aws } from "aws-cdk-lib";
import type * as kms from "aws-cdk-lib/aws-kms";

import { FACTS } from "./facts.ts";
import type { Settings } from "./settings.ts";

/** Returns the name of resource `key` of infra/facts.json in this environment. */
export function named(settings: Settings, key: keyof typeof FACTS.names): string {
  return `${FACTS.names[key]}-${settings.environment}`;
}

/** Returns the name of bucket `key`, which no other account or region can have. */
export function bucketName(settings: Settings, key: "bucket" | "trail" = "bucket"): string {
  const name = FACTS.names[key];
  return `${name}-${Aws.ACCOUNT_ID}-${Aws.REGION}-${settings.environment}`;
}

/** Returns the bucket's ARN, without a slash at its end. */
export function bucketArn(settings: Settings): string {
  return `arn:${Aws.PARTITION}:s3:::${bucketName(settings)}`;
}

/** Returns our own key, and that of an existing stream where it has one. */
export function keyArns({ streamKeyArn }: Settings, key: kms.IKey): readonly string[] {
  return streamKeyArn === "" ? [key.keyArn] : [key.keyArn, streamKeyArn];
}

/** Returns the ARN of log group `name`, without the `:*` of its streams. */
export function logGroupArn(name: string): string {
  return `arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:${name}`;
}
