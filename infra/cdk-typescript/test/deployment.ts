/** One deployment in a test: its stacks' templates, by the stacks' names. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { App, type Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";

import { build } from "../lib/app.ts";
import { readSettings, type Settings } from "../lib/settings.ts";

const WHERE = { account: "123456789012", region: "eu-west-3" };

/** Returns the settings that a context is read as. */
export function settingsOf(context: Record<string, unknown> = {}): Settings {
  return readSettings(new App({ context }), WHERE);
}

/** Returns the templates of the stacks that a context asks for. */
export function templatesOf(context: Record<string, unknown> = {}): Map<string, Template> {
  const codeDir = mkdtempSync(join(tmpdir(), "penstock-"));
  try {
    for (const name of ["producer", "consumer", "enrichment", "sweeper"]) {
      writeFileSync(join(codeDir, `${name}.zip`), name);
    }
    const app = new App({ context: { codeDir, ...context }, outdir: join(codeDir, "out") });
    build(app, readSettings(app, WHERE));
    const stacks = app.node.children as Stack[];
    return new Map(stacks.map((stack) => [stack.stackName, Template.fromStack(stack)]));
  } finally {
    rmSync(codeDir, { recursive: true });
  }
}

/** Returns the template of one stack of `templates`. */
export function stackOf(templates: Map<string, Template>, name: string): Template {
  const found = templates.get(name);
  if (found === undefined) {
    throw new Error(`no stack ${name}; there are ${[...templates.keys()].join(", ")}`);
  }
  return found;
}
