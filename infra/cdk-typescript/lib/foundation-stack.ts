/** The network, where one is wanted, and the audit trail: both cost by the hour. */

import { Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as cloudtrail from "aws-cdk-lib/aws-cloudtrail";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

import { FACTS } from "./facts.ts";
import { addFirewall } from "./firewall.ts";
import { makeLogGroup } from "./functions.ts";
import { accept } from "./nag.ts";
import { bucketArn, bucketName, named } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface FoundationStackProps extends StackProps {
  readonly settings: Settings;
}

/** VPC with private subnets behind one NAT gateway, and CloudTrail. */
export class FoundationStack extends Stack {
  /** Where the functions run, where they need a network. */
  readonly vpc: ec2.Vpc | undefined;
  readonly #settings: Settings;

  constructor(scope: Construct, id: string, props: FoundationStackProps) {
    super(scope, id, props);
    this.#settings = props.settings;
    if (props.settings.network !== "none") {
      this.vpc = this.#network();
      addEndpoints(this.vpc);
      if (props.settings.network === "firewalled") {
        addFirewall(this, this.vpc, props.settings);
      }
    }
    if (props.settings.audit) {
      this.#trail();
    }
  }

  #network(): ec2.Vpc {
    const facts = FACTS.network;
    const vpc = new ec2.Vpc(this, "Network", {
      vpcName: named(this.#settings, "vpc"),
      ipAddresses: ec2.IpAddresses.cidr(facts.cidr),
      maxAzs: facts.private_subnets.length,
      natGateways: 1,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: "public", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24 },
        { name: "private", subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
      ],
    });
    address(vpc.publicSubnets, facts.public_subnets);
    address(vpc.privateSubnets, facts.private_subnets);
    this.#flowLog(vpc);
    return vpc;
  }

  #flowLog(vpc: ec2.Vpc): void {
    const group = makeLogGroup(
      this,
      "FlowLogGroup",
      `/aws/vpc/${named(this.#settings, "vpc")}`,
      FACTS.network.flow_log_days,
    );
    vpc.addFlowLog("FlowLog", {
      destination: ec2.FlowLogDestination.toCloudWatchLogs(group),
      trafficType: ec2.FlowLogTrafficType.REJECT,
    });
  }

  #trail(): void {
    const trailName = named(this.#settings, "trail");
    const bucket = new s3.Bucket(this, "AuditBucket", {
      bucketName: bucketName(this.#settings, "trail"),
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      lifecycleRules: [
        {
          id: "expiry",
          expiration: Duration.days(FACTS.audit.trail_days),
          noncurrentVersionExpiration: Duration.days(FACTS.bucket.noncurrent_days),
        },
      ],
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(bucket, "S1", "It is the bucket of the access logs");
    const trail = new cloudtrail.Trail(this, "Trail", {
      trailName,
      bucket,
      isMultiRegionTrail: false,
      includeGlobalServiceEvents: true,
      enableFileValidation: true,
    });
    // Who read and wrote which object of the data: 0.10 USD per 100,000.
    trail.addEventSelector(cloudtrail.DataResourceType.S3_OBJECT, [
      `${bucketArn(this.#settings)}/`,
    ]);
  }
}

/** Every form gives the same subnets the same addresses. */
function address(subnets: readonly ec2.ISubnet[], blocks: readonly string[]): void {
  for (const [i, subnet] of subnets.entries()) {
    (subnet.node.defaultChild as ec2.CfnSubnet).cidrBlock = blocks[i];
  }
}

/** Gateways cost nothing, and keep S3 and DynamoDB off the NAT gateway's bill. */
function addEndpoints(vpc: ec2.Vpc): void {
  vpc.addGatewayEndpoint("S3", { service: ec2.GatewayVpcEndpointAwsService.S3 });
  vpc.addGatewayEndpoint("DynamoDb", {
    service: ec2.GatewayVpcEndpointAwsService.DYNAMODB,
  });
}
