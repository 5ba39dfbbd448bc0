/** A Lambda function as this pipeline makes them: own log, own role, nothing more. */

import { existsSync } from "node:fs";
import { join } from "node:path";

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import type * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";

import { penstockConfig } from "./config.ts";
import { type Arns, FACTS, INFRA, policy, type PolicyDocument } from "./facts.ts";
import { accept, acceptStars } from "./nag.ts";
import { logGroupArn, named } from "./names.ts";
import { type Settings, SettingsError } from "./settings.ts";

const IN_VPC = "service-role/AWSLambdaVPCAccessExecutionRole";
const CODE = join(INFRA, "..", "dist", "lambda");

export type FunctionName = "producer" | "consumer" | "enrichment" | "sweeper";

export interface FunctionProps {
  readonly settings: Settings;
  readonly timeoutS: number;
  readonly environment: Readonly<Record<string, string>>;
  /** What the placeholders of its policy stand for. */
  readonly arns: Arns;
  readonly vpc: ec2.IVpc | undefined;
  /** How many invocations are reserved for it. */
  readonly reserved?: number | undefined;
}

/**
 * Makes the function `name` of infra/facts.json, as one that may do its policy.
 *
 * @throws SettingsError Its zip has not been made.
 */
export function makeFunction(
  scope: Construct,
  name: FunctionName,
  props: FunctionProps,
): lambda.Function {
  const { settings, vpc } = props;
  const fullName = named(settings, name);
  const groupName = `/aws/lambda/${fullName}`;
  const logGroup = makeLogGroup(scope, `${name}-log`, groupName);
  const document = policy(name, { ...props.arns, log_group: logGroupArn(groupName) });
  const made = new lambda.Function(scope, name, {
    functionName: fullName,
    description: `Penstock's ${name} (${settings.environment})`,
    runtime: new lambda.Runtime(`python${settings.python}`),
    architecture:
      settings.architecture === "arm64"
        ? lambda.Architecture.ARM_64
        : lambda.Architecture.X86_64,
    handler: `data_${name}_lambda.handler`,
    code: code(name, settings),
    memorySize: settings.memoryMb,
    timeout: Duration.seconds(props.timeoutS),
    environment: { PENSTOCK_CONFIG: penstockConfig(settings), ...props.environment },
    logGroup,
    role: makeRole(scope, `${name}-role`, fullName, "lambda", document, vpc),
    ...(vpc && { vpc, vpcSubnets: { subnets: vpc.privateSubnets } }),
    reservedConcurrentExecutions: props.reserved,
  });
  accept(made, "L1", "The zip is built and tested for this version of Python");
  return made;
}

/** Leaves what `made` failed at, or came too late for, to its next schedule. */
export function neverAgain(made: lambda.Function): void {
  made.configureAsyncInvoke({
    retryAttempts: 0,
    maxEventAge: Duration.seconds(FACTS.producer.schedule_age_s),
  });
}

/** Makes a log group that goes with its stack, and forgets in time. */
export function makeLogGroup(
  scope: Construct,
  id: string,
  logGroupName: string,
  days: number = FACTS.functions.log_retention_days,
): logs.LogGroup {
  return new logs.LogGroup(scope, id, {
    logGroupName,
    retention: days,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

/** Makes a role for `service` that may do what `document` says, and no more. */
export function makeRole(
  scope: Construct,
  id: string,
  roleName: string,
  service: string,
  document: PolicyDocument,
  vpc?: ec2.IVpc,
): iam.Role {
  const made = new iam.Role(scope, id, {
    roleName,
    assumedBy: new iam.ServicePrincipal(`${service}.amazonaws.com`),
    inlinePolicies: { penstock: iam.PolicyDocument.fromJson(document) },
  });
  acceptStars(made, document);
  if (vpc) {
    accept(
      made,
      `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${IN_VPC}]`,
      "AWS keeps up to date what a function in a VPC needs",
    );
    made.addManagedPolicy(iam.ManagedPolicy.fromAwsManagedPolicyName(IN_VPC));
  }
  return made;
}

function code(name: FunctionName, settings: Settings): lambda.Code {
  const path = join(settings.codeDir || CODE, `${name}.zip`);
  if (!existsSync(path)) {
    throw new SettingsError(
      `${path}: the code of the ${name} is not there. Make it first:` +
        ` penstock package --target lambda --arch ${settings.architecture}` +
        ` --python ${settings.python}`,
    );
  }
  return lambda.Code.fromAsset(path);
}
