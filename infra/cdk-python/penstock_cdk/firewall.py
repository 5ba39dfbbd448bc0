"""Network Firewall: the functions reach the venues and AWS, and nothing else."""

from aws_cdk import Fn
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_networkfirewall as networkfirewall
from constructs import Construct

from penstock_cdk.facts import FACTS
from penstock_cdk.settings import Settings

__all__ = ["add_firewall"]


def add_firewall(scope: Construct, vpc: ec2.Vpc, settings: Settings) -> None:
    """Send what leaves the private subnets through a firewall, on its way to the NAT.

    private subnet -> firewall endpoint -> NAT gateway -> internet, and back the same
    way: a firewall that sees one direction of a connection drops it.  There is one
    endpoint, as there is one NAT gateway: each costs by the hour.
    """
    name = settings.named("firewall")
    subnet = ec2.PrivateSubnet(
        scope,
        "FirewallSubnet",
        vpc_id=vpc.vpc_id,
        availability_zone=vpc.public_subnets[0].availability_zone,
        cidr_block=FACTS["network"]["firewall_subnet"],
    )
    firewall = networkfirewall.CfnFirewall(
        scope,
        "Firewall",
        firewall_name=name,
        firewall_policy_arn=_policy(scope, name).attr_firewall_policy_arn,
        vpc_id=vpc.vpc_id,
        subnet_mappings=[
            networkfirewall.CfnFirewall.SubnetMappingProperty(
                subnet_id=subnet.subnet_id
            )
        ],
        delete_protection=settings.is_prod,
    )
    _route(scope, vpc, subnet, firewall)


def _policy(scope: Construct, name: str) -> networkfirewall.CfnFirewallPolicy:
    groups = networkfirewall.CfnRuleGroup
    allowed = groups(
        scope,
        "AllowedDomains",
        rule_group_name=f"{name}-domains",
        type="STATEFUL",
        capacity=100,
        rule_group=groups.RuleGroupProperty(
            stateful_rule_options=groups.StatefulRuleOptionsProperty(
                rule_order="STRICT_ORDER"
            ),
            rules_source=groups.RulesSourceProperty(
                rules_source_list=groups.RulesSourceListProperty(
                    generated_rules_type="ALLOWLIST",
                    target_types=["TLS_SNI", "HTTP_HOST"],
                    targets=FACTS["network"]["allowed_domains"],
                )
            ),
        ),
    )
    policies = networkfirewall.CfnFirewallPolicy
    return policies(
        scope,
        "FirewallPolicy",
        firewall_policy_name=f"{name}-policy",
        firewall_policy=policies.FirewallPolicyProperty(
            stateless_default_actions=["aws:forward_to_sfe"],
            stateless_fragment_default_actions=["aws:drop"],
            # In strict order what no rule passes is dropped, whatever its protocol;
            # in the default order the list would stop HTTP and TLS alone.
            stateful_engine_options=policies.StatefulEngineOptionsProperty(
                rule_order="STRICT_ORDER"
            ),
            stateful_default_actions=["aws:drop_established", "aws:alert_established"],
            stateful_rule_group_references=[
                policies.StatefulRuleGroupReferenceProperty(
                    resource_arn=allowed.attr_rule_group_arn, priority=1
                )
            ],
        ),
    )


def _route(
    scope: Construct,
    vpc: ec2.Vpc,
    subnet: ec2.PrivateSubnet,
    firewall: networkfirewall.CfnFirewall,
) -> None:
    # Written "zone:vpce-id".
    endpoint = Fn.select(1, Fn.split(":", Fn.select(0, firewall.attr_endpoint_ids)))
    public = vpc.public_subnets[0]
    nat = public.node.find_child("NATGateway")
    assert isinstance(nat, ec2.CfnNatGateway)  # noqa: S101 - tells mypy
    subnet.add_default_nat_route(nat.ref)
    for private in vpc.private_subnets:
        # The VPC's own route to the NAT gateway becomes one to the firewall.
        own = private.node.find_child("DefaultRoute")
        assert isinstance(own, ec2.CfnRoute)  # noqa: S101 - tells mypy
        own.nat_gateway_id = None
        own.vpc_endpoint_id = endpoint
    for i, block in enumerate(FACTS["network"]["private_subnets"]):
        ec2.CfnRoute(
            scope,
            f"AnswersToFirewall{i}",
            route_table_id=public.route_table.route_table_id,
            destination_cidr_block=block,
            vpc_endpoint_id=endpoint,
        )
