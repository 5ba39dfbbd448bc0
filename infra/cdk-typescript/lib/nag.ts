/** Findings of cdk-nag's AwsSolutions pack that are accepted, each with its reason. */

import { Stack, Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

import type { PolicyDocument } from "./facts.ts";

const STARS = [
  [":*", "Streams of one log group, which have no name before they are written"],
  ["/*", "Objects or tables of one folder, which have no name before they are made"],
] as const;

/** Accepts what `rule` finds in `construct`, because of `reason`. */
export function accept(construct: IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({
    id: `AwsSolutions::AwsSolutions-${rule}`,
    reason,
  });
}

/** Accepts those resources of a policy that end in what can only be a star. */
export function acceptStars(construct: IConstruct, document: PolicyDocument): void {
  const stack = Stack.of(construct);
  for (const resource of document.Statement.flatMap((one) => one.Resource)) {
    const text = flat(stack.resolve(resource) as Resolved);
    for (const [end, reason] of STARS) {
      if (text.endsWith(end)) {
        accept(construct, `IAM5[Resource::${text}]`, reason);
      }
    }
  }
}

type Resolved =
  | string
  | { readonly Ref: string }
  | { readonly "Fn::GetAtt": readonly string[] }
  | { readonly "Fn::Join": readonly [string, readonly Resolved[]] };

/** As cdk-nag writes a resource of which parts are known at deployment only. */
function flat(resolved: Resolved): string {
  if (typeof resolved === "string") {
    return resolved;
  }
  if ("Fn::Join" in resolved) {
    const [separator, parts] = resolved["Fn::Join"];
    return parts.map(flat).join(separator);
  }
  return "Ref" in resolved ? `<${resolved.Ref}>` : `<${resolved["Fn::GetAtt"].join(".")}>`;
}
