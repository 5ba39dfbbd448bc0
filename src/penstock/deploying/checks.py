"""Invokes every function once: that it was deployed does not say that it starts."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from penstock.aws.errors import translated
from penstock.deploying.target import Target
from penstock.errors import ConfigError
from penstock.sandbox.functions import is_mock

__all__ = ["check_functions"]

# Batches of no record, and, to what a schedule calls, a wish to do nothing.
_EVENT = {"Records": [], "check": True}


def check_functions(target: Target, names: Iterable[str]) -> list[str]:
    """Invoke the functions with an event that does nothing; return what they answered.

    Raises:
        ConfigError: One failed, or has no code; the text says what it said.
        UnavailableError: One could not be invoked now.
    """
    return [_check(target, name) for name in names]


def _check(target: Target, name: str) -> str:
    with translated(f"lambda Invoke {name}"):
        answer = target.clients("lambda").invoke(
            FunctionName=name, Payload=json.dumps(_EVENT)
        )
        payload = answer["Payload"].read()
    said = str(payload, "utf-8", "replace")
    if answer.get("FunctionError"):
        raise ConfigError(
            f"{name} was deployed, and fails: {said}. Its log says more:"
            f" `penstock logs {name}`."
        )
    if is_mock(_read(payload)):
        raise ConfigError(f"{name} was deployed without its code: {said}")
    return said


def _read(payload: bytes) -> Any:  # noqa: ANN401 (whatever JSON holds)
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError as e:
        raise ConfigError(f"a function answered no JSON: {payload!r}") from e
