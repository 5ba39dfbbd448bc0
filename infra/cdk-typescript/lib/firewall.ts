/** Network Firewall: the functions reach the venues and AWS, and nothing else. */

import { Fn } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as networkfirewall from "aws-cdk-lib/aws-networkfirewall";
import type { Construct } from "constructs";

import { FACTS } from "./facts.ts";
import { named } from "./names.ts";
import { isProd, type Settings } from "./settings.ts";

/**
 * Sends what leaves the private subnets through a firewall, on its way to the NAT.
 *
 * private subnet -> firewall endpoint -> NAT gateway -> internet, and back the same
 * way: a firewall that sees one direction of a connection drops it.  There is one
 * endpoint, as there is one NAT gateway: each costs by the hour.
 */
export function addFirewall(scope: Construct, vpc: ec2.Vpc, settings: Settings): void {
  const firewallName = named(settings, "firewall");
  const subnet = new ec2.PrivateSubnet(scope, "FirewallSubnet", {
    vpcId: vpc.vpcId,
    availabilityZone: firstPublic(vpc).availabilityZone,
    cidrBlock: FACTS.network.firewall_subnet,
  });
  const firewall = new networkfirewall.CfnFirewall(scope, "Firewall", {
    firewallName,
    firewallPolicyArn: policyOf(scope, firewallName).attrFirewallPolicyArn,
    vpcId: vpc.vpcId,
    subnetMappings: [{ subnetId: subnet.subnetId }],
    deleteProtection: isProd(settings),
  });
  route(scope, vpc, subnet, firewall);
}

function policyOf(scope: Construct, name: string): networkfirewall.CfnFirewallPolicy {
  const allowed = new networkfirewall.CfnRuleGroup(scope, "AllowedDomains", {
    ruleGroupName: `${name}-domains`,
    type: "STATEFUL",
    capacity: 100,
    ruleGroup: {
      statefulRuleOptions: { ruleOrder: "STRICT_ORDER" },
      rulesSource: {
        rulesSourceList: {
          generatedRulesType: "ALLOWLIST",
          targetTypes: ["TLS_SNI", "HTTP_HOST"],
          targets: FACTS.network.allowed_domains,
        },
      },
    },
  });
  return new networkfirewall.CfnFirewallPolicy(scope, "FirewallPolicy", {
    firewallPolicyName: `${name}-policy`,
    firewallPolicy: {
      statelessDefaultActions: ["aws:forward_to_sfe"],
      statelessFragmentDefaultActions: ["aws:drop"],
      // In strict order what no rule passes is dropped, whatever its protocol; in the
      // default order the list would stop HTTP and TLS alone.
      statefulEngineOptions: { ruleOrder: "STRICT_ORDER" },
      statefulDefaultActions: ["aws:drop_established", "aws:alert_established"],
      statefulRuleGroupReferences: [{ resourceArn: allowed.attrRuleGroupArn, priority: 1 }],
    },
  });
}

function route(
  scope: Construct,
  vpc: ec2.Vpc,
  subnet: ec2.PrivateSubnet,
  firewall: networkfirewall.CfnFirewall,
): void {
  // Written "zone:vpce-id".
  const vpcEndpointId = Fn.select(1, Fn.split(":", Fn.select(0, firewall.attrEndpointIds)));
  const gate = firstPublic(vpc);
  const nat = gate.node.findChild("NATGateway") as ec2.CfnNatGateway;
  subnet.addDefaultNatRoute(nat.ref);
  for (const { node } of vpc.privateSubnets) {
    // The VPC's own route to the NAT gateway becomes one to the firewall.
    const own = node.findChild("DefaultRoute") as ec2.CfnRoute;
    own.natGatewayId = undefined;
    own.vpcEndpointId = vpcEndpointId;
  }
  for (const [i, destinationCidrBlock] of FACTS.network.private_subnets.entries()) {
    new ec2.CfnRoute(scope, `AnswersToFirewall${i}`, {
      routeTableId: gate.routeTable.routeTableId,
      destinationCidrBlock,
      vpcEndpointId,
    });
  }
}

function firstPublic(vpc: ec2.Vpc): ec2.ISubnet {
  const [first] = vpc.publicSubnets;
  if (first === undefined) {
    throw new Error("a firewall needs a VPC with a public subnet");
  }
  return first;
}
