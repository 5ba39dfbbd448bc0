"""Where the trades come from: a function each minute, or a container."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from penstock_cdk.facts import FACTS, policy
from penstock_cdk.functions import function, log_group, never_again, role
from penstock_cdk.nag import accept
from penstock_cdk.names import key_arns
from penstock_cdk.settings import Settings

__all__ = ["DataProducerStack"]


class DataProducerStack(Stack):
    """The producer that `settings.producer` names.

    Attributes:
        function: The producer, None unless it is a function.
        queue: Events that did not reach the function; None without one.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        stream: kinesis.IStream,
        key: kms.IKey,
        vpc: ec2.IVpc | None,
        **kwargs: object,
    ) -> None:
        super().__init__(scope, id_, **kwargs)  # type: ignore[arg-type]
        self._settings = settings
        self._arns: dict[str, str | list[str]] = {
            "stream": stream.stream_arn,
            "key": key_arns(settings, key),
        }
        self.function: lambda_.Function | None = None
        self.queue: sqs.Queue | None = None
        if settings.producer == "lambda":
            self.function = self._scheduled(stream, vpc)
        elif settings.producer == "ecs":
            self._service(stream, vpc)

    def _scheduled(
        self, stream: kinesis.IStream, vpc: ec2.IVpc | None
    ) -> lambda_.Function:
        facts = FACTS["producer"]
        producer = function(
            self,
            "producer",
            settings=self._settings,
            timeout_s=self._settings.timeout_s,
            environment={
                "STREAM_NAME": stream.stream_name,
                "SYMBOLS": ",".join(facts["symbols"]),
            },
            arns=self._arns,
            vpc=vpc,
        )
        never_again(producer)
        # What EventBridge could not hand over within its retries waits to be looked at.
        self.queue = queue = sqs.Queue(
            self,
            "ScheduleQueue",
            queue_name=self._settings.named("schedule_queue"),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(facts["queue_retention_days"]),
            removal_policy=RemovalPolicy.DESTROY,
        )
        accept(queue, "SQS3", "It is the dead-letter queue")
        events.Rule(
            self,
            "Schedule",
            rule_name=self._settings.named("schedule"),
            description="Polls the prices each minute",
            schedule=events.Schedule.expression(facts["schedule"]),
            targets=[
                targets.LambdaFunction(
                    producer,
                    dead_letter_queue=queue,
                    retry_attempts=facts["schedule_retries"],
                    max_event_age=Duration.seconds(facts["schedule_age_s"]),
                )
            ],
        )
        CfnOutput(self, "ProducerFunctionName", value=producer.function_name)
        return producer

    def _service(self, stream: kinesis.IStream, vpc: ec2.IVpc | None) -> None:
        name = self._settings.named("service")
        network = vpc or self._public_network()
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=name,
            vpc=network,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        ecs.FargateService(
            self,
            "Service",
            service_name=name,
            cluster=cluster,
            task_definition=self._task(stream),
            desired_count=1,
            assign_public_ip=vpc is None,
            # Two producers of one market would only double the records.
            min_healthy_percent=0,
            max_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            security_groups=[self._outward_only(network)],
        )

    def _task(self, stream: kinesis.IStream) -> ecs.FargateTaskDefinition:
        facts = FACTS["producer"]
        name = self._settings.named("service")
        group = log_group(self, "ServiceLog", f"/ecs/{name}")
        execution = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": [group.log_group_arn],
                }
            ],
        }
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=name,
            cpu=facts["task_cpu"],
            memory_limit_mib=facts["task_memory_mb"],
            task_role=role(
                self, "TaskRole", name, "ecs-tasks", policy("service", self._arns)
            ),
            execution_role=role(
                self, "ExecutionRole", f"{name}-start", "ecs-tasks", execution
            ),
        )
        accept(task, "ECS2", "The stream's name is no secret")
        task.add_container(
            "producer",
            image=ecs.ContainerImage.from_registry(self._settings.producer_image),
            command=facts["mock_command"],
            environment={"STREAM_NAME": stream.stream_name},
            logging=ecs.LogDriver.aws_logs(stream_prefix="producer", log_group=group),
            readonly_root_filesystem=True,
        )
        return task

    def _public_network(self) -> ec2.Vpc:
        # Fargate runs in a VPC always; without one of the foundation, in public
        # subnets, which need no NAT gateway to reach out.
        facts = FACTS["network"]
        network = ec2.Vpc(
            self,
            "Network",
            vpc_name=self._settings.named("service"),
            ip_addresses=ec2.IpAddresses.cidr(facts["cidr"]),
            max_azs=len(facts["public_subnets"]),
            nat_gateways=0,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24
                )
            ],
        )
        accept(network, "VPC7", "One task lives here, which nobody can call")
        return network

    def _outward_only(self, vpc: ec2.IVpc) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "Outward",
            vpc=vpc,
            description="The producer calls out, and nobody calls it",
            allow_all_outbound=False,
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS")
        return group
