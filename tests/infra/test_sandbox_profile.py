"""The profile for the emulator is the app without what the emulator has not got."""

import json
import re

from tests.infra.templates import Stack

# What the emulator refuses before anything is made, of the types that we use.
REFUSED = {
    "AWS::Athena::NamedQuery",
    "AWS::Budgets::Budget",
    "AWS::CloudTrail::Trail",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::NatGateway",
    "AWS::NetworkFirewall::Firewall",
    "AWS::NetworkFirewall::FirewallPolicy",
    "AWS::NetworkFirewall::RuleGroup",
}


def is_math(resource):
    return "Metrics" in resource.get("Properties", {})


def test_only_what_the_emulator_refuses_is_left_out(ours):
    full, small = ours.stacks("events"), ours.stacks("sandbox")
    assert full.keys() == small.keys()
    left_out = set()
    for name, template in full.items():
        ours_, theirs_ = Stack(template).resources, Stack(small[name]).resources
        assert theirs_.keys() <= ours_.keys()
        for gone in ours_.keys() - theirs_.keys():
            assert ours_[gone]["Type"] in REFUSED or is_math(ours_[gone])
            left_out.add(ours_[gone]["Type"])
        for kept in theirs_:
            if ours_[kept]["Type"] != "AWS::CloudWatch::Dashboard":
                assert theirs_[kept] == ours_[kept]
            assert ours_[kept]["Type"] not in REFUSED
    assert left_out == {
        "AWS::Athena::NamedQuery",
        "AWS::Budgets::Budget",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::CloudWatch::Alarm",
    }


def test_the_dashboard_shows_the_alarms_that_there_are(ours):
    def shown(job):
        text = json.dumps(
            ours.stack(job, "MonitoringStack").one("CloudWatch::Dashboard")
        )
        return set(re.findall(r'"Fn::GetAtt": \["(\w+)", "Arn"\]', text))

    assert len(shown("events") - shown("sandbox")) == 4  # one for each table
    assert shown("sandbox") < shown("events")
