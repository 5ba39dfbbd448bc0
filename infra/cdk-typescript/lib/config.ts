/** The user's penstock.toml, as the functions get it. */

import { readFileSync } from "node:fs";

import { parse, TomlDate } from "smol-toml";

import type { Settings } from "./settings.ts";

/** Lambda's limit is 4 kB for all variables of a function. */
const MAX_BYTES = 3_000;

/** What a penstock.toml says, by table and key. */
export type Config = Readonly<Record<string, unknown>>;

/** Reads the settings of the file `path`. */
export function readConfig(path: string): Config {
  const text = read(path);
  let document: Config;
  let size: number;
  try {
    document = parse(text);
    size = ascii(JSON.stringify(document, noDates)).length;
  } catch (error) {
    throw new Error(`${(error as Error).message}; expected settings as in penstock.toml`);
  }
  if (size > MAX_BYTES) {
    const [is, most] = [size, MAX_BYTES].map((number) => number.toLocaleString("en-US"));
    throw new Error(
      `${is} bytes of settings; expected at most ${most}, for Lambda takes 4 kB of variables`,
    );
  }
  return document;
}

/** Returns the functions' PENSTOCK_CONFIG: `config`, and what tables' names end in. */
export function penstockConfig({ config, environment }: Settings): string {
  // Where the functions are, they know themselves.
  const { endpoint: _endpoint, region: _region, ...aws } = table(config["aws"]);
  return ascii(JSON.stringify({ ...config, aws: { ...aws, environment } }, inOrder));
}

/** Returns whether an alert of `config` has a price of its own. */
export function hasThreshold({ config }: Settings): boolean {
  const alerts = config["alerts"];
  return Array.isArray(alerts) && alerts.some((alert) => "below" in table(alert));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`cannot be read (${(error as Error).message}); expected a file`);
  }
}

/** Letters that are not ASCII are escaped, as CDK Python writes them. */
function ascii(json: string): string {
  return json.replace(
    /[\u0080-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** No setting is a date, and JSON has none. */
function noDates(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  // By now `value` is the date's text.
  if (this[key] instanceof TomlDate) {
    throw new Error(`${key} is a date`);
  }
  return value;
}

/** The same settings give the same text, in whichever order they were written. */
function inOrder(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}

function table(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
