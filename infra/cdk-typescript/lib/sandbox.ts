/**
 * The profile for the emulator: the same app without what its CloudFormation lacks.
 *
 * Alarms over several metrics it lacks as well: `MonitoringStack` leaves them out itself,
 * for the dashboard shows what alarms there are.
 */

import { type App, CfnResource } from "aws-cdk-lib";

/** What MiniStack's CloudFormation refuses up front (docs/reference/sandbox.md). */
export const LEFT_OUT: readonly string[] = [
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
];

/** Takes every resource of a type in LEFT_OUT out of `app`. */
export function leaveOut(app: App): void {
  for (const construct of app.node.findAll()) {
    if (CfnResource.isCfnResource(construct) && LEFT_OUT.includes(construct.cfnResourceType)) {
      construct.node.scope?.node.tryRemoveChild(construct.node.id);
    }
  }
}
