"""What may be chosen at synthesis: context variables, checked before anything is made.

Each has its default in infra/facts.json.  `cdk synth -c streamShardCount=4`, or the
key `context` of cdk.json, sets one.
"""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App

from penstock_cdk.facts import FACTS

__all__ = ["Settings", "SettingsError", "read_settings"]

_MAX_CONFIG = 3_000  # bytes
# Of what has no default that would show how it is written.
_EXAMPLES = {"config": "penstock.toml", "email": "you@example.com"}
_PYTHONS = ("3.11", "3.12", "3.13")


class SettingsError(Exception):
    """A context variable says what cannot be; the text says what to write instead."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One deployment.

    Attributes:
        environment: What the names of the resources end in.
        account, region: Where; the account is "" where synthesis does not know it.
        profile: "aws", or "sandbox" for what the emulator can hold.
        stream_mode: "provisioned" or "on-demand".
        shards: Shards of a provisioned stream.
        stream_arn: An existing stream to consume instead of one of our own, or "".
        stream_key_arn: The key that encrypts that stream, or "" where it is AWS's own.
        memory_mb, timeout_s: Of each function; the consumer has a time-out of its own.
        architecture, python: What the functions run on.
        producer: "lambda", "ecs" or "none".
        producer_image: Image of the producer's container, where `producer` is "ecs".
        enrichment: Whether a stream of events is enriched; adds a shard.
        analytics: Whether there is a lake: Firehose, Glue, Athena.
        audit: Whether CloudTrail keeps who did what.
        network: "none", "vpc" or "firewalled".
        history_index: Whether the history can be queried by venue and time.
        provisioned_concurrency: Consumers that are kept warm.
        reserve_concurrency: Whether the consumer gets as many as it can need.
        price_threshold: Price below which an alert fires, in the quote currency.
        email: Who gets the alerts and the alarms, or "".
        config: What the user's penstock.toml says, by table and key.
        code_dir: Folder of the functions' zips.
        owner: Value of the tag `owner`.
    """

    environment: str
    account: str
    region: str
    profile: str
    stream_mode: str
    shards: int
    stream_arn: str
    stream_key_arn: str
    memory_mb: int
    timeout_s: int
    architecture: str
    python: str
    producer: str
    producer_image: str
    enrichment: bool
    analytics: bool
    audit: bool
    network: str
    history_index: bool
    provisioned_concurrency: int
    reserve_concurrency: bool
    price_threshold: float
    email: str
    config: dict[str, Any]
    code_dir: str
    owner: str

    def named(self, key: str) -> str:
        """Return the name of resource `key` of infra/facts.json in this environment."""
        return f"{FACTS['names'][key]}-{self.environment}"

    @property
    def is_prod(self) -> bool:
        """Whether the data stays when its stacks go."""
        return self.environment == "prod"

    @property
    def penstock_config(self) -> str:
        """The functions' PENSTOCK_CONFIG: `config`, and what tables' names end in."""
        # Where the functions are, they know themselves.
        left_out = ("endpoint", "region")
        aws = {k: v for k, v in self.config.get("aws", {}).items() if k not in left_out}
        aws["environment"] = self.environment
        document = {**self.config, "aws": aws}
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    @property
    def has_threshold(self) -> bool:
        """Whether an alert of `config` has a price of its own."""
        return any("below" in alert for alert in self.config.get("alerts", []))

    @property
    def consumers(self) -> int:
        """Invocations of the consumer that can run at once."""
        return self.shards * int(FACTS["consumer"]["parallelization_factor"])


def read_settings(app: App, *, account: str, region: str) -> Settings:
    """Read the context of `app`.

    Raises:
        SettingsError: A variable's value is none of those that can be deployed.
    """
    of = _Context(app).of
    functions = FACTS["functions"]
    settings = Settings(
        environment=of(
            "environment", FACTS["environment"], _one_of(*FACTS["environments"])
        ),
        account=account,
        region=region,
        profile=of("profile", "aws", _one_of("aws", "sandbox")),
        stream_mode=of("streamMode", FACTS["stream"]["mode"], _stream_mode),
        shards=of("streamShardCount", FACTS["stream"]["shards"], _between(1, 10_000)),
        stream_arn=of("streamArn", "", str),
        stream_key_arn=of("streamKeyArn", "", str),
        memory_mb=of("lambdaMemorySize", functions["memory_mb"], _between(128, 10_240)),
        timeout_s=of("lambdaTimeout", functions["timeout_s"], _between(3, 900)),
        architecture=of(
            "lambdaArchitecture", functions["architecture"], _one_of("arm64", "x86_64")
        ),
        python=of("lambdaPython", functions["python"], _one_of(*_PYTHONS)),
        producer=of("producer", "lambda", _one_of("lambda", "ecs", "none")),
        producer_image=of("producerImage", "", str),
        enrichment=of("enrichment", False, _switch),
        analytics=of("analytics", True, _switch),
        audit=of("audit", False, _switch),
        network=of("network", "none", _one_of("none", "vpc", "firewalled")),
        history_index=of("historyIndex", False, _switch),
        provisioned_concurrency=of("provisionedConcurrency", 0, _between(0, 1_000)),
        reserve_concurrency=of("reserveConcurrency", False, _switch),
        price_threshold=of(
            "priceThreshold", FACTS["alerts"]["price_threshold"], _price
        ),
        email=of("email", "", _email),
        config=of("config", {}, _config),
        code_dir=of("codeDir", "", str),
        owner=of("owner", FACTS["tags"]["owner"], str),
    )
    _check_together(settings)
    return settings


class _Context:
    def __init__(self, app: App) -> None:
        self._app = app

    def of(self, name: str, default: object, read: Callable[[str], Any]) -> Any:  # noqa: ANN401
        found = self._app.node.try_get_context(name)
        if found is None:
            return default
        try:
            return read(str(found))
        except ValueError as e:
            raise SettingsError(
                f"{name} = {found}: {e}. Write for instance:"
                f" -c {name}={_example(name, default)}"
            ) from e


def _example(name: str, default: object) -> str:
    return _EXAMPLES.get(name, _word(default))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return text

    return read


def _between(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return read


def _switch(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "false"):
        raise ValueError("expected true or false")
    return word == "true"


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = 0.0
    if not 0 < price < float("inf"):
        raise ValueError("expected a price above 0")
    return price


def _email(text: str) -> str:
    if text and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
        raise ValueError("expected an e-mail address")
    return text


def _config(text: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(Path(text).read_text(encoding="utf-8"))
        # Lambda's limit is 4 kB for all variables of a function, in JSON's letters.
        size = len(json.dumps(document, separators=(",", ":")))
    except OSError as e:
        raise ValueError(f"cannot be read ({e.strerror}); expected a file") from e
    except (tomllib.TOMLDecodeError, TypeError) as e:
        raise ValueError(f"{e}; expected settings as in penstock.toml") from e
    if size > _MAX_CONFIG:
        raise ValueError(
            f"{size:,} bytes of settings; expected at most {_MAX_CONFIG:,}, for Lambda"
            " takes 4 kB of variables"
        )
    return document


def _stream_mode(text: str) -> str:
    if text in ("service-managed", "uniform"):
        raise ValueError(
            "records spread by the service ignore their partition keys, so that a"
            " ticker's trades would lose their order; expected provisioned or on-demand"
        )
    return _one_of("provisioned", "on-demand")(text)


def _check_together(settings: Settings) -> None:
    # What is possible by itself, and impossible beside the rest.
    if settings.stream_arn:
        _check_stream_arn(settings)
    if settings.stream_key_arn:
        _check_stream_key(settings)
    if settings.producer == "ecs" and not settings.producer_image:
        raise SettingsError(
            "producer = ecs needs the image of the producer's container."
            " Write: -c producerImage=ACCOUNT.dkr.ecr.REGION.amazonaws.com/penstock:TAG"
        )
    if settings.profile == "sandbox":
        _check_sandbox(settings)
    _check_concurrency(settings)


def _check_concurrency(settings: Settings) -> None:
    if settings.stream_mode == "on-demand":
        if settings.reserve_concurrency:
            raise SettingsError(
                "reserveConcurrency = true: AWS gives an on-demand stream as many"
                " shards as it needs, so that nobody can tell how many consumers."
                " Write: -c reserveConcurrency=false"
            )
        return
    if settings.provisioned_concurrency > settings.consumers:
        raise SettingsError(
            f"provisionedConcurrency = {settings.provisioned_concurrency}: at most"
            f" {settings.consumers} consumers can run at once (shards x"
            " ParallelizationFactor). Write:"
            f" -c provisionedConcurrency={settings.consumers}"
        )


def _check_stream_arn(settings: Settings) -> None:
    arn = settings.stream_arn
    if not re.fullmatch(
        r"arn:aws[\w-]*:kinesis:[\w-]+:\d{12}:stream/[\w.-]{1,128}", arn
    ):
        raise SettingsError(
            f"streamArn = {arn}: that is no stream. Write:"
            " -c streamArn=arn:aws:kinesis:REGION:ACCOUNT:stream/NAME"
        )
    there = arn.split(":")[3]
    if there != settings.region:
        raise SettingsError(
            f"streamArn = {arn}: the stream is in {there}, the functions would be in"
            f" {settings.region}, and Lambda reads no stream of another region."
            f" Deploy to {there} (AWS_REGION={there}), or name a stream of"
            f" {settings.region}"
        )


def _check_stream_key(settings: Settings) -> None:
    arn = settings.stream_key_arn
    if not settings.stream_arn:
        raise SettingsError(
            f"streamKeyArn = {arn}: it is the key of an existing stream, and there is"
            " none. Write streamArn too, or leave streamKeyArn out"
        )
    if not re.fullmatch(
        rf"arn:aws[\w-]*:kms:{settings.region}:\d{{12}}:key/[\w-]+", arn
    ):
        raise SettingsError(
            f"streamKeyArn = {arn}: that is no key in {settings.region}. Write:"
            f" -c streamKeyArn=arn:aws:kms:{settings.region}:ACCOUNT:key/ID"
        )


def _check_sandbox(settings: Settings) -> None:
    if settings.network != "none":
        raise SettingsError(
            f"network = {settings.network}: the emulator has no NAT gateway and no"
            " Network Firewall. Write: -c network=none"
        )
    if settings.audit:
        raise SettingsError(
            "audit = true: the emulator's CloudFormation has no CloudTrail."
            " Write: -c audit=false"
        )
