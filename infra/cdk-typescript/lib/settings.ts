/**
 * What may be chosen at synthesis: context variables, checked before anything is made.
 *
 * Each has its default in infra/facts.json.  `cdk synth -c streamShardCount=4`, or the
 * key `context` of cdk.json, sets one.
 */

import type { App } from "aws-cdk-lib";

import { checkTogether, SettingsError } from "./checks.ts";
import { type Config, readConfig } from "./config.ts";
import { FACTS } from "./facts.ts";

export { SettingsError };

/** Of what has no default that would show how it is written. */
const EXAMPLES: Readonly<Record<string, string>> = {
  config: "penstock.toml",
  email: "you@example.com",
};
const PYTHONS = ["3.11", "3.12", "3.13"] as const;

/** Where it is to be deployed; "" where that is not known. */
export interface Where {
  readonly account: string;
  readonly region: string;
}

/** One deployment. */
export interface Settings extends Where {
  /** What the names of the resources end in. */
  readonly environment: string;
  /** "sandbox" is for what the emulator can hold. */
  readonly profile: "aws" | "sandbox";
  readonly streamMode: "provisioned" | "on-demand";
  /** Shards of a provisioned stream. */
  readonly shards: number;
  /** An existing stream to consume instead of one of our own, or "". */
  readonly streamArn: string;
  /** The key that encrypts that stream, or "" where it is AWS's own. */
  readonly streamKeyArn: string;
  /** Of each function; the consumer has a time-out of its own. */
  readonly memoryMb: number;
  readonly timeoutS: number;
  readonly architecture: "arm64" | "x86_64";
  readonly python: (typeof PYTHONS)[number];
  readonly producer: "lambda" | "ecs" | "none";
  /** Image of the producer's container, where `producer` is "ecs". */
  readonly producerImage: string;
  /** Whether a stream of events is enriched; adds a shard. */
  readonly enrichment: boolean;
  /** Whether there is a lake: Firehose, Glue, Athena. */
  readonly analytics: boolean;
  /** Whether CloudTrail keeps who did what. */
  readonly audit: boolean;
  readonly network: "none" | "vpc" | "firewalled";
  /** Whether the history can be queried by venue and time. */
  readonly historyIndex: boolean;
  /** Consumers that are kept warm. */
  readonly provisionedConcurrency: number;
  /** Whether the consumer gets as many as it can need. */
  readonly reserveConcurrency: boolean;
  /** Price below which an alert fires, in the quote currency. */
  readonly priceThreshold: number;
  /** Who gets the alerts and the alarms, or "". */
  readonly email: string;
  /** What the user's penstock.toml says, by table and key. */
  readonly config: Config;
  /** Folder of the functions' zips. */
  readonly codeDir: string;
  /** Value of the tag `owner`. */
  readonly owner: string;
}

/** Returns how many invocations of the consumer can run at once. */
export function consumers(settings: Settings): number {
  return settings.shards * FACTS.consumer.parallelization_factor;
}

/** Returns whether the data stays when its stacks go. */
export function isProd({ environment }: Settings): boolean {
  return environment === "prod";
}

/**
 * Reads the context of `app`.
 *
 * @throws SettingsError A variable's value is none of those that can be deployed.
 */
export function readSettings(app: App, where: Where): Settings {
  const of = contextOf(app);
  const { functions } = FACTS;
  const settings: Settings = {
    ...where,
    environment: of("environment", FACTS.environment, oneOf(...FACTS.environments)),
    profile: of("profile", "aws", oneOf("aws", "sandbox")),
    streamMode: of("streamMode", streamMode(FACTS.stream.mode), streamMode),
    shards: of("streamShardCount", FACTS.stream.shards, between(1, 10_000)),
    streamArn: of("streamArn", "", String),
    streamKeyArn: of("streamKeyArn", "", String),
    memoryMb: of("lambdaMemorySize", functions.memory_mb, between(128, 10_240)),
    timeoutS: of("lambdaTimeout", functions.timeout_s, between(3, 900)),
    architecture: of("lambdaArchitecture", architecture(functions.architecture), architecture),
    python: of("lambdaPython", python(functions.python), python),
    producer: of("producer", "lambda", oneOf("lambda", "ecs", "none")),
    producerImage: of("producerImage", "", String),
    enrichment: of("enrichment", false, flag),
    analytics: of("analytics", true, flag),
    audit: of("audit", false, flag),
    network: of("network", "none", oneOf("none", "vpc", "firewalled")),
    historyIndex: of("historyIndex", false, flag),
    provisionedConcurrency: of("provisionedConcurrency", 0, between(0, 1_000)),
    reserveConcurrency: of("reserveConcurrency", false, flag),
    priceThreshold: of("priceThreshold", FACTS.alerts.price_threshold, price),
    email: of("email", "", email),
    config: of("config", {}, readConfig),
    codeDir: of("codeDir", "", String),
    owner: of("owner", FACTS.tags.owner, String),
  };
  checkTogether(settings, consumers(settings));
  return settings;
}

type Reader<T> = (text: string) => T;

function contextOf(app: App): <T>(name: string, byDefault: NoInfer<T>, read: Reader<T>) => T {
  return (name, byDefault, read) => {
    const found: unknown = app.node.tryGetContext(name);
    if (found === undefined) {
      return byDefault;
    }
    try {
      return read(String(found));
    } catch (error) {
      const example = EXAMPLES[name] ?? String(byDefault);
      throw new SettingsError(
        `${name} = ${String(found)}: ${(error as Error).message}.` +
          ` Write for instance: -c ${name}=${example}`,
      );
    }
  };
}

function oneOf<const T extends string>(...words: readonly T[]): Reader<T> {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found === undefined) {
      throw new Error(`expected one of ${words.join(", ")}`);
    }
    return found;
  };
}

function between(low: number, high: number): Reader<number> {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d{1,9}$/.test(text) || value < low || value > high) {
      throw new Error(`expected a whole number from ${low} to ${high}`);
    }
    return value;
  };
}

function flag(text: string): boolean {
  const word = text.toLowerCase();
  if (word !== "true" && word !== "false") {
    throw new Error("expected true or false");
  }
  return word === "true";
}

function price(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!(value > 0 && value < Infinity)) {
    throw new Error("expected a price above 0");
  }
  return value;
}

function email(text: string): string {
  if (text !== "" && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text)) {
    throw new Error("expected an e-mail address");
  }
  return text;
}

const architecture = oneOf("arm64", "x86_64");

const python = oneOf(...PYTHONS);

function streamMode(text: string): "provisioned" | "on-demand" {
  if (text === "service-managed" || text === "uniform") {
    throw new Error(
      "records spread by the service ignore their partition keys, so that a ticker's" +
        " trades would lose their order; expected provisioned or on-demand",
    );
  }
  return oneOf("provisioned", "on-demand")(text);
}
