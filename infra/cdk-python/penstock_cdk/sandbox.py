"""The profile for the emulator: the same app without what its CloudFormation lacks.

Alarms over several metrics it lacks as well: `MonitoringStack` leaves them out itself,
for the dashboard shows what alarms there are.
"""

from aws_cdk import App, CfnResource

__all__ = ["LEFT_OUT", "leave_out"]

# What MiniStack's CloudFormation refuses up front (docs/reference/sandbox.md).
LEFT_OUT = (
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
)


def leave_out(app: App) -> None:
    """Take every resource of a type in LEFT_OUT out of `app`."""
    for construct in list(app.node.find_all()):
        if CfnResource.is_cfn_resource(construct):
            resource = construct
            if resource.cfn_resource_type in LEFT_OUT:  # type: ignore[attr-defined]
                parent = construct.node.scope
                if parent is not None:
                    parent.node.try_remove_child(construct.node.id)
