#!/usr/bin/env node
/** Writes the templates of Penstock's infrastructure: `cdk synth`, or run this. */

import { App } from "aws-cdk-lib";

import { synthesise } from "./lib/app.ts";
import { SettingsError } from "./lib/settings.ts";

try {
  synthesise(new App(), {
    account: process.env["CDK_DEFAULT_ACCOUNT"] ?? "",
    region: process.env["CDK_DEFAULT_REGION"] ?? "",
  });
} catch (error) {
  if (error instanceof SettingsError) {
    console.error(error.message);
  } else if (error instanceof Error && error.message.includes("ValidationFailed")) {
    console.error("The templates break the rules named above");
  } else {
    throw error;
  }
  process.exitCode = 1;
}
