/** An SNS topic as this pipeline makes them: encrypted, by TLS alone, mailed. */

import type * as kms from "aws-cdk-lib/aws-kms";
import * as sns from "aws-cdk-lib/aws-sns";
import * as subscriptions from "aws-cdk-lib/aws-sns-subscriptions";
import type { Construct } from "constructs";

import { named } from "./names.ts";
import type { Settings } from "./settings.ts";

export interface TopicProps {
  readonly settings: Settings;
  /** Of infra/facts.json. */
  readonly name: "topic" | "alarm_topic";
  readonly displayName: string;
  readonly key: kms.IKey;
}

/** Makes the topic `props.name`, with the e-mail of the settings. */
export function makeTopic(scope: Construct, id: string, props: TopicProps): sns.Topic {
  const { settings, name, displayName, key } = props;
  const topic = new sns.Topic(scope, id, {
    topicName: named(settings, name),
    displayName,
    masterKey: key,
    enforceSSL: true,
  });
  if (settings.email !== "") {
    topic.addSubscription(new subscriptions.EmailSubscription(settings.email));
  }
  return topic;
}
