import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { hasThreshold, penstockConfig } from "../lib/config.ts";
import { consumers } from "../lib/settings.ts";
import { settingsOf } from "./deployment.ts";

const REFUSED: readonly (readonly [Record<string, unknown>, RegExp])[] = [
  [{ streamShardCount: 0 }, /^streamShardCount = 0: expected a whole number from 1 to 10000\./],
  [{ streamShardCount: "2.5" }, /Write for instance: -c streamShardCount=2$/],
  [{ lambdaMemorySize: 100 }, /expected a whole number from 128 to 10240/],
  [{ environment: "live" }, /expected one of dev, test, staging, prod\..* -c environment=dev$/],
  [{ streamMode: "service-managed" }, /would lose their order; expected provisioned or/],
  [{ analytics: "yes" }, /expected true or false\. Write for instance: -c analytics=true$/],
  [{ priceThreshold: "free" }, /expected a price above 0/],
  [{ email: "nobody" }, /expected an e-mail address/],
  [{ config: "/nowhere.toml" }, /cannot be read \(ENOENT.*\); expected a file\./],
  [{ producer: "ecs" }, /Write: -c producerImage=/],
  [{ provisionedConcurrency: 9 }, /Write: -c provisionedConcurrency=8$/],
  [{ streamKeyArn: "alias/theirs" }, /it is the key of an existing stream, and there is none/],
  [{ streamMode: "on-demand", reserveConcurrency: true }, /-c reserveConcurrency=false$/],
  [{ streamArn: "crypto" }, /that is no stream\. Write: -c streamArn=arn:aws:kinesis:/],
  [
    { streamArn: "arn:aws:kinesis:us-east-1:123456789012:stream/prices" },
    /the stream is in us-east-1.* Deploy to us-east-1/,
  ],
  [{ profile: "sandbox", network: "vpc" }, /Write: -c network=none$/],
  [{ profile: "sandbox", audit: true }, /Write: -c audit=false$/],
];

for (const [context, message] of REFUSED) {
  test(`${JSON.stringify(context)} is refused, with what to write instead`, () => {
    assert.throws(() => settingsOf(context), { name: "SettingsError", message });
  });
}

test("the consumer runs once per shard and lane", () => {
  assert.equal(consumers(settingsOf({ streamShardCount: "3" })), 12);
});

test("settings with a date are refused: no setting is one", () => {
  const folder = mkdtempSync(join(tmpdir(), "penstock-"));
  try {
    const config = join(folder, "penstock.toml");
    writeFileSync(config, "[run]\nsince = 2026-11-28\n");
    const message = /since is a date; expected settings as in penstock\.toml\./;
    assert.throws(() => settingsOf({ config }), { name: "SettingsError", message });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the functions get the user's settings, but not where they are", () => {
  const folder = mkdtempSync(join(tmpdir(), "penstock-"));
  try {
    const config = join(folder, "penstock.toml");
    writeFileSync(
      config,
      '[[alerts]]\nticker = "BTC-USD"\nbelow = 84000\nname = "\u00e9"\n' +
        '[aws]\nregion = "eu-north-1"\n',
    );
    const settings = settingsOf({ config, environment: "staging" });
    assert.equal(
      penstockConfig(settings),
      '{"alerts":[{"below":84000,"name":"\\u00e9","ticker":"BTC-USD"}],' +
        '"aws":{"environment":"staging"}}',
    );
    assert.equal(hasThreshold(settings), true);
    assert.equal(hasThreshold(settingsOf()), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
