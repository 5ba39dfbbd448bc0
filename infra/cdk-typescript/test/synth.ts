/**
 * Writes the templates of several apps, faster than one process each:
 * `node test/synth.ts OUT < jobs.json`.
 *
 * Of each job {name: {"context": ..., "region": ...}} the templates come into OUT/name, and
 * what was refused is written to standard output, as {name: text}.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { App } from "aws-cdk-lib";

import { synthesise } from "../lib/app.ts";
import { SettingsError } from "../lib/settings.ts";

interface Job {
  readonly context: Readonly<Record<string, unknown>>;
  readonly region: string;
}

const STDIN = 0;

const [out = ""] = process.argv.slice(2);
const jobs = JSON.parse(readFileSync(STDIN, "utf8")) as Readonly<Record<string, Job>>;
const refused: Record<string, string> = {};
for (const [name, { context, region }] of Object.entries(jobs)) {
  try {
    synthesise(new App({ context, outdir: join(out, name) }), { account: "123456789012", region });
  } catch (error) {
    if (!(error instanceof SettingsError)) {
      throw error;
    }
    refused[name] = error.message;
  }
}
process.stdout.write(JSON.stringify(refused));
