"""Which records a mapping's FilterCriteria let through, as Lambda's guide says.

Pure.  https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html

    filters = Filters(mapping)
    kept = [record for record in records if filters.match(record)]

Literals, null, prefix, suffix, anything-but, equals-ignore-case, numeric, exists and
$or are known; another operator is refused, for a test that filters otherwise than AWS
does proves nothing.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.errors import ConfigError
from penstock.ports import Record

__all__ = ["Filters"]

_ABSENT = object()
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Filters:
    """The patterns of one mapping, of which any one lets a record through."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        """Read what GetEventSourceMapping answers.

        Raises:
            ConfigError: A pattern is no JSON object, or has an operator that is not
                known here.
        """
        criteria = mapping.get("FilterCriteria") or {}
        self._patterns = [
            _pattern(item.get("Pattern") or "{}")
            for item in criteria.get("Filters") or ()
        ]

    def match(self, record: Record) -> bool:
        """Tell whether the function is to see the record."""
        if not self._patterns:
            return True
        event = {"partitionKey": record.key, "data": _data(record.data)}
        return any(_matches(pattern, event) for pattern in self._patterns)


def _pattern(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
        _check(found)
    except (msgspec.DecodeError, ValueError) as e:
        raise ConfigError(f"filter pattern {text!r}: {e}") from e
    return found


def _check(pattern: Mapping[str, Any]) -> None:
    for key, wanted in pattern.items():
        if key == "$or" and isinstance(wanted, list):
            for choice in wanted:
                _check(choice)
        elif isinstance(wanted, dict):
            _check(wanted)
        elif isinstance(wanted, list):
            _check_rules(wanted)
        else:
            msg = f"{key} must be an object, or an array of what may be there"
            raise ValueError(msg)


def _check_rules(rules: Sequence[object]) -> None:
    for rule in rules:
        if isinstance(rule, dict) and (
            len(rule) != 1 or not _OPERATORS.keys() >= rule.keys()
        ):
            known = ", ".join(sorted(_OPERATORS))
            raise ValueError(f"{rule} is none of the operators known here: {known}")


def _data(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return data.decode(errors="replace")


def _matches(pattern: Mapping[str, Any], found: object) -> bool:
    return all(_key_matches(key, wanted, found) for key, wanted in pattern.items())


def _key_matches(key: str, wanted: Any, found: object) -> bool:  # noqa: ANN401 (JSON)
    if key == "$or" and isinstance(wanted, list):
        return any(_matches(choice, found) for choice in wanted)
    value = found.get(key, _ABSENT) if isinstance(found, dict) else _ABSENT
    if isinstance(wanted, dict):
        return _matches(wanted, value)
    values = value if isinstance(value, list) else [value]
    return any(_allows(rule, value) for rule in wanted for value in values)


def _allows(rule: object, value: object) -> bool:
    if not isinstance(rule, dict):
        return value is not _ABSENT and _equals(rule, value)
    ((name, wanted),) = rule.items()
    return _OPERATORS[name](wanted, value)


def _equals(rule: object, value: object) -> bool:
    # 1 is not true, whatever Python says; 1 is 1.0.
    return rule == value and isinstance(rule, bool) == isinstance(value, bool)


def _prefix(wanted: str, value: object) -> bool:
    return isinstance(value, str) and value.startswith(wanted)


def _suffix(wanted: str, value: object) -> bool:
    return isinstance(value, str) and value.endswith(wanted)


def _anything_but(wanted: object, value: object) -> bool:
    if value is _ABSENT:
        return False
    rules = wanted if isinstance(wanted, list) else [wanted]
    return not any(_allows(rule, value) for rule in rules)


def _ignoring_case(wanted: str, value: object) -> bool:
    return isinstance(value, str) and value.casefold() == wanted.casefold()


def _numeric(wanted: Sequence[Any], value: object) -> bool:
    pairs = list(zip(wanted[::2], wanted[1::2], strict=True))
    tests = [(_COMPARE[sign], float(limit)) for sign, limit in pairs]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return all(test(value, limit) for test, limit in tests)


def _exists(wanted: object, value: object) -> bool:
    return (value is not _ABSENT) is bool(wanted)


_OPERATORS: dict[str, Callable[[Any, object], bool]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "anything-but": _anything_but,
    "equals-ignore-case": _ignoring_case,
    "numeric": _numeric,
    "exists": _exists,
}
