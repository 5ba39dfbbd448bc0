"""A Lambda function as this pipeline makes them: own log, own role, nothing more."""

from pathlib import Path
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from penstock_cdk.facts import FACTS, INFRA, policy
from penstock_cdk.nag import accept, accept_stars
from penstock_cdk.names import log_group_arn
from penstock_cdk.settings import Settings, SettingsError

__all__ = ["function", "log_group", "never_again", "role"]

_IN_VPC = "service-role/AWSLambdaVPCAccessExecutionRole"
_CODE = INFRA.parent / "dist" / "lambda"


def function(
    scope: Construct,
    name: str,
    *,
    settings: Settings,
    timeout_s: int,
    environment: dict[str, str],
    arns: dict[str, str | list[str]],
    vpc: ec2.IVpc | None = None,
    reserved: int | None = None,
) -> lambda_.Function:
    """Make the function `name` of infra/facts.json, as one that may do its policy.

    Raises:
        SettingsError: Its zip has not been made.
    """
    full_name = settings.named(name)
    group_name = f"/aws/lambda/{full_name}"
    group = log_group(scope, f"{name}-log", group_name)
    arns = {**arns, "log_group": log_group_arn(group_name)}
    made = lambda_.Function(
        scope,
        name,
        function_name=full_name,
        description=f"Penstock's {name} ({settings.environment})",
        runtime=lambda_.Runtime(f"python{settings.python}"),
        architecture=_architecture(settings),
        handler=f"data_{name}_lambda.handler",
        code=_code(name, settings),
        memory_size=settings.memory_mb,
        timeout=Duration.seconds(timeout_s),
        environment={"PENSTOCK_CONFIG": settings.penstock_config, **environment},
        log_group=group,
        role=role(
            scope, f"{name}-role", full_name, "lambda", policy(name, arns), vpc=vpc
        ),
        vpc=vpc,
        vpc_subnets=_private(vpc),
        reserved_concurrent_executions=reserved,
    )
    accept(made, "L1", "The zip is built and tested for this version of Python")
    return made


def never_again(made: lambda_.Function) -> None:
    """Leave what `made` failed at, or came too late for, to its next schedule."""
    made.configure_async_invoke(
        retry_attempts=0,
        max_event_age=Duration.seconds(FACTS["producer"]["schedule_age_s"]),
    )


def log_group(scope: Construct, id_: str, name: str) -> logs.LogGroup:
    """Make a log group that goes with its stack, and forgets in time."""
    days = logs.RetentionDays.THIRTEEN_MONTHS
    group = logs.LogGroup(
        scope,
        id_,
        log_group_name=name,
        retention=days,
        removal_policy=RemovalPolicy.DESTROY,
    )
    cfn = group.node.default_child
    assert isinstance(cfn, logs.CfnLogGroup)  # noqa: S101 - tells mypy
    cfn.retention_in_days = FACTS["functions"]["log_retention_days"]
    return group


def role(
    scope: Construct,
    id_: str,
    name: str,
    service: str,
    document: dict[str, Any],
    *,
    vpc: ec2.IVpc | None = None,
) -> iam.Role:
    """Make a role for `service` that may do what `document` says, and no more."""
    made = iam.Role(
        scope,
        id_,
        role_name=name,
        assumed_by=iam.ServicePrincipal(f"{service}.amazonaws.com"),
        inline_policies={"penstock": iam.PolicyDocument.from_json(document)},
    )
    accept_stars(made, document)
    if vpc is not None:
        accept(
            made,
            f"IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_IN_VPC}]",
            "AWS keeps up to date what a function in a VPC needs",
        )
        made.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name(_IN_VPC))
    return made


def _architecture(settings: Settings) -> lambda_.Architecture:
    if settings.architecture == "arm64":
        return lambda_.Architecture.ARM_64
    return lambda_.Architecture.X86_64


def _code(name: str, settings: Settings) -> lambda_.Code:
    path = Path(settings.code_dir or _CODE) / f"{name}.zip"
    if not path.is_file():
        raise SettingsError(
            f"{path}: the code of the {name} is not there. Make it first:"
            f" penstock package --target lambda --arch {settings.architecture}"
            f" --python {settings.python}"
        )
    return lambda_.Code.from_asset(str(path))


def _private(vpc: ec2.IVpc | None) -> ec2.SubnetSelection | None:
    if vpc is None:
        return None
    return ec2.SubnetSelection(subnets=vpc.private_subnets)
