"""What produces, value by value: the function each minute, or the container."""

import pytest

from tests.infra.templates import text_of

STACK = "DataProducerStack"


@pytest.fixture
def stack(ours):
    return ours.stack("default", STACK)


def test_the_function_polls_each_minute(stack):
    function = stack.one("Lambda::Function")
    assert function["FunctionName"] == "crypto-data-producer-dev"
    assert (function["MemorySize"], function["Timeout"]) == (256, 60)
    assert function["Handler"] == "data_producer_lambda.handler"
    variables = function["Environment"]["Variables"]
    assert {key: text_of(value) for key, value in variables.items()} == {
        "PENSTOCK_CONFIG": '{"aws":{"environment":"dev"}}',
        "STREAM_NAME": "<Stream>",
        "SYMBOLS": "BTC-USD",
    }
    rule = stack.one("Events::Rule")
    assert rule["Name"] == "every-minute-trigger-dev"
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    (target,) = rule["Targets"]
    assert text_of(target["Arn"]) == "<producer.Arn>"
    assert text_of(target["DeadLetterConfig"]["Arn"]) == "<ScheduleQueue.Arn>"
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 240,
        "MaximumRetryAttempts": 9,
    }


def test_a_minute_that_failed_is_left_to_the_next(stack):
    again = stack.one("Lambda::EventInvokeConfig")
    assert (again["MaximumRetryAttempts"], again["MaximumEventAgeInSeconds"]) == (
        0,
        240,
    )


def test_the_rule_alone_may_call_the_function_and_fill_the_queue(stack):
    permission = stack.one("Lambda::Permission")
    assert permission["Action"] == "lambda:InvokeFunction"
    assert permission["Principal"] == "events.amazonaws.com"
    assert text_of(permission["SourceArn"]) == "<Schedule.Arn>"
    queue = stack.one("SQS::Queue")
    assert queue["QueueName"] == "crypto-schedule-dead-letters-dev"
    assert queue["MessageRetentionPeriod"] == 12 * 86_400
    assert queue["SqsManagedSseEnabled"] is True
    deny, allow = stack.one("SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Action"] == "sqs:SendMessage"
    assert text_of(allow["Condition"]["ArnEquals"]["aws:SourceArn"]) == "<Schedule.Arn>"


def test_the_container_makes_a_mock_trade_each_second(ours):
    stack = ours.stack("container", STACK)
    task = stack.one("ECS::TaskDefinition")
    assert (task["Cpu"], task["Memory"], task["Family"]) == (
        "512",
        "1024",
        "crypto-mock-producer-dev",
    )
    (container,) = task["ContainerDefinitions"]
    assert container["Image"] == "123.dkr.ecr/penstock:1"
    assert container["Command"] == [
        "produce", "--to", "kinesis", "--source", "simulated", "--rate", "1",
    ]  # fmt: skip
    assert container["ReadonlyRootFilesystem"] is True
    (variable,) = container["Environment"]
    assert (variable["Name"], text_of(variable["Value"])) == ("STREAM_NAME", "<Stream>")
    log = stack.one("Logs::LogGroup")
    assert log["LogGroupName"] == "/ecs/crypto-mock-producer-dev"
    assert log["RetentionInDays"] == 400


def test_there_is_one_container_and_never_two(ours):
    stack = ours.stack("container", STACK)
    service = stack.one("ECS::Service")
    assert (service["DesiredCount"], service["LaunchType"]) == (1, "FARGATE")
    deployment = service["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (
        0,
        100,
    )
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "ENABLED"
    group = stack.one("EC2::SecurityGroup")
    assert [(e["IpProtocol"], e["FromPort"]) for e in group["SecurityGroupEgress"]] == [
        ("tcp", 443)
    ]
    assert "SecurityGroupIngress" not in group
    assert stack.all("EC2::NatGateway") == {}
    assert stack.all("Lambda::Function") == {}


def test_in_a_network_of_the_foundation_the_container_has_no_address(ours):
    stack = ours.stack("container-vpc", STACK)
    service = stack.one("ECS::Service")
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert stack.all("EC2::VPC") == {}
