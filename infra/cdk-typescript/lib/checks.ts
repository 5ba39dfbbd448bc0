/** What is possible by itself, and impossible beside the rest. */

import type { Settings } from "./settings.ts";

/** A context variable says what cannot be; the text says what to write instead. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** @throws SettingsError `settings` contradict each other. */
export function checkTogether(settings: Settings, consumers: number): void {
  if (settings.streamArn !== "") {
    checkStreamArn(settings);
  }
  if (settings.streamKeyArn !== "") {
    checkStreamKey(settings);
  }
  if (settings.producer === "ecs" && settings.producerImage === "") {
    throw new SettingsError(
      "producer = ecs needs the image of the producer's container." +
        " Write: -c producerImage=ACCOUNT.dkr.ecr.REGION.amazonaws.com/penstock:TAG",
    );
  }
  if (settings.profile === "sandbox") {
    checkSandbox(settings);
  }
  checkConcurrency(settings, consumers);
}

function checkConcurrency(settings: Settings, consumers: number): void {
  if (settings.streamMode === "on-demand") {
    if (settings.reserveConcurrency) {
      throw new SettingsError(
        "reserveConcurrency = true: AWS gives an on-demand stream as many shards as it" +
          " needs, so that nobody can tell how many consumers." +
          " Write: -c reserveConcurrency=false",
      );
    }
    return;
  }
  if (settings.provisionedConcurrency > consumers) {
    throw new SettingsError(
      `provisionedConcurrency = ${settings.provisionedConcurrency}: at most ${consumers}` +
        " consumers can run at once (shards x ParallelizationFactor)." +
        ` Write: -c provisionedConcurrency=${consumers}`,
    );
  }
}

function checkStreamArn({ streamArn, region }: Settings): void {
  if (!/^arn:aws[\w-]*:kinesis:[\w-]+:\d{12}:stream\/[\w.-]{1,128}$/.test(streamArn)) {
    throw new SettingsError(
      `streamArn = ${streamArn}: that is no stream. Write:` +
        " -c streamArn=arn:aws:kinesis:REGION:ACCOUNT:stream/NAME",
    );
  }
  const there = streamArn.split(":")[3];
  if (there !== region) {
    throw new SettingsError(
      `streamArn = ${streamArn}: the stream is in ${there}, the functions would be in` +
        ` ${region}, and Lambda reads no stream of another region. Deploy to ${there}` +
        ` (AWS_REGION=${there}), or name a stream of ${region}`,
    );
  }
}

function checkStreamKey({ streamKeyArn, streamArn, region }: Settings): void {
  if (streamArn === "") {
    throw new SettingsError(
      `streamKeyArn = ${streamKeyArn}: it is the key of an existing stream, and there is` +
        " none. Write streamArn too, or leave streamKeyArn out",
    );
  }
  const key = new RegExp(`^arn:aws[\\w-]*:kms:${region}:\\d{12}:key/[\\w-]+$`);
  if (!key.test(streamKeyArn)) {
    throw new SettingsError(
      `streamKeyArn = ${streamKeyArn}: that is no key in ${region}. Write:` +
        ` -c streamKeyArn=arn:aws:kms:${region}:ACCOUNT:key/ID`,
    );
  }
}

function checkSandbox({ network, audit }: Settings): void {
  if (network !== "none") {
    throw new SettingsError(
      `network = ${network}: the emulator has no NAT gateway and no Network Firewall.` +
        " Write: -c network=none",
    );
  }
  if (audit) {
    throw new SettingsError(
      "audit = true: the emulator's CloudFormation has no CloudTrail. Write: -c audit=false",
    );
  }
}
