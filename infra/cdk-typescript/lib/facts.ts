/** The defaults that every form of the infrastructure shares, from infra/facts.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import facts from "../../facts.json" with { type: "json" };

export const FACTS = facts;

/** The folder infra/. */
export const INFRA = join(import.meta.dirname, "..", "..");

/** What each `${placeholder}` of a policy stands for: an ARN, or several. */
export type Arns = Readonly<Record<string, string | readonly string[]>>;

export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

/**
 * Returns the policy document of infra/policies/`name`.json for `arns`.
 *
 * @throws Error The file has a placeholder that `arns` does not name.
 */
export function policy(name: string, arns: Arns): PolicyDocument {
  const path = join(INFRA, "policies", `${name}.json`);
  const document = JSON.parse(readFileSync(path, "utf8")) as PolicyDocument;
  return {
    ...document,
    Statement: document.Statement.map((statement) => ({
      ...statement,
      Resource: statement.Resource.flatMap((pattern) => resources(pattern, arns)),
    })),
  };
}

function resources(pattern: string, arns: Arns): string[] {
  const [, name = "", rest = ""] = /^\$\{(\w+)\}(.*)$/.exec(pattern) ?? [];
  const found = arns[name];
  if (found === undefined) {
    throw new Error(`${pattern}: no ARN is given for it`);
  }
  return [found].flat().map((arn) => arn + rest);
}
