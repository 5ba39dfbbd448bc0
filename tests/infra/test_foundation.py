"""The network, the firewall and the audit trail, value by value."""

import pytest

from tests.infra.templates import text_of

DATA = (
    "arn:<AWS::Partition>:s3:::crypto-trading-data-<AWS::AccountId>-<AWS::Region>-dev"
)


@pytest.fixture
def stack(ours):
    return ours.stack("everything", "FoundationStack")


def test_nothing_of_it_is_there_unless_it_is_asked_for(ours):
    assert "FoundationStack-dev" not in ours.stacks("default")


def test_two_zones_and_one_gateway(stack):
    assert stack.one("EC2::VPC")["CidrBlock"] == "10.42.0.0/16"
    assert sorted(s["CidrBlock"] for s in stack.all("EC2::Subnet").values()) == [
        "10.42.0.0/24",
        "10.42.1.0/24",
        "10.42.10.0/24",
        "10.42.11.0/24",
        "10.42.20.0/28",
    ]
    assert len(stack.all("EC2::NatGateway")) == len(stack.all("EC2::EIP")) == 1


def test_s3_and_dynamodb_are_reached_past_the_nat_gateway(stack):
    endpoints = stack.all("EC2::VPCEndpoint").values()
    assert {text_of(e["ServiceName"]).rpartition(".")[2] for e in endpoints} == {
        "s3",
        "dynamodb",
    }
    assert {e["VpcEndpointType"] for e in endpoints} == {"Gateway"}


def test_what_was_refused_is_kept_150_days(stack):
    assert stack.one("EC2::FlowLog")["TrafficType"] == "REJECT"
    group = stack.one("Logs::LogGroup")
    assert (group["LogGroupName"], group["RetentionInDays"]) == (
        "/aws/vpc/crypto-pipeline-vpc-dev",
        150,
    )


def test_private_subnets_leave_by_the_firewall_and_answers_come_back_by_it(stack):
    routes = stack.all("EC2::Route").values()
    by_firewall = [r for r in routes if "VpcEndpointId" in r]
    assert sorted(r["DestinationCidrBlock"] for r in by_firewall) == [
        "0.0.0.0/0",
        "0.0.0.0/0",
        "10.42.10.0/24",
        "10.42.11.0/24",
    ]
    (by_nat,) = [r for r in routes if "NatGatewayId" in r]
    assert text_of(by_nat["RouteTableId"]).startswith("<FirewallSubnet")


def test_the_firewall_passes_the_venues_and_aws_and_drops_the_rest(stack):
    rules = stack.one("NetworkFirewall::RuleGroup")
    assert (rules["Type"], rules["Capacity"]) == ("STATEFUL", 100)
    assert rules["RuleGroup"] == {
        "RulesSource": {
            "RulesSourceList": {
                "GeneratedRulesType": "ALLOWLIST",
                "TargetTypes": ["TLS_SNI", "HTTP_HOST"],
                "Targets": [
                    "api.coinbase.com",
                    "api.exchange.coinbase.com",
                    ".amazonaws.com",
                ],
            }
        },
        "StatefulRuleOptions": {"RuleOrder": "STRICT_ORDER"},
    }
    policy = stack.one("NetworkFirewall::FirewallPolicy")["FirewallPolicy"]
    (group,) = policy.pop("StatefulRuleGroupReferences")
    assert text_of(group["ResourceArn"]) == "<AllowedDomains.RuleGroupArn>"
    assert group["Priority"] == 1
    assert policy == {
        "StatefulDefaultActions": ["aws:drop_established", "aws:alert_established"],
        "StatefulEngineOptions": {"RuleOrder": "STRICT_ORDER"},
        "StatelessDefaultActions": ["aws:forward_to_sfe"],
        "StatelessFragmentDefaultActions": ["aws:drop"],
    }
    assert stack.one("NetworkFirewall::Firewall")["DeleteProtection"] is False


def test_functions_run_in_the_private_subnets(ours):
    functions = ours.stack("everything", "DataConsumerStack").all("Lambda::Function")
    for function in functions.values():
        subnets = [text_of(s) for s in function["VpcConfig"]["SubnetIds"]]
        assert len(subnets) == 2
        assert all("privateSubnet" in s for s in subnets)


def test_the_trail_keeps_who_read_and_wrote_the_data(stack):
    trail = stack.one("CloudTrail::Trail")
    assert trail["TrailName"] == "crypto-pipeline-audit-dev"
    assert (trail["IsLogging"], trail["EnableLogFileValidation"]) == (True, True)
    (selector,) = trail["EventSelectors"]
    (resource,) = selector["DataResources"]
    assert resource["Type"] == "AWS::S3::Object"
    assert [text_of(v) for v in resource["Values"]] == [f"{DATA}/"]


def test_the_trail_goes_after_545_days_and_so_do_its_old_versions(stack):
    bucket = stack.one("S3::Bucket")
    assert text_of(bucket["BucketName"]) == (
        "crypto-pipeline-audit-<AWS::AccountId>-<AWS::Region>-dev"
    )
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 545
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
