"""The network, where one is wanted, and the audit trail: both cost by the hour."""

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from penstock_cdk.facts import FACTS
from penstock_cdk.firewall import add_firewall
from penstock_cdk.functions import log_group
from penstock_cdk.nag import accept
from penstock_cdk.names import bucket_arn, bucket_name
from penstock_cdk.settings import Settings

__all__ = ["FoundationStack"]


class FoundationStack(Stack):
    """VPC with private subnets behind one NAT gateway, and CloudTrail.

    Attributes:
        vpc: None where the functions need none.
    """

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, **kwargs: object
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self._settings = settings
        self.vpc: ec2.Vpc | None = None
        if settings.network != "none":
            self.vpc = self._network()
            self._endpoints(self.vpc)
            if settings.network == "firewalled":
                add_firewall(self, self.vpc, settings)
        if settings.audit:
            self._trail()

    def _network(self) -> ec2.Vpc:
        facts = FACTS["network"]
        kinds = [
            ("public", ec2.SubnetType.PUBLIC),
            ("private", ec2.SubnetType.PRIVATE_WITH_EGRESS),
        ]
        vpc = ec2.Vpc(
            self,
            "Network",
            vpc_name=self._settings.named("vpc"),
            ip_addresses=ec2.IpAddresses.cidr(facts["cidr"]),
            max_azs=len(facts["private_subnets"]),
            nat_gateways=1,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=24)
                for name, kind in kinds
            ],
        )
        self._address(vpc.public_subnets, facts["public_subnets"])
        self._address(vpc.private_subnets, facts["private_subnets"])
        self._flow_log(vpc)
        return vpc

    def _address(self, subnets: list[ec2.ISubnet], blocks: list[str]) -> None:
        # Every form gives the same subnets the same addresses.
        for subnet, block in zip(subnets, blocks, strict=True):
            cfn = subnet.node.default_child
            assert isinstance(cfn, ec2.CfnSubnet)  # noqa: S101 - tells mypy
            cfn.cidr_block = block

    def _flow_log(self, vpc: ec2.Vpc) -> None:
        name = self._settings.named("vpc")
        group = log_group(self, "FlowLogGroup", f"/aws/vpc/{name}")
        cfn = group.node.default_child
        assert isinstance(cfn, logs.CfnLogGroup)  # noqa: S101 - tells mypy
        cfn.retention_in_days = FACTS["network"]["flow_log_days"]
        vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    def _endpoints(self, vpc: ec2.Vpc) -> None:
        # Gateways cost nothing, and keep S3 and DynamoDB off the NAT gateway's bill.
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        vpc.add_gateway_endpoint(
            "DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB
        )

    def _trail(self) -> None:
        name = self._settings.named("trail")
        bucket = s3.Bucket(
            self,
            "AuditBucket",
            bucket_name=bucket_name(self._settings, "trail"),
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=True,
            lifecycle_rules=[_expiry()],
            removal_policy=RemovalPolicy.DESTROY,
        )
        accept(bucket, "S1", "It is the bucket of the access logs")
        trail = cloudtrail.Trail(
            self,
            "Trail",
            trail_name=name,
            bucket=bucket,
            is_multi_region_trail=False,
            include_global_service_events=True,
            enable_file_validation=True,
        )
        # Who read and wrote which object of the data: 0.10 USD per 100,000.
        trail.add_event_selector(
            cloudtrail.DataResourceType.S3_OBJECT, [f"{bucket_arn(self._settings)}/"]
        )


def _expiry() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="expiry",
        expiration=Duration.days(FACTS["audit"]["trail_days"]),
        noncurrent_version_expiration=Duration.days(FACTS["bucket"]["noncurrent_days"]),
    )
