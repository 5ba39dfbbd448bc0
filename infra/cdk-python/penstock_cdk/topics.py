"""An SNS topic as this pipeline makes them: encrypted, by TLS alone, mailed."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from penstock_cdk.settings import Settings

__all__ = ["make_topic"]


def make_topic(
    scope: Construct,
    id_: str,
    name: str,
    display_name: str,
    *,
    settings: Settings,
    key: kms.IKey,
) -> sns.Topic:
    """Make the topic `name` of infra/facts.json, with the e-mail of `settings`."""
    topic = sns.Topic(
        scope,
        id_,
        topic_name=settings.named(name),
        display_name=display_name,
        master_key=key,
        enforce_ssl=True,
    )
    if settings.email:
        topic.add_subscription(subscriptions.EmailSubscription(settings.email))
    return topic
