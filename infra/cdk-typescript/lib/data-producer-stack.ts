/** Where the trades come from: a function each minute, or a container. */

import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as events from "aws-cdk-lib/aws-events";
import * as targets from "aws-cdk-lib/aws-events-targets";
import type * as kinesis from "aws-cdk-lib/aws-kinesis";
import type * as kms from "aws-cdk-lib/aws-kms";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as logs from "aws-cdk-lib/aws-logs";
import * as sqs from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";

import { type Arns, FACTS, policy, type PolicyDocument } from "./facts.ts";
import { makeFunction, makeLogGroup, makeRole, neverAgain } from "./functions.ts";
import { accept } from "./nag.ts";
import { keyArns, named } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface DataProducerStackProps extends StackProps {
  readonly settings: Settings;
  readonly stream: kinesis.IStream;
  readonly key: kms.IKey;
  readonly vpc: ec2.IVpc | undefined;
}

/** The producer that `settings.producer` names. */
export class DataProducerStack extends Stack {
  /** The producer, where it is a function. */
  readonly function: lambda.Function | undefined;
  /** Events that did not reach the function, where there is one. */
  readonly queue: sqs.Queue | undefined;
  readonly #settings: Settings;
  readonly #stream: kinesis.IStream;
  readonly #arns: Arns;

  constructor(scope: Construct, id: string, props: DataProducerStackProps) {
    super(scope, id, props);
    this.#settings = props.settings;
    this.#stream = props.stream;
    this.#arns = {
      stream: props.stream.streamArn,
      key: keyArns(props.settings, props.key),
    };
    if (props.settings.producer === "lambda") {
      this.function = this.#polling(props.vpc);
      this.queue = this.#makeQueue();
      this.#schedule(this.function, this.queue);
    } else if (props.settings.producer === "ecs") {
      this.#service(props.vpc);
    }
  }

  #polling(vpc: ec2.IVpc | undefined): lambda.Function {
    const producer = makeFunction(this, "producer", {
      settings: this.#settings,
      timeoutS: this.#settings.timeoutS,
      environment: {
        STREAM_NAME: this.#stream.streamName,
        SYMBOLS: FACTS.producer.symbols.join(","),
      },
      arns: this.#arns,
      vpc,
    });
    neverAgain(producer);
    new CfnOutput(this, "ProducerFunctionName", { value: producer.functionName });
    return producer;
  }

  #schedule(producer: lambda.Function, deadLetterQueue: sqs.Queue): void {
    const facts = FACTS.producer;
    new events.Rule(this, "Schedule", {
      ruleName: named(this.#settings, "schedule"),
      description: "Polls the prices each minute",
      schedule: events.Schedule.expression(facts.schedule),
      targets: [
        new targets.LambdaFunction(producer, {
          deadLetterQueue,
          retryAttempts: facts.schedule_retries,
          maxEventAge: Duration.seconds(facts.schedule_age_s),
        }),
      ],
    });
  }

  /** What EventBridge could not hand over within its retries waits to be looked at. */
  #makeQueue(): sqs.Queue {
    const queue = new sqs.Queue(this, "ScheduleQueue", {
      queueName: named(this.#settings, "schedule_queue"),
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(FACTS.producer.queue_retention_days),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(queue, "SQS3", "It is the dead-letter queue");
    return queue;
  }

  #service(vpc: ec2.IVpc | undefined): void {
    const name = named(this.#settings, "service");
    const network = vpc ?? this.#publicNetwork();
    const cluster = new ecs.Cluster(this, "Cluster", {
      clusterName: name,
      vpc: network,
      containerInsightsV2: ecs.ContainerInsights.ENABLED,
    });
    new ecs.FargateService(this, "Service", {
      serviceName: name,
      cluster,
      taskDefinition: this.#task(),
      desiredCount: 1,
      assignPublicIp: vpc === undefined,
      // Two producers of one market would only double the records.
      minHealthyPercent: 0,
      maxHealthyPercent: 100,
      circuitBreaker: { rollback: true },
      securityGroups: [this.#outwardOnly(network)],
    });
  }

  #task(): ecs.FargateTaskDefinition {
    const facts = FACTS.producer;
    const name = named(this.#settings, "service");
    const logGroup = makeLogGroup(this, "ServiceLog", `/ecs/${name}`);
    const may = policy("service", this.#arns);
    const task = new ecs.FargateTaskDefinition(this, "Task", {
      family: name,
      cpu: facts.task_cpu,
      memoryLimitMiB: facts.task_memory_mb,
      taskRole: makeRole(this, "TaskRole", name, "ecs-tasks", may),
      executionRole: makeRole(
        this,
        "ExecutionRole",
        `${name}-start`,
        "ecs-tasks",
        logging(logGroup),
      ),
    });
    accept(task, "ECS2", "The stream's name is no secret");
    task.addContainer("producer", {
      image: ecs.ContainerImage.fromRegistry(this.#settings.producerImage),
      command: facts.mock_command,
      environment: { STREAM_NAME: this.#stream.streamName },
      logging: ecs.LogDriver.awsLogs({ streamPrefix: "producer", logGroup }),
      readonlyRootFilesystem: true,
    });
    return task;
  }

  /**
   * Fargate runs in a VPC always; without one of the foundation, in public subnets,
   * which need no NAT gateway to reach out.
   */
  #publicNetwork(): ec2.Vpc {
    const facts = FACTS.network;
    const network = new ec2.Vpc(this, "Network", {
      vpcName: named(this.#settings, "service"),
      ipAddresses: ec2.IpAddresses.cidr(facts.cidr),
      maxAzs: facts.public_subnets.length,
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: "public", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24 },
      ],
    });
    accept(network, "VPC7", "One task lives here, which nobody can call");
    return network;
  }

  #outwardOnly(vpc: ec2.IVpc): ec2.SecurityGroup {
    const group = new ec2.SecurityGroup(this, "Outward", {
      vpc,
      description: "The producer calls out, and nobody calls it",
      allowAllOutbound: false,
    });
    group.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), "HTTPS");
    return group;
  }
}

function logging(group: logs.ILogGroup): PolicyDocument {
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
        Resource: [group.logGroupArn],
      },
    ],
  };
}
